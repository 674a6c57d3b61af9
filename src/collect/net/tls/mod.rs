//! TLS handshakes that show what a server has, whoever it is: protocol, cipher suite and certificate chain.
//!
//! Any certificate is accepted and nothing is trusted: whether a chain is valid is for others to judge. TLS 1.2 and 1.3
//! by rustls; TLS 1.0 and 1.1 need a raw ClientHello, which will be a sibling of this file with the same [`Handshake`].
//! Next: `verifier.rs` for what is accepted, `subject.rs` for distinguished names.

#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod subject;
mod verifier;

use std::io;
use std::sync::{Arc, LazyLock};

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use subject::subject;
use verifier::Recorder;

/// What a handshake showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The IANA name of the cipher suite.
    pub cipher: String,
    /// The certificates in the order sent, the leaf first; not parsed. At most 64 KiB in all (rustls' bound).
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Why a handshake failed, and the certificates that were seen before it did.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct HandshakeError {
    /// What went wrong.
    pub cause: HandshakeFault,
    /// The certificates that the server had sent by then, the leaf first.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// What went wrong in a handshake.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFault {
    /// The server fell silent.
    #[error("TLS handshake timed out")]
    Timeout,
    /// The server sent an alert, or something that is not TLS.
    #[error("TLS handshake failed: {0}")]
    Tls(rustls::Error),
    /// The connection broke.
    #[error("connection lost in the TLS handshake: {0}")]
    Io(io::Error),
}

impl From<io::Error> for HandshakeFault {
    fn from(error: io::Error) -> Self {
        // tokio-rustls hands errors of rustls on inside of I/O errors.
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::Tls(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// Makes a handshake on a fresh connection. `name` goes into the SNI extension if it can; a name that no SNI can carry
/// (a label that starts with a hyphen, an address) is left out.
pub async fn handshake(
    stream: TcpStream,
    name: &str,
    deadline: Instant,
) -> Result<(Box<TlsStream<TcpStream>>, Handshake), HandshakeError> {
    let recorder = Arc::new(Recorder::default());
    let failed = |cause: HandshakeFault| HandshakeError { cause, certificates: recorder.certificates() };

    // rustls sends no SNI for an address; which one does not matter, as nothing is checked against it.
    let nameless = || ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
    let server = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| nameless());

    // A failed handshake leaves no connection to ask for the chain, and the verifier does not learn on which connection
    // it works: one verifier, and so one configuration, for each.
    let mut config = CONFIG.clone();
    config.dangerous().set_certificate_verifier(recorder.clone());

    let connecting = TlsConnector::from(Arc::new(config)).connect(server, stream);
    let stream = match timeout_at(deadline, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(error.into())),
        Err(_) => return Err(failed(HandshakeFault::Timeout)),
    };
    let (_, connection) = stream.get_ref();
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    let handshake = Handshake {
        protocol: match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        cipher: suite.map(iana_name).unwrap_or_default(),
        certificates: recorder.certificates(),
    };
    Ok((Box::new(stream), handshake))
}

/// What all handshakes have in common. Each is a full one: a resumed session shows no certificates.
static CONFIG: LazyLock<ClientConfig> = LazyLock::new(|| {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Recorder::default()))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
});

/// rustls marks the suites of TLS 1.3 in their names, IANA does not.
fn iana_name(suite: rustls::CipherSuite) -> String {
    let name = format!("{suite:?}");
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name,
    }
}

#[cfg(test)]
mod tests;
