//! The rows H1 to H20 of the reference's test table (spec/domainradar.md section 8.5) in their target reading.

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

/// A reply of these bytes.
fn raw(text: &str) -> Reply {
    Reply::Write(text.as_bytes().to_vec())
}

fn redirect(location: &str) -> Reply {
    http("302 Found", &format!("Location: {location}\r\n"), "moved")
}

#[tokio::test]
async fn h1_handshake_and_page() {
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

/// What a server answers to `/`, and the page that comes of it. In all rows the handshake gives status 0 and data.
#[tokio::test]
async fn h2_to_h16_pages() {
    let chunks = |size: usize| {
        let body = "x".repeat(size);
        raw(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"))
    };
    let latin1 = b"<p>\xe9\xe8</p>";
    let long = "x".repeat(3_000_000);
    let cases: Vec<(&str, Reply, Option<String>)> = vec![
        ("H2 chunked, first size 1a", chunks(0x1a), Some("x".repeat(0x1a))),
        ("H3 chunked, first size 15", chunks(0x15), Some("x".repeat(0x15))),
        ("H4 404 with body", http("404 Not Found", "", "none"), Some("none".into())),
        ("H5 204", raw("HTTP/1.1 204 No Content\r\n\r\n"), None),
        ("H5 immediate close", raw(""), None),
        ("H5 SSH banner", raw("SSH-2.0-OpenSSH_9.9\r\n"), None),
        ("H6 location in lower case", http("302 Found", "location: /page\r\n", "moved"), Some(HTML.into())),
        (
            "H7 201 with Location",
            http("201 Created", "Location: /page\r\nx: y\r\n", "made"),
            Some("made".into()),
        ),
        ("H8 status line without code", raw("HTTP/1.1\r\n\r\nx"), None),
        ("H8 abc", raw("abc"), None),
        ("H9 silence", Reply::Hang(vec![]), None),
        ("H9 half a head", Reply::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()), None),
        (
            "H10 absolute without path",
            redirect("https://other.example"),
            Some("root of other.example".into()),
        ),
        ("H10 private target", redirect("https://unspecified.example"), None),
        ("H10 private address", redirect("https://0.0.0.0"), None),
        ("H11 relative", redirect("/next?x=1"), Some("next".into())),
        ("H11 same host", redirect("https://T.example/next?x=1"), Some("next".into())),
        ("H13 https:foo", redirect("https:foo"), None),
        ("H14 endless", redirect("/"), None),
        ("H14 third", redirect("/again"), None),
        (
            "H15 Latin-1 by header",
            http("200 OK", "Content-Type: text/html; charset=latin1\r\n", latin1),
            Some("<p>éè</p>".into()),
        ),
        ("H15 Latin-1 by guess", http("200 OK", "", latin1), Some("<p>éè</p>".into())),
        ("H16 3 MB", http("200 OK", "", &long), Some(long[..1 << 20].into())),
    ];
    for (case, reply, html) in cases {
        let server = https(move |asked| match (asked.path(), asked.head.contains("host: t.example\r\n")) {
            (_, false) => http("200 OK", "", "root of other.example"),
            ("/", _) => reply.clone(),
            ("/next?x=1", _) => http("200 OK", "", "next"),
            ("/again", _) => redirect("/thrice"),
            ("/thrice", _) => redirect("/page"),
            _ => http("200 OK", "", HTML),
        })
        .await;
        // t.example itself does not resolve: whatever stays there stays on the address.
        let hosts: &[(&str, &[&str])] =
            &[("other.example", &["127.0.0.1"]), ("unspecified.example", &["0.0.0.0"])];
        let collector = collector(config(server.address), HttpConfig::default(), hosts);
        let record = collect(&collector, NAME, Some("127.0.0.1")).await;
        assert_eq!((record.status_code, record.error), (Status::OK, None), "{case}");
        assert!(record.tls_data.is_some(), "{case}");
        assert_eq!(record.html_cut, case.starts_with("H16"), "{case}");
        assert!(
            record.html == html,
            "{case}: {:?}",
            record.html.map(|html| html.chars().take(80).collect::<String>())
        );
        assert!(server.asked().iter().all(|asked| asked.path().starts_with('/')), "{case}");
    }
}

#[tokio::test]
async fn h12_redirects_to_plain_http_are_followed_where_configured() {
    let plain = Server::http(|_| http("200 OK", "", "plain")).await;
    let server = https(|_| redirect("http://t.example/")).await;
    let http = HttpConfig { port: plain.address.port(), ..HttpConfig::default() };
    for (downgrade, html) in [(true, Some("plain")), (false, None)] {
        let tls = TlsConfig { downgrade, ..config(server.address) };
        let record = collect(&collector(tls, http.clone(), &[]), NAME, Some("127.0.0.1")).await;
        assert_eq!((record.status_code, record.html.as_deref()), (Status::OK, html), "{downgrade}");
    }
}

#[tokio::test]
async fn h17_closed_and_silent_ports() {
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
async fn h18_odd_names() {
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
async fn h19_page_without_tls() {
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
async fn h20_targets_that_are_no_addresses() {
    let collector = collector(config(closed().await), HttpConfig::default(), &[]);
    for target in [None, Some(""), Some("t.example"), Some("999.1.1.1"), Some("127.0.0.1:443")] {
        let record = collect(&collector, NAME, target).await;
        assert_eq!((record.status_code, record.html), (Status::INVALID_ADDRESS, None), "{target:?}");
    }
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
