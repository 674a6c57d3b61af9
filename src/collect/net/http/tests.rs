//! Visits to servers on the loopback. The rows of the reference's test table are in `collect/tls/tests.rs`.

use std::time::Duration;

use rcgen::DnType;
use rustls::ServerConfig;
use rustls::version::TLS13;
use tokio::time::Instant;
use url::Url;

use super::*;
use crate::collect::net::loopback::{Asked, Reply, Server, certificate, dialer, http, soon, tls_server};
use crate::collect::net::{AddressPolicy, DialError, Refusal};

fn limits(port: u16) -> FetchLimits {
    FetchLimits {
        https_port: port,
        http_port: port,
        redirects: 2,
        downgrade: true,
        step: Duration::from_millis(300),
        max_body: 1000,
    }
}

fn tls() -> ServerConfig {
    let (leaf, key) = certificate(&["t.example"], &[(DnType::CommonName, "t.example")]);
    tls_server(&[&TLS13], vec![leaf], key)
}

fn start(url: &str, pin: Option<&str>) -> Start {
    Start { url: Url::parse(url).unwrap(), pin: pin.map(|ip| ip.parse().unwrap()), connection: None }
}

async fn visit(fetcher: &Fetcher, url: &str, pin: Option<&str>) -> Visit {
    fetcher.visit(start(url, pin), soon()).await
}

#[tokio::test]
async fn a_page_comes_with_what_led_to_it() {
    let server = Server::https(tls(), |asked: &Asked| match asked.path() {
        "/" => http("302 Found", "location: https://other.example/x?y#z\r\nset-cookie: a=b\r\n", "gone"),
        _ => http("200 OK", "content-type: text/html; charset=iso-8859-2\r\n", b"<p>\xb9"),
    })
    .await;
    let dialer = dialer(&[("other.example", &["127.0.0.1"])]);
    let fetcher = Fetcher::new(dialer, "tester/1 (+https://t.example)", limits(server.address.port()));
    // t.example has no address: only the pin leads to it.
    let Visit { redirects, page } = visit(&fetcher, "https://t.example", Some("127.0.0.1")).await;
    let page = page.unwrap();

    assert_eq!(page.answer.url.as_str(), "https://other.example/x?y");
    assert_eq!((page.answer.status.as_u16(), page.answer.address), (200, server.address));
    assert_eq!(page.text(1000), ("<p>š".to_owned(), false));
    assert_eq!(page.text(4), ("<p>".to_owned(), true), "cut between characters");
    assert_eq!(page.answer.handshake.as_ref().unwrap().protocol, "TLSv1.3");
    let Timings { resolve, connect, handshake, head, body: _ } = page.answer.timings;
    assert!([resolve, connect, handshake, head].iter().all(|phase| !phase.is_zero()));

    let [redirect] = redirects.as_slice() else { panic!("{redirects:?}") };
    assert_eq!((redirect.url.as_str(), redirect.status.as_u16()), ("https://t.example/", 302));
    assert_eq!(redirect.headers["set-cookie"], "a=b");
    assert_eq!(redirect.timings.resolve, Duration::ZERO);

    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.head).collect();
    assert!(
        asked[0]
            .starts_with("GET / HTTP/1.1\r\nhost: t.example\r\nuser-agent: tester/1 (+https://t.example)")
    );
    assert!(asked[0].contains("accept-encoding: gzip, deflate, br, zstd\r\n"));
    assert!(asked[1].starts_with("GET /x?y HTTP/1.1\r\nhost: other.example\r\n"));
}

#[tokio::test]
async fn the_visited_host_stays_on_its_address_and_others_are_resolved() {
    let script = |asked: &Asked| match asked.path() {
        "/" => http("301 Moved", "location: http://other.example/back\r\n", ""),
        "/back" => http("301 Moved", "location: http://t.example/end\r\n", ""),
        _ => http("200 OK", "", "end"),
    };
    let server = Server::http(script).await;
    let dialer = dialer(&[("other.example", &["127.0.0.1"]), ("t.example", &["127.0.0.9"])]);
    let fetcher = Fetcher::new(dialer, "tester", limits(server.address.port()));
    let visit = visit(&fetcher, "http://t.example/", Some("127.0.0.1")).await;
    assert_eq!(&visit.page.unwrap().body[..], b"end");
    assert_eq!(server.paths(), ["/", "/back", "/end"]);
}

