//! What is collected from servers on the loopback. The rows of the reference's test table: `tests/cases/tls/rows.toml`.

use std::sync::Arc;

use rcgen::DnType;
use rustls::version::TLS13;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::AddressPolicy;
use crate::collect::net::loopback::Hosts;
use crate::collect::net::loopback::{
    Asked, Framing, Reply, Server, certificate, closed, dialer, http, tls_server,
};
use crate::units::{Size, Span};

const NAME: &str = "t.example";
const HTML: &str = "<html>hi</html>";
const NOW: i64 = 1_700_000_000_000;

fn config(address: SocketAddr) -> TlsConfig {
    TlsConfig { port: address.port(), timeout: Span::millis(200), ..TlsConfig::default() }
}

fn collector(tls: TlsConfig, http: HttpConfig, hosts: &[(&str, &[&str])]) -> TlsCollector {
    let net = NetConfig { allow_private: true, ..NetConfig::default() };
    TlsCollector::new(tls, http, &net, dialer(hosts), Arc::new(ManualClock::at(NOW)))
}

fn subject_of(name: &str) -> Subject {
    Subject { key: name.to_owned().into(), name: name.to_owned(), address: None }
}

/// A server of HTTPS whose certificate has the subject `CN=t.example, O=Test Org, C=CZ`.
async fn https(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    let subject =
        [(DnType::CountryName, "CZ"), (DnType::OrganizationName, "Test Org"), (DnType::CommonName, NAME)];
    let (leaf, key) = certificate(&[NAME], &subject);
    // Once more and something that is no certificate: neither may cost the rest.
    let chain = vec![leaf.clone(), leaf, vec![0x30, 3, 1, 2, 3].into()];
    Server::https(tls_server(&[&TLS13], chain, key), script).await
}

async fn collect(collector: &TlsCollector, name: &str, target: Option<&str>) -> TLSResult {
    collector.collect(&subject_of(name), target.map(str::to_owned)).await
}

fn redirect(location: &str) -> Reply {
    http("302 Found", &format!("Location: {location}\r\n"), "moved")
}

#[tokio::test]
async fn handshake_and_page_as_they_came() {
    let server = https(|_| http("200 OK", "", HTML)).await;
    let record =
        collect(&collector(config(server.address), HttpConfig::default(), &[]), NAME, Some("127.0.0.1"))
            .await;
    assert_eq!((record.status_code, &record.error, record.last_attempt), (Status::OK, &None, Timestamp(NOW)));
    assert_eq!(record.html.as_deref(), Some(HTML));
    let shown = record.tls_data.unwrap();
    assert_eq!((shown.from_ip.as_str(), shown.protocol.as_str()), ("127.0.0.1", "TLSv1.3"));
    assert!(["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"].contains(&shown.cipher.as_str()));
    let names: Vec<&str> = shown.certificates.iter().map(|certificate| certificate.dn.as_str()).collect();
    assert_eq!(names, ["CN=t.example, O=Test Org, C=CZ", ""], "the second one is no certificate");
    assert_eq!(shown.certificates[1].der_data, Der(vec![0x30, 3, 1, 2, 3]));
}

#[tokio::test]
async fn closed_and_silent_ports() {
    let http = HttpConfig { fallback: false, ..HttpConfig::default() };
    let closed = collector(config(closed().await), http.clone(), &[]);
    let record = collect(&closed, NAME, Some("127.0.0.1")).await;
    assert_eq!(
        (record.status_code, record.error.as_deref()),
        (Status::CANNOT_FETCH, Some("connection refused"))
    );
    assert_eq!((record.tls_data, record.html), (None, None));

    let silent = Server::start(None, Framing::Bytes(1), |_| Reply::Hang(vec![])).await;
    let record = collect(&collector(config(silent.address), http, &[]), NAME, Some("127.0.0.1")).await;
    assert_eq!(
        (record.status_code, record.error.as_deref()),
        (Status::TIMEOUT, Some("TLS handshake timed out"))
    );
}

#[tokio::test]
async fn odd_names() {
    let server = https(|_| http("200 OK", "", HTML)).await;
    let collector = collector(config(server.address), HttpConfig::default(), &[]);
    for name in ["a_b.example", "t.example.", "-a.example", "T.Example", "háčky.example"] {
        let record = collect(&collector, name, Some("127.0.0.1")).await;
        assert_eq!((record.status_code, record.html.as_deref()), (Status::OK, Some(HTML)), "{name}");
    }
    for name in ["a..example", "a b.example", "192.0.2.1"] {
        assert_eq!(
            collect(&collector, name, Some("127.0.0.1")).await.status_code,
            Status::INVALID_DOMAIN_NAME
        );
    }
}

#[tokio::test]
async fn page_without_tls() {
    let plain = Server::http(|asked| match asked.path() {
        "/" => redirect("/page"),
        _ => http("200 OK", "", HTML),
    })
    .await;
    let config = config(closed().await);
    for (fallback, html) in [(true, Some(HTML)), (false, None)] {
        let http = HttpConfig { fallback, port: plain.address.port() };
        let record = collect(&collector(config.clone(), http, &[]), NAME, Some("127.0.0.1")).await;
        assert_eq!((record.status_code, record.html.as_deref()), (Status::CANNOT_FETCH, html));
        assert_eq!(record.tls_data, None);
    }
    assert!(plain.asked()[0].head.starts_with("GET / HTTP/1.1\r\nhost: t.example\r\n"));
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let plain = Server::http(|_| http("200 OK", "", HTML)).await;
    let net = NetConfig::default();
    let dialer = Dialer::new(Arc::new(Hosts::new(&[])), AddressPolicy::public());
    let http = HttpConfig { port: plain.address.port(), ..HttpConfig::default() };
    let clock = Arc::new(ManualClock::at(NOW));
    let collector = TlsCollector::new(config(plain.address), http, &net, dialer, clock);
    let record = collect(&collector, NAME, Some("127.0.0.1")).await;
    assert_eq!(record.status_code, Status::UNSUPPORTED_ADDRESS);
    assert_eq!((record.error.as_deref(), record.html), (Some("the address is a loopback address"), None));
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn pages_are_cut_in_text_too() {
    // Each of these bytes becomes three of UTF-8.
    let server = https(|_| http("200 OK", "Content-Type: text/html; charset=utf-8\r\n", [0xff; 100])).await;
    let tls = TlsConfig { max_body: Size(100), ..config(server.address) };
    let record = collect(&collector(tls, HttpConfig::default(), &[]), NAME, Some("127.0.0.1")).await;
    assert_eq!(record.html.unwrap(), "\u{fffd}".repeat(33));
}
