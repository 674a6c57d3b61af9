//! TLS handshakes that show what a server has, whoever it is: protocol, cipher suite and certificate chain.
//!
//! Any certificate is accepted and nothing is trusted: whether a chain is valid is for others to judge. TLS 1.2 and 1.3
//! by rustls, which a page can follow; what rustls does not speak by `prober/`, as far as the certificates.
//! Next: `verifier.rs` for what is accepted, `subject.rs` for distinguished names, `ciphers.rs` for those of suites.

mod ciphers;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod prober;
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

pub use prober::{ProbeError, probe};
pub use subject::{Names, subject};
use verifier::AcceptAll;

/// What a handshake showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// `TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The IANA name of the cipher suite; of one without a name here its number, `0x1A2B`.
    pub cipher: String,
    /// Its name in OpenSSL, if it has one there.
    pub openssl_cipher: Option<&'static str>,
    /// The certificates in the order sent, the leaf first; not parsed. Less than 100 KiB in all.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Handshake {
    fn new(protocol: &'static str, cipher: u16, certificates: Vec<CertificateDer<'static>>) -> Self {
        let suite = ciphers::suite(cipher);
        Self {
            protocol,
            cipher: suite.map_or_else(|| format!("0x{cipher:04X}"), |suite| suite.iana.to_owned()),
            openssl_cipher: suite.map(|suite| suite.openssl),
            certificates,
        }
    }
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
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

impl HandshakeError {
    /// Whether the server may have more to say to [`probe`]: it speaks TLS, or nobody can tell.
    pub fn is_worth_a_probe(&self) -> bool {
        !matches!(self, Self::Timeout | Self::Tls(rustls::Error::InvalidMessage(_)))
    }
}

impl From<io::Error> for HandshakeError {
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
    // rustls sends no SNI for an address; which one does not matter, as nothing is checked against it.
    let nameless = || ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
    let server = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| nameless());
    let connecting = TlsConnector::from(CONFIG.clone()).connect(server, stream);
    let stream = timeout_at(deadline, connecting).await.map_err(|_| HandshakeError::Timeout)??;
    let (_, connection) = stream.get_ref();
    let protocol = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    // A handshake that is done has agreed on a suite.
    let cipher = connection.negotiated_cipher_suite().map_or(0, |suite| u16::from(suite.suite()));
    let chain = connection.peer_certificates().unwrap_or_default();
    let chain = chain.iter().map(|der| der.clone().into_owned()).collect();
    let handshake = Handshake::new(protocol, cipher, chain);
    Ok((Box::new(stream), handshake))
}

/// What all handshakes have in common. Each is a full one: a resumed session shows no certificates.
static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAll))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
});

#[cfg(test)]
mod tests;
