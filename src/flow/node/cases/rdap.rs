//! The rows about registrations of names and addresses, from request to result, on RDAP and WHOIS servers of the loopback:
//! `tests/cases/rdap/rows.toml` and `tests/cases/rdap_ip/rows.toml` say what must come of them.
//!
//! All at once and by the real clock, so that the silent ones cost the time of one.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Deserialize;

use super::{Outcome, SubjectKind, Table, clock, outputs, topic};
use crate::collect::net::loopback::{Framing, Reply, Server, client, closed, dialer, http};
use crate::collect::net::rdap::{Prefer, RdapClient, RdapConfig};
use crate::collect::net::whois::{WhoisClient, WhoisConfig};
use crate::collect::net::{Limiter, LimitsConfig, Suffixes};
use crate::collect::rdap_dn::RdapDnCollector;
use crate::collect::rdap_ip::RdapIpCollector;
use crate::flow::headers::DEAD_CODE;
use crate::model::{CommonIPResult, FreeJson, IPData, RDAPDomainResult, Status};
use crate::units::{Size, Span};

/// How long one request may take.
const TIMEOUT: Span = Span::secs(2);
/// A body too long for the settings of the cases.
const MAX_BODY: usize = 4096;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    row: String,
    rdap: HashMap<String, String>,
    at: String,
    whois: String,
    prefer: Prefer,
    key: String,
    zone: Option<String>,
    value: Option<String>,
    is: String,
    data: Option<String>,
    entities: Option<String>,
    registry: Option<String>,
    registrar: Option<String>,
    parsed: Option<String>,
    asked: Option<Vec<String>>,
    whois_asked: Option<Vec<String>>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            row: String::new(),
            rdap: HashMap::new(),
            at: "server".into(),
            whois: "Domain Name: OK.COM\nRegistrar: R\nAdmin Name:\n".into(),
            prefer: Prefer::Registrar,
            key: "ok.com".into(),
            zone: None,
            value: None,
            is: String::new(),
            data: None,
            entities: None,
            registry: None,
            registrar: None,
            parsed: None,
            asked: None,
            whois_asked: None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AddressCase {
    row: String,
    rdap: HashMap<String, String>,
    key: String,
    value: Option<String>,
    is: String,
    data: Option<String>,
    asked: Option<Vec<String>>,
}

#[tokio::test]
async fn rdap_rows() {
    let table: Table<Case> = toml::from_str(include_str!("../../../../tests/cases/rdap/rows.toml")).unwrap();
    join_all(table.case.into_iter().map(name)).await;
}

#[tokio::test]
async fn rdap_ip_rows() {
    let table: Table<AddressCase> =
        toml::from_str(include_str!("../../../../tests/cases/rdap_ip/rows.toml")).unwrap();
    join_all(table.case.into_iter().map(address)).await;
}

/// A file in which `text` is, and the setting that names it.
fn list(text: &str) -> (tempfile::NamedTempFile, Vec<String>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let places = vec![file.path().to_str().unwrap().to_owned()];
    (file, places)
}

async fn rdap_server(answers: &HashMap<String, String>) -> Server {
    let answers = answers.clone();
    let answer = move |path: &str| answers.get(path).map_or("404 {}", String::as_str).to_owned();
    Server::http(move |asked| reply(&answer(asked.path()))).await
}

/// The answer that a row describes.
fn reply(answer: &str) -> Reply {
    let (word, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let fill = || format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BODY));
    match word {
        "silent" => Reply::Hang(vec![]),
        "reset" => Reply::Reset,
        "raw" => Reply::Write(rest.as_bytes().to_vec()),
        "to" => http("302 Found", &format!("location: {rest}\r\n"), ""),
        "long" => http("200 OK", "", fill()),
        "html" => http("200 OK", "content-type: text/html\r\n", rest),
        status => http(&format!("{status} x"), "content-type: application/rdap+json\r\n", rest),
    }
}

