//! The rows about TLS and page, from request to result, on real TLS and HTTP servers of the loopback:
//! `tests/cases/tls/rows.toml` says what must come of them.
//!
//! All at once and by the real clock, so that the silent ones cost the time of one.

use std::collections::HashMap;
use std::net::SocketAddr;

use futures_util::future::join_all;
use rcgen::DnType;
use rustls::version::TLS13;
use serde::Deserialize;

use super::{Outcome, Table, clock};
use crate::collect::net::NetConfig;
use crate::collect::net::loopback::{Framing, Reply, Server, certificate, closed, dialer, tls_server};
use crate::collect::tls::{HttpConfig, TlsCollector, TlsConfig};
use crate::model::{Status, TLSResult};
use crate::units::Span;

/// What other hosts there are.
const HOSTS: &[(&str, &[&str])] = &[("other.example", &["127.0.0.1"]), ("nowhere.example", &["0.0.0.0"])];

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    row: String,
    target: String,
    answers: HashMap<String, String>,
    hangs: bool,
    fill: usize,
    plain: HashMap<String, String>,
    downgrade: bool,
    key: String,
    value: Option<String>,
    null: bool,
    is: String,
    shows: Option<String>,
    asked: Option<Vec<String>>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            row: String::new(),
            target: "https".into(),
            answers: HashMap::new(),
            hangs: false,
            fill: 0,
            plain: HashMap::new(),
            downgrade: true,
            key: "t.example".into(),
            value: None,
            null: false,
            is: String::new(),
            shows: None,
            asked: None,
        }
    }
}

#[tokio::test]
async fn tls_rows() {
    let table: Table<Case> = toml::from_str(include_str!("../../../../tests/cases/tls/rows.toml")).unwrap();
    join_all(table.case.into_iter().map(run)).await;
}

async fn run(case: Case) {
    let asked_of = case.clone();
    let answer = move |asked: &crate::collect::net::loopback::Asked| {
        let host = asked.head.split("host: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
        let path = asked.path();
        let elsewhere = format!("{host}{path}");
        let own = Some(path).filter(|_| host == "t.example");
        reply(&asked_of, own.and_then(|path| asked_of.answers.get(path)).or(asked_of.answers.get(&elsewhere)))
    };
    let subject = [
        (DnType::CountryName, "CZ"),
        (DnType::OrganizationName, "Test Org"),
        (DnType::CommonName, "t.example"),
    ];
    let (leaf, key) = certificate(&["t.example"], &subject);
    let server = match case.target.as_str() {
        "https" => Some(Server::https(tls_server(&[&TLS13], vec![leaf], key), answer).await),
        "silent" => Some(Server::start(None, Framing::Bytes(1), |_| Reply::Hang(vec![])).await),
        "closed" => None,
        other => panic!("no such target: {other}"),
    };
    let plain = case.clone();
    let plain = Server::http(move |asked| reply(&plain, plain.plain.get(asked.path()))).await;
    let address =
        |server: Option<&Server>, closed: SocketAddr| server.map_or(closed, |server| server.address);
    let tls = TlsConfig {
        port: address(server.as_ref(), closed().await).port(),
        timeout: Span::secs(2),
        downgrade: case.downgrade,
        ..TlsConfig::default()
    };
    let served = Some(&plain).filter(|_| !case.plain.is_empty());
    let http = HttpConfig { port: address(served, closed().await).port(), ..HttpConfig::default() };
    let net = NetConfig { allow_private: true, ..NetConfig::default() };
    let collector = TlsCollector::new(tls, http, &net, dialer(HOSTS), clock());

    let value = case.value.as_deref().unwrap_or("127.0.0.1");
    let outcome = Outcome::of(collector, &case.key, Some(value).filter(|_| !case.null)).await;
    outcome.follow(Some(&[]), Status::OK, &case.row);
    let result: TLSResult = serde_json::from_slice(&outcome.result).unwrap();
    assert_eq!(show(&result, outcome.cut), case.is, "{}", case.row);
    assert_eq!(result.tls_data.is_some(), result.status_code.ok(), "{}", case.row);
    if let (Some(shows), Some(data)) = (&case.shows, &result.tls_data) {
        let names: Vec<_> = data.certificates.iter().map(|certificate| certificate.dn.as_str()).collect();
        assert_eq!(
            format!("{} {} {}", data.from_ip, data.protocol, names.join(" | ")),
            *shows,
            "{}",
            case.row
        );
    }
    if let (Some(asked), Some(server)) = (&case.asked, &server) {
        assert_eq!(server.paths(), *asked, "{}", case.row);
    }
}

/// The bytes of an answer: line ends become CRLF, characters bytes.
fn reply(case: &Case, answer: Option<&String>) -> Reply {
    let answer = answer.map_or("HTTP/1.1 404 Not Found\n\nnot in the case", String::as_str);
    let mut bytes: Vec<u8> =
        answer.replace('\n', "\r\n").chars().map(|char| u8::try_from(char).unwrap()).collect();
    bytes.extend(std::iter::repeat_n(b'x', case.fill));
    if case.hangs { Reply::Hang(bytes) } else { Reply::Write(bytes) }
}

fn show(result: &TLSResult, cut: bool) -> String {
    assert_eq!(result.error.is_none(), result.status_code.ok());
    let page = match result.html.as_deref() {
        Some(html) if html.len() > 100 => format!("{} bytes", html.len()),
        Some(html) => html.to_owned(),
        None => "null".to_owned(),
    };
    assert_eq!(result.html.is_some(), result.final_http_code.is_some());
    let code = result.final_http_code.map(|code| format!("{code} ")).unwrap_or_default();
    format!("{} | {code}{page}{}", result.status_code, if cut { " | cut" } else { "" })
}
