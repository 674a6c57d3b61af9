//! Web hosts, asked with tokio-rustls and with plain HTTP over TCP.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::http::trusting;
use super::*;

/// Accepts every certificate, but checks that the host has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn accepting() -> TlsConnector {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap().dangerous();
    let builder = builder.with_custom_certificate_verifier(Arc::new(Anybody(provider)));
    TlsConnector::from(Arc::new(builder.with_no_client_auth()))
}

async fn connect(
    lab: &Lab,
    at: &str,
    name: &str,
    connector: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let address: IpAddr = at.parse().unwrap();
    let stream = TcpStream::connect((address, lab.ports.web.tls)).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    timeout(SOON, connector.connect(name, stream)).await.unwrap()
}

/// Subjects of the chain that a host shows.
async fn chain(lab: &Lab, at: &str, name: &str) -> (ProtocolVersion, Vec<String>) {
    let stream = connect(lab, at, name, &accepting()).await.unwrap();
    let session = stream.get_ref().1;
    let subject = |der: &CertificateDer<'_>| X509Certificate::from_der(der).unwrap().1.subject().to_string();
    (session.protocol_version().unwrap(), session.peer_certificates().unwrap().iter().map(subject).collect())
}

/// Status, head in lower case, and body of `GET path`.
async fn get(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> (u16, String, Vec<u8>) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![];
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
    (head[9..12].parse().unwrap(), head, answer.split_off(end + 4))
}

async fn get_tls(lab: &Lab, at: &str, host: &str, path: &str) -> (u16, String, Vec<u8>) {
    get(connect(lab, at, host, &accepting()).await.unwrap(), host, path).await
}

fn location(head: &str) -> &str {
    head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap()
}

#[tokio::test]
async fn hosts_show_certificates_of_all_kinds() {
    let lab = lab(LabOptions { scale: 1, ..LabOptions::default() }).await;
    let (version, shown) = chain(&lab, "127.80.1.10", "plna-lab.cz").await;
    assert_eq!((version, shown.len()), (ProtocolVersion::TLSv1_3, 2));
    assert!(shown[0].ends_with("CN=plna-lab.cz"), "{shown:?}");
    assert_eq!(shown[1], "C=CZ, O=Lab of domainflow, CN=Lab Issuing CA 1");
    for (at, name, length, subject) in [
        ("127.80.30.10", "samopodpis-lab.cz", 1, "CN=samopodpis-lab.cz"),
        ("127.80.30.12", "cizi-lab.cz", 2, "CN=somewhere.elsewhere-lab.com"),
        ("127.80.30.13", "dlouhy-retez-lab.cz", 6, "CN=dlouhy-retez-lab.cz"),
        ("127.80.1.10", "n000000-lab.cz", 2, "CN=shared.hosting-lab.cz"),
        ("::1", "sest-lab.net", 2, "CN=sest-lab.net"),
    ] {
        if at == "::1" && !lab.ports.web.ipv6 {
            continue;
        }
        let (_, shown) = chain(&lab, at, name).await;
        assert_eq!(shown.len(), length, "{name}");
        assert!(shown[0].ends_with(subject), "{shown:?}");
    }
    // What a client that checks says to them.
    let trusting = trusting(&lab);
    for (at, name, trusted) in [
        ("127.80.1.10", "plna-lab.cz", true),
        ("127.80.30.13", "dlouhy-retez-lab.cz", true),
        ("127.80.30.14", "dvanactka-lab.com", true),
        ("127.80.30.15", "trinactka-lab.com", true),
        ("127.80.30.16", "rsa-lab.com", true),
        ("127.80.30.17", "p384-lab.org", true),
        ("127.80.30.18", "ed25519-lab.org", true),
        ("127.80.30.19", "rsa12-lab.net", true),
        ("127.80.30.10", "samopodpis-lab.cz", false),
        ("127.80.30.11", "prosly-lab.cz", false),
        ("127.80.30.12", "cizi-lab.cz", false),
    ] {
        let connected = connect(&lab, at, name, &trusting).await;
        assert_eq!(connected.is_ok(), trusted, "{name}: {:?}", connected.err());
    }
    for (at, name, version) in [
        ("127.80.30.14", "dvanactka-lab.com", ProtocolVersion::TLSv1_2),
        ("127.80.30.19", "rsa12-lab.net", ProtocolVersion::TLSv1_2),
        ("127.80.30.15", "trinactka-lab.com", ProtocolVersion::TLSv1_3),
    ] {
        assert_eq!(chain(&lab, at, name).await.0, version, "{name}");
    }
}

