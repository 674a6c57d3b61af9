//! A server that has TLS 1.0 only, as rustls does not: the messages up to the certificates, which come in the clear.
//!
//! Nobody gets further: whoever speaks TLS 1.2 or newer only is sent away, and to the others the key exchange never comes.

use std::io;

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// TLS 1.0 (RFC 2246).
const VERSION: [u8; 2] = [3, 1];
/// TLS_RSA_WITH_AES_128_CBC_SHA (RFC 3268), which only old clients offer.
const SUITE: [u8; 2] = [0, 0x2F];
/// `protocol_version`, fatal (RFC 5246 section 7.2).
const REFUSAL: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];
/// Types of messages (RFC 5246 section 7.4).
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_HELLO_DONE: u8 = 14;

/// Answers one hello with `chain`.
pub async fn serve(mut stream: TcpStream, chain: &[CertificateDer<'_>]) -> io::Result<()> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut hello).await?;
    if !hello.windows(2).any(|suite| suite == SUITE) {
        stream.write_all(&REFUSAL).await?;
        return stream.shutdown().await;
    }
    for message in flight(chain) {
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        stream.write_all(&[&[22], &VERSION[..], &length.to_be_bytes(), &message].concat()).await?;
    }
    // What the client says next is not understood here.
    stream.read(&mut [0; 1024]).await?;
    stream.shutdown().await
}

fn flight(chain: &[CertificateDer<'_>]) -> [Vec<u8>; 3] {
    // A random number, no session, no compression.
    let hello = [&VERSION[..], &rand::random::<[u8; 32]>(), &[0], &SUITE, &[0]].concat();
    let certificates: Vec<u8> = chain.iter().flat_map(|certificate| with_length(certificate)).collect();
    [
        [&[SERVER_HELLO], with_length(&hello).as_slice()].concat(),
        [&[CERTIFICATE], with_length(&with_length(&certificates)).as_slice()].concat(),
        vec![SERVER_HELLO_DONE, 0, 0, 0],
    ]
}

/// `content` behind its length in three bytes.
fn with_length(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[1..], content].concat()
}
