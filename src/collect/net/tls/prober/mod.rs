//! What rustls does not speak: one ClientHello for TLS 1.2 and older with every cipher suite there is, and the answer read
//! up to the certificates, which come in the clear. The handshake goes no further, so there is no page behind it.
//! Next: `hello.rs` (what is sent), `flight.rs` (what is read).

pub mod flight;
mod hello;
#[cfg(test)]
mod tests;

use std::io;

use rustls::AlertDescription;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use flight::Flight;

use super::Handshake;

/// Why a server showed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The server fell silent.
    #[error("no answer to a TLS 1.2 hello in time")]
    Timeout,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Io(#[from] io::Error),
    /// The server closed the connection without a word, as some do that want another version.
    #[error("closed after the hello")]
    Closed,
    /// The server says that it does not go on (RFC 5246, 7.2).
    #[error("alert {} ({:?})", u8::from(*.0), .0)]
    Alert(AlertDescription),
    /// The server wants SSL 3.0, which nobody should speak any more.
    #[error("the server speaks SSL 3.0")]
    Ssl,
    /// What came is not TLS.
    #[error("what answers is not TLS")]
    NotTls,
    /// What came is TLS that breaks its own rules, or more of it than is read.
    #[error("the answer is broken TLS: {0}")]
    Broken(&'static str),
}

/// Asks the server on a fresh connection what it has. `name` goes into the SNI extension if it can.
pub async fn probe(mut stream: TcpStream, name: &str, deadline: Instant) -> Result<Handshake, ProbeError> {
    let asking = async {
        stream.write_all(&hello::client_hello(name)).await?;
        let (mut flight, mut read) = (Flight::default(), [0; 4096]);
        loop {
            match stream.read(&mut read).await? {
                0 => return Err(ProbeError::Closed),
                count => {
                    if let Some(handshake) = flight.take(&read[..count])? {
                        return Ok(handshake);
                    }
                }
            }
        }
    };
    timeout_at(deadline, asking).await.unwrap_or(Err(ProbeError::Timeout))
}