#[tokio::test]
async fn pages_have_sizes_and_charsets() {
    let lab = lab(LabOptions::default()).await;
    for host in lab.universe.hosts.iter().filter(|host| host.pool) {
        let (status, head, body) = get_tls(&lab, &host.at.to_string(), "plna-lab.cz", "/").await;
        match status {
            200 => assert!((2000..=65_000).contains(&body.len()), "{}: {}", host.at, body.len()),
            302 => assert_eq!(location(&head), "/home"),
            other => panic!("{}: {other}", host.at),
        }
    }
    for (at, charset, in_head, word) in [
        ("127.80.30.36", "windows-1250", true, "Žluťoučký kůň"),
        ("127.80.30.37", "windows-1251", false, "Новости"),
        ("127.80.30.38", "euc-jp", false, "お知らせ"),
        ("127.80.30.39", "gb18030", true, "最新消息"),
    ] {
        let (_, head, body) = get_tls(&lab, at, "plna-lab.cz", "/").await;
        assert_eq!(head.contains(charset), in_head, "{head}");
        let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap();
        let (text, _, broken) = encoding.decode(&body);
        assert!(!broken && text.contains(word) && text.contains("plna-lab.cz"), "{charset}: {text}");
        assert_eq!(text.contains("<meta charset="), !in_head);
    }
    let (_, _, big) = get_tls(&lab, "127.80.30.28", "obrovska-lab.cz", "/").await;
    assert!(big.len() > 2 << 20, "{}", big.len());
    let (_, head, body) = get_tls(&lab, "127.80.30.40", "kousky-lab.cz", "/").await;
    assert!(head.contains("transfer-encoding: chunked") && body.starts_with(b"FA0\r\n"), "{head}");
    let stream = connect(&lab, "127.80.1.10", "plna-lab.cz", &accepting()).await.unwrap();
    let (_, _, page) = get(stream, "<script>alert(1)</script>", "/").await;
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("127.80.1.10") && !page.contains("alert(1)"), "{page}");
}

#[tokio::test]
async fn redirects_statuses_and_faults_behind_the_handshake() {
    let lab = lab(LabOptions::default()).await;
    let (tls, http) = (lab.ports.web.tls, lab.ports.web.http);
    for (at, name, to) in [
        ("127.80.30.20", "presmerovani-lab.cz", "/cs/uvod?z=1".to_owned()),
        ("127.80.30.21", "absolutni-lab.cz", format!("https://absolutni-lab.cz:{tls}/en/")),
        ("127.80.30.22", "jinam-lab.com", format!("https://elsewhere-lab.com:{tls}/landing")),
        ("127.80.30.23", "smycka-lab.com", "/".to_owned()),
        ("127.80.30.24", "skoky-lab.com", "/hop/1".to_owned()),
        ("127.80.30.41", "zpet-lab.cz", format!("http://zpet-lab.cz:{http}/")),
    ] {
        let (status, head, _) = get_tls(&lab, at, name, "/").await;
        assert_eq!((status, location(&head)), (302, to.as_str()), "{name}");
    }
    assert_eq!(get_tls(&lab, "127.80.30.20", "presmerovani-lab.cz", "/cs/uvod?z=1").await.0, 200);
    assert_eq!(get_tls(&lab, "127.80.30.24", "skoky-lab.com", "/hop/11").await.0, 302);
    assert_eq!(get_tls(&lab, "127.80.30.24", "skoky-lab.com", "/hop/12").await.0, 200);
    for (at, status, empty) in
        [("127.80.30.25", 404, false), ("127.80.30.26", 204, true), ("127.80.30.42", 500, false)]
    {
        let (answered, _, body) = get_tls(&lab, at, "plna-lab.cz", "/").await;
        assert_eq!((answered, body.is_empty()), (status, empty), "{at}");
    }
    let mut banner = connect(&lab, "127.80.30.29", "banner-lab.net", &accepting()).await.unwrap();
    let mut text = String::new();
    timeout(SOON, banner.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.starts_with("SSH-2.0-"), "{text}");
    let mut reset = connect(&lab, "127.80.30.30", "uraz-lab.net", &accepting()).await.unwrap();
    reset.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let error = timeout(SOON, reset.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut silent = connect(&lab, "127.80.30.27", "zamysleny-lab.cz", &accepting()).await.unwrap();
    silent.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(timeout(SILENCE, silent.read_u8()).await.is_err());
}

#[tokio::test]
async fn connections_are_refused_reset_or_left_alone() {
    let lab = lab(LabOptions::default()).await;
    let (tls, http) = (lab.ports.web.tls, lab.ports.web.http);
    let kind = async |at: &str, port: u16| {
        TcpStream::connect((at.parse::<IpAddr>().unwrap(), port)).await.err().map(|error| error.kind())
    };
    let refused = Some(std::io::ErrorKind::ConnectionRefused);
    assert_eq!((kind("127.80.30.51", tls).await, kind("127.80.30.51", http).await), (refused, None));
    assert_eq!((kind("127.80.30.52", tls).await, kind("127.80.30.52", http).await), (refused, refused));
    let silent = TcpStream::connect(("127.80.30.50", tls)).await.unwrap();
    let name = ServerName::try_from("hlucha-lab.cz").unwrap();
    assert!(timeout(SILENCE, accepting().connect(name, silent)).await.is_err());
    let plain = connect(&lab, "127.80.30.53", "bez-sifry-lab.cz", &accepting()).await.unwrap_err();
    assert!(plain.to_string().contains("InvalidContentType"), "{plain}");
    assert!(connect(&lab, "127.80.30.54", "reset-lab.cz", &accepting()).await.is_err());

    let stream = TcpStream::connect(("127.80.1.10", http)).await.unwrap();
    let (status, head, _) = get(stream, "plna-lab.cz:80", "/a?b=1").await;
    assert_eq!((status, location(&head)), (301, format!("https://plna-lab.cz:{tls}/a").as_str()));
    let stream = TcpStream::connect(("127.80.30.51", http)).await.unwrap();
    let (status, _, body) = get(stream, "jen-http-lab.cz", "/").await;
    assert!(status == 200 && String::from_utf8(body).unwrap().contains("jen-http-lab.cz"));
}