#[tokio::test]
async fn private_targets_are_refused_at_every_step() {
    let server = Server::http(|_| http("200 OK", "", "secret")).await;
    let port = server.address.port();
    for target in ["0.0.0.0", "unspecified.example", "224.0.0.1", "[::ffff:0.0.0.0]"] {
        let location = format!("location: http://{target}:{port}/\r\n");
        let from = Server::http(move |_| http("302 Found", &location, "")).await;
        let dialer = dialer(&[("unspecified.example", &["0.0.0.0"])]);
        let fetcher = Fetcher::new(dialer, "tester", limits(from.address.port()));
        let visit = visit(&fetcher, "http://t.example/", Some("127.0.0.1")).await;
        assert!(matches!(visit.page, Err(FetchError::Dial(DialError::Refused(_)))), "{target}: {visit:?}");
    }
    let strict = crate::collect::net::Dialer::new(
        std::sync::Arc::new(crate::collect::net::loopback::Hosts::new(&[])),
        AddressPolicy::public(),
    );
    let fetcher = Fetcher::new(strict, "tester", limits(port));
    for (url, pin) in [("http://t.example/", Some("127.0.0.1")), ("http://2130706433/", None)] {
        let visit = visit(&fetcher, url, pin).await;
        let refused = matches!(visit.page, Err(FetchError::Dial(DialError::Refused(Refusal::Loopback))));
        assert!(refused, "{url}: {visit:?}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn says_why_there_is_no_page() {
    let redirect = |to: &str| http("302 Found", &format!("location: {to}\r\n"), "");
    type Expected = fn(&FetchError) -> bool;
    let cases: [(&str, Reply, Expected); 9] = [
        ("loop", redirect("/"), |e| matches!(e, FetchError::TooManyRedirects)),
        ("scheme", redirect("ftp://t.example/"), |e| matches!(e, FetchError::BadRedirect(_))),
        ("unknown host", redirect("http://unknown.example/"), |e| matches!(e, FetchError::Dial(_))),
        ("silence", Reply::Hang(vec![]), |e| matches!(e, FetchError::Timeout)),
        ("half a head", Reply::Hang(b"HTTP/1.1 200 OK\r\nserv".to_vec()), |e| {
            matches!(e, FetchError::Timeout)
        }),
        ("hangs up", Reply::Write(vec![]), |e| matches!(e, FetchError::NotHttp(_))),
        ("SSH", Reply::Write(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), |e| matches!(e, FetchError::NotHttp(_))),
        ("HTTP/0.9", Reply::Write(b"<html>hi</html>".to_vec()), |e| matches!(e, FetchError::NotHttp(_))),
        (
            "a head without end",
            Reply::Write(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000)).into_bytes()),
            |e| matches!(e, FetchError::NotHttp(_)),
        ),
    ];
    for (case, reply, expected) in cases {
        let server = Server::http(move |_| reply.clone()).await;
        let fetcher = Fetcher::new(dialer(&[]), "tester", limits(server.address.port()));
        let visit = visit(&fetcher, "http://t.example/", Some("127.0.0.1")).await;
        assert!(visit.page.as_ref().is_err_and(expected), "{case}: {visit:?}");
    }
}

#[tokio::test]
async fn a_redirect_from_https_to_http_can_be_declined() {
    let server = Server::https(tls(), |_| http("302 Found", "location: http://t.example/\r\n", "")).await;
    let limits = FetchLimits { downgrade: false, ..limits(server.address.port()) };
    let visit =
        visit(&Fetcher::new(dialer(&[]), "tester", limits), "https://t.example", Some("127.0.0.1")).await;
    assert!(matches!(visit.page, Err(FetchError::Downgrade)), "{visit:?}");
    assert_eq!(visit.redirects.len(), 1);
}

#[tokio::test]
async fn keeps_as_much_of_a_body_as_there_is() {
    let long = "x".repeat(3000);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let many: String = (0..200).map(|i| format!("x-{i}: {i}\r\n")).collect();
    for (case, reply, body, truncated) in [
        ("exact", http("200 OK", "", &long[..1000]), &long[..1000], false),
        ("over the cap", http("200 OK", "", &long), &long[..1000], true),
        ("to the end of the connection", Reply::Write(b"HTTP/1.0 200 OK\r\n\r\nabc".to_vec()), "abc", false),
        (
            "chunked",
            Reply::Write(format!("{chunked}1a\r\n{}\r\n0\r\n\r\n", &long[..26]).into_bytes()),
            &long[..26],
            false,
        ),
        (
            "chunked and broken off",
            Reply::Write(format!("{chunked}3\r\nabc\r\nff\r\nde").into_bytes()),
            "abcde",
            true,
        ),
        (
            "shorter than promised",
            Reply::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()),
            "abc",
            true,
        ),
        ("late", Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()), "abc", true),
        ("many headers", http("200 OK", &many, "abc"), "abc", false),
        ("empty", http("204 No Content", "", ""), "", false),
    ] {
        let server = Server::http(move |_| reply.clone()).await;
        let fetcher = Fetcher::new(dialer(&[]), "tester", limits(server.address.port()));
        let page = visit(&fetcher, "http://t.example/", Some("127.0.0.1")).await.page.unwrap();
        assert_eq!((&page.body[..], page.truncated), (body.as_bytes(), truncated), "{case}");
        assert_eq!(page.text(5000).0.is_empty(), body.is_empty(), "{case}");
    }
}

#[tokio::test]
async fn compressed_pages_are_read_as_far_as_they_can_be() {
    let zstd = zstd::bulk::compress(b"<p>\xc5\xa1", 1).unwrap();
    let long = zstd::bulk::compress(&[b'x'; 3000], 1).unwrap();
    for (coding, body, text) in [
        ("zstd", &zstd[..], Ok(("<p>\u{161}".to_owned(), false))),
        ("zstd", &long, Ok(("x".repeat(1000), true))),
        ("zstd", b"<p>plain", Err("the body is not in zstd")),
        ("utf-8", b"<p>plain", Ok(("<p>plain".to_owned(), false))),
    ] {
        let reply = http("200 OK", &format!("content-encoding: {coding}\r\n"), body);
        let server = Server::http(move |_| reply.clone()).await;
        let fetcher = Fetcher::new(dialer(&[]), "tester", limits(server.address.port()));
        let page = visit(&fetcher, "http://t.example/", Some("127.0.0.1")).await.page;
        let read = page.map(|page| page.text(5000)).map_err(|error| error.to_string());
        assert_eq!(read, text.map_err(str::to_owned), "{coding}");
    }
}

#[tokio::test]
async fn the_whole_visit_ends_at_its_deadline() {
    let server = Server::http(|_| Reply::Hang(vec![])).await;
    let limits = FetchLimits { step: Duration::from_secs(60), ..limits(server.address.port()) };
    let fetcher = Fetcher::new(dialer(&[]), "tester", limits);
    let deadline = Instant::now() + Duration::from_millis(50);
    let visit = fetcher.visit(start("http://t.example/", Some("127.0.0.1")), deadline).await;
    assert!(matches!(visit.page, Err(FetchError::Timeout)), "{visit:?}");
}
