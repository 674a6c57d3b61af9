//! Servers that do what no honest program does: silence, a reset, one byte a second, a head without end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Way = fn(&mut dyn Peer) -> std::io::Result<()>;

/// What they do on a connection, before or after a TLS handshake and a request.
const BARE: &[(&str, Way)] = &[
    ("tarpit", hang),
    ("reset", |peer| peer.read_exact(&mut [0])),
    ("drip", |peer| drip(peer, b"\x16\x03\x03\x40\0\x02\0\x3f\xfc\x03\x03")),
    ("banner", |peer| {
        peer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
        hang(peer)
    }),
    ("web", |peer| {
        peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        hang(peer)
    }),
];
const BEHIND_TLS: &[(&str, Way)] = &[
    ("silent-page", hang),
    ("no-page", |_| Ok(())),
    ("banner-page", |peer| peer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ("drip-head", |peer| drip(peer, b"HTTP/1.1 200 OK\r\n")),
    ("drip-page", |peer| {
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")?;
        drip(peer, b"")
    }),
    ("endless-head", |peer| {
        peer.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            peer.write_all(b"x: y\r\n")?;
        }
    }),
    ("endless-line", |peer| {
        loop {
            peer.write_all(b"HTTP/1.1 200 OK ")?;
        }
    }),
    ("endless-chunks", |peer| {
        peer.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            peer.write_all(b"10\r\n0123456789abcdef\r\n")?;
        }
    }),
];

trait Peer: Read + Write {}
impl<T: Read + Write> Peer for T {}

/// Starts them all, for as long as the process runs; gives their ports.
pub fn start(dir: &Path) -> Vec<(&'static str, u16)> {
    let chain = CertificateDer::from_pem_file(dir.join("ecdsa.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("ecdsa.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![chain], key).unwrap());
    let bare = BARE.iter().map(|(name, way)| (*name, listen(|mut stream| way(&mut stream))));
    let behind = BEHIND_TLS.iter().map(|(name, way)| {
        let config = config.clone();
        let serve = move |stream| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = vec![];
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                request.extend(byte);
            }
            way(&mut stream)
        };
        (*name, listen(serve))
    });
    bare.chain(behind).collect()
}

fn listen(serve: impl Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            // A client that goes away is the end of it.
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Says nothing until the client goes.
fn hang(peer: &mut dyn Peer) -> std::io::Result<()> {
    while peer.read(&mut [0; 512])? > 0 {}
    Ok(())
}

/// One byte a second, those of `start` first, until the client goes.
fn drip(peer: &mut dyn Peer, start: &[u8]) -> std::io::Result<()> {
    let mut bytes = start.iter().copied();
    loop {
        peer.write_all(&[bytes.next().unwrap_or(b'x')])?;
        peer.flush()?;
        std::thread::sleep(Duration::from_secs(1));
    }
}