async fn name(case: Case) {
    let rdap = rdap_server(&case.rdap).await;
    let text = case.whois.clone();
    let whois = Server::start(None, Framing::Line, move |_| match text.as_str() {
        "silent" => Reply::Hang(b"Domain".to_vec()),
        "reset" => Reply::Reset,
        text => Reply::Write(text.as_bytes().to_vec()),
    })
    .await;
    let base = match case.at.as_str() {
        "server" => rdap.address.to_string(),
        "closed" => closed().await.to_string(),
        host => host.to_owned(),
    };
    let whois_at = match case.whois.strip_prefix("at ") {
        None => whois.address.to_string(),
        Some("closed") => closed().await.to_string(),
        Some(host) => host.to_owned(),
    };
    let (_list, bootstrap) = list(&format!(r#"{{"services":[[["com","co.uk"],["http://{base}/"]]]}}"#));
    let (_servers, servers) = list(&format!("com {whois_at}\nzz {whois_at}\nuk {whois_at}\n. {whois_at}\n"));
    let rdap_config = RdapConfig {
        bootstrap,
        timeout: TIMEOUT,
        prefer: case.prefer,
        max_body: Size(MAX_BODY as u64),
        ..RdapConfig::default()
    };
    let whois_config = WhoisConfig { servers, timeout: TIMEOUT, ..WhoisConfig::default() };
    let limiter = Arc::new(Limiter::new(LimitsConfig::default()));
    let collector = RdapDnCollector::new(
        Arc::new(RdapClient::new(rdap_config, client(&[]))),
        Arc::new(WhoisClient::new(whois_config, dialer(&[]), client(&[]), limiter)),
        Suffixes::default(),
        clock(),
    );

    let zone = case.zone.as_ref().map(|zone| format!(r#"{{"zone":"{zone}"}}"#));
    let outcome = Outcome::of(collector, &case.key, case.value.as_deref().or(zone.as_deref())).await;
    outcome.follow(Some(&[]), Status::OK, &case.row);
    let result: RDAPDomainResult = serde_json::from_slice(&outcome.result).unwrap();
    let row = &case.row;
    let shown = format!("{} {} | {}", result.status_code, result.rdap_target, result.whois_status_code);
    assert_eq!(shown, case.is, "{row}");
    assert_eq!(result.error.is_none(), result.status_code.ok(), "{row}");
    let whois_ok = result.whois_status_code.ok();
    let fine = whois_ok || result.whois_status_code == Status::WHOIS_NOT_PERFORMED;
    assert_eq!(result.whois_error.is_none(), fine, "{row}");
    assert_eq!((result.whois_raw.is_some(), result.whois_parsed.is_some()), (whois_ok, whois_ok), "{row}");
    assert_eq!(
        (result.rdap_data.is_some(), result.entities.is_some()),
        (result.status_code.ok(), result.status_code.ok()),
        "{row}"
    );
    for (what, expected, found) in [
        ("data", &case.data, &result.rdap_data),
        ("entities", &case.entities, &result.entities),
        ("parsed", &case.parsed, &result.whois_parsed),
    ] {
        if expected.is_some() {
            assert_eq!(found.as_ref().map(FreeJson::text), expected.as_deref(), "{row}: {what}");
        }
    }
    let others = [&result.rdap_registry_data, &result.rdap_registrar_data];
    let expected = [case.registry.as_deref(), case.registrar.as_deref()];
    assert_eq!(others.map(|other| other.as_ref().map(FreeJson::text)), expected, "{row}");
    if let Some(asked) = &case.asked {
        assert_eq!(rdap.paths(), *asked, "{row}");
    }
    if let Some(asked) = &case.whois_asked {
        let heads: Vec<_> = whois.asked().iter().map(|asked| asked.head.trim().to_owned()).collect();
        assert_eq!(heads, *asked, "{row}");
    }
}

async fn address(case: AddressCase) {
    let rdap = rdap_server(&case.rdap).await;
    let blocks = r#""192.0.0.0/8","2001:db8:1::/48""#;
    let (_list, bootstrap) = list(&format!(r#"{{"services":[[[{blocks}],["http://{}/"]]]}}"#, rdap.address));
    let config = RdapConfig { bootstrap, timeout: TIMEOUT, ..RdapConfig::default() };
    let collector = RdapIpCollector::new(Arc::new(RdapClient::new(config, client(&[]))), clock());
    let key = if case.key.starts_with('{') {
        case.key.clone()
    } else {
        format!(r#"{{"dn":"ok.com","ip":"{}"}}"#, case.key)
    };
    let written = outputs(collector, SubjectKind::Address, true, &key, case.value.as_deref()).await;
    let mut shown = vec![];
    for output in written {
        let record = output.record;
        assert_eq!(record.key.as_deref(), Some(key.as_bytes()), "{}: the key is echoed as it came", case.row);
        if output.topic == topic("dead_letters") {
            shown.push(format!("letter {}", record.headers.text(DEAD_CODE).unwrap()));
            continue;
        }
        assert_eq!(output.topic, topic("results"), "{}", case.row);
        let result: CommonIPResult = serde_json::from_slice(&record.value.unwrap()).unwrap();
        assert_eq!((result.collector.as_str(), result.error.is_none()), ("rdap-ip", result.status_code.ok()));
        let text = match &result.data {
            IPData::Json(data) => Some(data.text()),
            _ => None,
        };
        assert_eq!(text, case.data.as_deref(), "{}", case.row);
        shown.push(result.status_code.to_string());
    }
    assert_eq!(shown.join(" "), case.is, "{}", case.row);
    if let Some(asked) = &case.asked {
        assert_eq!(rdap.paths(), *asked, "{}", case.row);
    }
}
