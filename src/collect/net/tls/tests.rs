//! Handshakes with servers on the loopback.

use std::sync::{Arc, Mutex};

use rcgen::DnType;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;

use super::*;
use crate::collect::net::loopback::{Framing, Reply, Server, certificate, soon, tls_server};

async fn shake(server: &Server, name: &str) -> Result<Handshake, HandshakeError> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    handshake(stream, name, soon()).await.map(|(_, shown)| shown)
}

fn nothing() -> Reply {
    Reply::Write(vec![])
}

#[tokio::test]
async fn shows_protocol_cipher_and_chain() {
    for (version, protocol, ciphers) in [
        (&TLS13, "TLSv1.3", ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]),
        (
            &TLS12,
            "TLSv1.2",
            ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
        ),
    ] {
        let (leaf, key) = certificate(&["t.example"], &[(DnType::CommonName, "t.example")]);
        let (above, _) = certificate(&[], &[(DnType::CommonName, "above")]);
        let chain = vec![leaf, above];
        let server = Server::https(tls_server(&[version], chain.clone(), key), |_| nothing()).await;
        let shown = shake(&server, "t.example").await.unwrap();
        assert_eq!((shown.protocol, &shown.certificates), (protocol, &chain));
        assert!(ciphers.contains(&shown.cipher.as_str()), "{}", shown.cipher);
    }
}

/// Remembers the names that clients ask for.
#[derive(Debug)]
struct Names(Arc<CertifiedKey>, Mutex<Vec<Option<String>>>);

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.1.lock().unwrap().push(hello.server_name().map(str::to_owned));
        Some(self.0.clone())
    }
}

#[tokio::test]
async fn odd_names_are_asked_for_as_far_as_sni_can_carry_them() {
    let (leaf, key) = certificate(&["t.example"], &[]);
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(vec![leaf], key, &provider).unwrap();
    let names = Arc::new(Names(Arc::new(certified), Mutex::default()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(names.clone());
    let server = Server::https(config, |_| nothing()).await;
    for (name, asked) in [
        ("t.example", Some("t.example")),
        ("a_b.example", Some("a_b.example")),
        ("t.example.", Some("t.example")),
        ("-a.example", None),
        ("a b", None),
        ("", None),
        ("192.0.2.1", None),
        ("[::1]", None),
    ] {
        shake(&server, name).await.unwrap();
        let seen = names.1.lock().unwrap().pop().unwrap();
        assert_eq!(seen.as_deref(), asked, "{name:?}");
    }
}

#[tokio::test]
async fn tells_apart_why_there_is_no_handshake() {
    let banner = |_: &_| Reply::Write(b"SSH-2.0-x\r\n".to_vec());
    // A line of one byte: the hello is enough to be answered.
    let ssh = Server::start(None, Framing::Bytes(1), banner).await;
    let failed = shake(&ssh, "t.example").await.unwrap_err();
    assert!(matches!(failed, HandshakeError::Tls(_)), "{failed}");

    let hangs_up = Server::start(None, Framing::Bytes(1), |_| nothing()).await;
    let failed = shake(&hangs_up, "t.example").await.unwrap_err();
    assert!(matches!(failed, HandshakeError::Io(_)), "{failed}");

    let silent = Server::start(None, Framing::Bytes(1), |_| Reply::Hang(vec![])).await;
    let stream = TcpStream::connect(silent.address).await.unwrap();
    let failed = handshake(stream, "t.example", Instant::now()).await.unwrap_err();
    assert!(matches!(failed, HandshakeError::Timeout), "{failed}");
}
