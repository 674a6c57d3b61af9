//! The rows R1 to R19 of the reference's test table (spec/domainradar.md section 8.3) in their target reading.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Framing, Hosts, Reply, Server, client, closed, dialer, http};
use crate::collect::net::rdap::RdapConfig;
use crate::collect::net::whois::WhoisConfig;
use crate::collect::net::{Limiter, LimitsConfig};
use crate::model::{FreeJson, Timestamp};
use crate::units::Span;

const NOW: i64 = 1_700_000_000_000;

/// An RDAP server, a WHOIS server, and a collector that finds both.
struct Lab {
    rdap: Server,
    whois: Server,
    collector: RdapDnCollector,
    _files: [tempfile::NamedTempFile; 2],
}

fn file(text: &str) -> (tempfile::NamedTempFile, Vec<String>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let places = vec![file.path().to_str().unwrap().to_owned()];
    (file, places)
}

/// A lab with these RDAP answers by path (404 elsewhere) and this WHOIS answer.
async fn lab(answers: &[(&str, Reply)], whois: &str) -> Lab {
    let answers: HashMap<String, Reply> =
        answers.iter().map(|(path, reply)| ((*path).to_owned(), reply.clone())).collect();
    let rdap = Server::http(move |asked| {
        answers.get(asked.path()).cloned().unwrap_or_else(|| http("404 Not Found", "", "{}"))
    })
    .await;
    let bootstrap = format!(r#"{{"services":[[["com"],["http://{}/"]]]}}"#, rdap.address);
    let whois = whois.to_owned();
    let whois = Server::start(None, Framing::Line, move |_| Reply::Write(whois.clone().into_bytes())).await;
    let servers = format!("com {0}\nzz {0}\n", whois.address);
    let (collector, files) = collector(&bootstrap, &servers);
    Lab { rdap, whois, collector, _files: files }
}

fn collector(bootstrap: &str, servers: &str) -> (RdapDnCollector, [tempfile::NamedTempFile; 2]) {
    let ((bootstrap_file, bootstrap), (servers_file, servers)) = (file(bootstrap), file(servers));
    let rdap = RdapConfig { bootstrap, timeout: Span::millis(200), ..RdapConfig::default() };
    let whois = WhoisConfig { servers, timeout: Span::millis(200), ..WhoisConfig::default() };
    let limiter = Arc::new(Limiter::new(LimitsConfig::default()));
    let collector = RdapDnCollector::new(
        Arc::new(RdapClient::new(rdap, client(&[]))),
        Arc::new(WhoisClient::new(whois, dialer(&[]), client(&[]), limiter)),
        Suffixes::default(),
        Arc::new(ManualClock::at(NOW)),
    );
    (collector, [bootstrap_file, servers_file])
}

impl Lab {
    async fn collect(&self, name: &str, zone: Option<&str>) -> RDAPDomainResult {
        collect(&self.collector, name, zone).await
    }
}

async fn collect(collector: &RdapDnCollector, name: &str, zone: Option<&str>) -> RDAPDomainResult {
    let subject = Subject { key: name.to_owned().into(), name: name.to_owned(), address: None };
    let request = zone.map(|zone| RDAPDomainRequest { zone: Some(zone.to_owned()) });
    collector.collect(&subject, request).await
}

fn ok(body: &str) -> Reply {
    http("200 OK", "content-type: application/rdap+json\r\n", body)
}

const WHOIS: &str = "Domain Name: OK.COM\nRegistrar: R\nAdmin Name:\n";

/// What the record has of RDAP: status, target, data, entities.
fn rdap(record: &RDAPDomainResult) -> (i32, &str, Option<&str>, Option<&str>) {
    let (data, entities) = (record.rdap_data.as_ref(), record.entities.as_ref());
    (record.status_code.0, &record.rdap_target, data.map(FreeJson::text), entities.map(FreeJson::text))
}

#[tokio::test]
async fn r1_to_r5_and_r16_answers() {
    let registry = |rest: &str| ok(&format!(r#"{{"at":"registry","links":[{rest}]}}"#));
    let related = r#"{"rel":"related","href":"/R/Domain/OK.COM","type":"application/rdap+json"}"#;
    let kept = &format!(r#"{{"at":"registry","links":[{related}]}}"#);
    let at_registrar =
        |reply: Reply| vec![("/domain/ok.com", registry(related)), ("/R/Domain/OK.COM", reply)];
    let entities = r#"[{"roles":["a"],"vcardArray":["vcard",[]]},{"handle":"x"}]"#;
    /// Its name, the answers by path, and the data and entities of the record.
    type Case<'a> = (&'a str, Vec<(&'a str, Reply)>, &'a str, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (
            "R1 entities with vCards",
            vec![(
                "/domain/ok.com",
                ok(&format!(r#"{{"a":1.0,"entities":{entities},"z":12345678901234567890}}"#)),
            )],
            r#"{"a":1.0,"z":12345678901234567890}"#,
            entities,
        ),
        ("R2 no entities", vec![("/domain/ok.com", ok(r#"{"a":1}"#))], r#"{"a":1}"#, "[]"),
        (
            "R3 registrar",
            at_registrar(ok(r#"{"at":"registrar","entities":[7]}"#)),
            r#"{"at":"registrar"}"#,
            "[7]",
        ),
        ("R4 registrar 404", at_registrar(http("404 Not Found", "", "{}")), kept, "[]"),
        ("R4 registrar HTML", at_registrar(ok("<html>")), kept, "[]"),
        ("R5 registrar 429", at_registrar(http("429 Too Many Requests", "", "")), kept, "[]"),
        ("R5 registrar 500", at_registrar(http("500 Oops", "", "")), kept, "[]"),
        ("R5 registrar silent", at_registrar(Reply::Hang(vec![])), kept, "[]"),
        ("R5 registrar gone", at_registrar(Reply::Write(vec![])), kept, "[]"),
        (
            "R16 link without rel",
            vec![
                ("/domain/ok.com", registry(r#"{"href":"/R/Domain/OK.COM"}"#)),
                ("/R/Domain/OK.COM", ok("{}")),
            ],
            r#"{"at":"registry","links":[{"href":"/R/Domain/OK.COM"}]}"#,
            "[]",
        ),
        (
            "a server without the query",
            vec![
                ("/domain/ok.com", registry(r#"{"rel":"related","href":"/r/"}"#)),
                ("/r/domain/ok.com", ok(r#"{"at":"registrar"}"#)),
            ],
            r#"{"at":"registrar"}"#,
            "[]",
        ),
        (
            "a circle",
            vec![("/domain/ok.com", registry(r#"{"rel":"related","href":"/domain/ok.com"}"#))],
            r#"{"at":"registry","links":[{"rel":"related","href":"/domain/ok.com"}]}"#,
            "[]",
        ),
    ];
    for (case, answers, data, entities) in cases {
        let lab = lab(&answers, WHOIS).await;
        let record = lab.collect("ok.com", None).await;
        assert_eq!(rdap(&record), (0, "ok.com", Some(data), Some(entities)), "{case}");
        assert_eq!((record.error, record.last_attempt), (None, Timestamp(NOW)), "{case}");
        assert_eq!(record.whois_status_code, Status::WHOIS_NOT_PERFORMED, "{case}");
        assert_eq!((record.whois_error, record.whois_raw, record.whois_parsed), (None, None, None), "{case}");
        assert!(lab.whois.asked().is_empty(), "{case}");
    }
}

#[tokio::test]
async fn related_links_end_after_three() {
    let link =
        |n: usize| ok(&format!(r#"{{"n":{n},"links":[{{"rel":"related","href":"/{}/ok.com"}}]}}"#, n + 1));
    let answers: Vec<(String, Reply)> = (1..9).map(|n| (format!("/{n}/ok.com"), link(n))).collect();
    let mut all: Vec<(&str, Reply)> =
        answers.iter().map(|(path, reply)| (path.as_str(), reply.clone())).collect();
    all.push(("/domain/ok.com", link(0)));
    let lab = lab(&all, WHOIS).await;
    let record = lab.collect("ok.com", None).await;
    assert!(record.rdap_data.unwrap().text().starts_with(r#"{"n":3,"#));
    assert_eq!(lab.rdap.paths(), ["/domain/ok.com", "/1/ok.com", "/2/ok.com", "/3/ok.com"]);
}

#[tokio::test]
async fn r6_to_r9_failures_and_whois() {
    for (case, reply, status) in [
        ("R6 404", http("404 Not Found", "", "{}"), Status::NOT_FOUND),
        ("R7 429", http("429 Too Many Requests", "", ""), Status::RATE_LIMITED),
        ("R7 500", http("500 Oops", "", ""), Status::CANNOT_FETCH),
        ("R7 400", http("400 Bad Request", "", ""), Status::CANNOT_FETCH),
        ("R7 timeout", Reply::Hang(vec![]), Status::TIMEOUT),
        ("R8 HTML", http("200 OK", "", "<html>"), Status::INVALID_RESPONSE),
        ("R8 an array", http("200 OK", "", "[]"), Status::INVALID_RESPONSE),
        ("R9 protocol error", Reply::Write(b"SSH-2.0\r\n".to_vec()), Status::CANNOT_FETCH),
        (
            "R9 too many redirects",
            http("302 Found", "location: /domain/ok.com\r\n", ""),
            Status::CANNOT_FETCH,
        ),
    ] {
        let lab = lab(&[("/domain/ok.com", reply)], WHOIS).await;
        let record = lab.collect("ok.com", None).await;
        assert_eq!(rdap(&record), (status.0, "ok.com", None, None), "{case}");
        assert!(record.error.is_some(), "{case}");
        assert_eq!((record.whois_status_code, record.whois_error), (Status::OK, None), "{case}");
        assert_eq!(record.whois_raw.as_deref(), Some(WHOIS), "{case}");
        // R19: what has no value is left out.
        let parsed = record.whois_parsed.unwrap();
        assert_eq!(parsed.text(), r#"{"domain_name":"OK.COM","registrar":"R"}"#, "{case}");
        assert_eq!(lab.whois.asked()[0].head, "ok.com\r\n", "{case}");
    }

    let gone = format!(r#"{{"services":[[["com"],["http://{}/"]]]}}"#, closed().await);
    let (collector, _files) = collector(&gone, &format!("com {}\n", closed().await));
    let record = collect(&collector, "ok.com", None).await;
    assert_eq!(
        (record.status_code, record.whois_status_code),
        (Status::CANNOT_FETCH, Status::CANNOT_FETCH),
        "R7, R18"
    );
}

#[tokio::test]
async fn r10_to_r14_names() {
    let base = [("/domain/base.com", ok(r#"{"a":1}"#))];
    for (case, name, zone, status, target, whois) in [
        ("R10", "a.base.com", None, Status::OK, "base.com", None),
        ("R11", "x.a.base.com", Some("b.base.com"), Status::OK, "base.com", None),
        ("R12", "foo.zz", None, Status::NO_ENDPOINT, "foo.zz", Some("foo.zz\r\n")),
        ("R12 below", "a.foo.zz", None, Status::NO_ENDPOINT, "a.foo.zz", Some("foo.zz\r\n")),
        ("R13", "com", None, Status::NO_ENDPOINT, "com", None),
        ("R14", "BASE.COM", None, Status::OK, "base.com", None),
        ("R14 zone", "x.y", Some("Base.Com."), Status::OK, "base.com", None),
        ("not found above", "a.none.com", None, Status::NOT_FOUND, "none.com", Some("none.com\r\n")),
        ("no name", "a b.com", None, Status::INVALID_DOMAIN_NAME, "a b.com", None),
    ] {
        let lab = lab(&base, WHOIS).await;
        let record = lab.collect(name, zone).await;
        assert_eq!((record.status_code, record.rdap_target.as_str()), (status, target), "{case}");
        let asked = lab.whois.asked();
        assert_eq!(asked.first().map(|asked| asked.head.as_str()), whois, "{case}");
        let performed = if whois.is_some() { Status::OK } else { Status::WHOIS_NOT_PERFORMED };
        assert_eq!(record.whois_status_code, performed, "{case}");
        if matches!(case, "R12" | "R13") {
            assert!(lab.rdap.asked().is_empty(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_server_that_limits_us_is_not_asked_for_the_registered_domain() {
    let limited = http("429 Too Many Requests", "", "");
    let lab = lab(&[("/domain/a.ok.com", limited)], WHOIS).await;
    let record = lab.collect("a.ok.com", None).await;
    assert_eq!((record.status_code, record.rdap_target.as_str()), (Status::RATE_LIMITED, "a.ok.com"));
    assert!(lab.rdap.paths().iter().all(|path| path == "/domain/a.ok.com"), "{:?}", lab.rdap.paths());
    assert_eq!(lab.whois.asked()[0].head, "ok.com\r\n");
}

#[tokio::test]
async fn r15_entities() {
    let stub = |rest: &str| format!(r#"{{"handle":"S","roles":["registrant"]{rest}}}"#);
    let link = |path: &str| format!(r#","links":[{{"href":"/none"}},{{"rel":"self","href":"{path}"}}]"#);
    for (case, entity, expected) in [
        (
            "self 200",
            stub(&link("/entity/S")),
            r#"{"handle":"S","roles":["registrant"],"full":1.0}"#.to_owned(),
        ),
        ("self 404", stub(&link("/none")), stub(&link("/none"))),
        (
            "self gone",
            stub(r#","links":[{"rel":"self","href":"http://0.0.0.0/"}]"#),
            stub(r#","links":[{"rel":"self","href":"http://0.0.0.0/"}]"#),
        ),
        (
            "no self",
            stub(r#","links":[{"rel":"up","href":"/entity/S"}]"#),
            stub(r#","links":[{"rel":"up","href":"/entity/S"}]"#),
        ),
        ("no links", stub(""), stub("")),
        (
            "vCard",
            stub(&format!(r#","vcardArray":[]{}"#, link("/entity/S"))),
            stub(&format!(r#","vcardArray":[]{}"#, link("/entity/S"))),
        ),
        ("no object", "7".to_owned(), "7".to_owned()),
    ] {
        let answers = [
            ("/domain/ok.com", ok(&format!(r#"{{"a":1,"entities":[{entity},{{"last":true}}]}}"#))),
            ("/entity/S", ok(r#"{"handle":"S","roles":["x"],"full":1.0}"#)),
        ];
        let lab = lab(&answers, WHOIS).await;
        let record = lab.collect("ok.com", None).await;
        assert_eq!(rdap(&record).2, Some(r#"{"a":1}"#), "{case}");
        assert_eq!(rdap(&record).3, Some(format!(r#"[{expected},{{"last":true}}]"#).as_str()), "{case}");
    }
}

#[tokio::test]
async fn r15_fetches_are_bounded() {
    let stubs: Vec<String> =
        (0..20).map(|n| format!(r#"{{"links":[{{"rel":"self","href":"/e/{n}"}}]}}"#)).collect();
    let answer = format!(r#"{{"entities":[{}]}}"#, stubs.join(","));
    let lab = lab(&[("/domain/ok.com", ok(&answer))], WHOIS).await;
    let record = lab.collect("ok.com", None).await;
    assert_eq!(record.status_code, Status::OK);
    assert_eq!(lab.rdap.asked().len(), 1 + RdapConfig::default().max_entities);
}

#[tokio::test]
async fn r17_whois_statuses() {
    for (case, text, status) in [
        ("not found", "No match for \"OK.COM\".\n", Status::NOT_FOUND),
        ("rate limit", "Rate limit exceeded\n", Status::RATE_LIMITED),
        ("nothing", "", Status::CANNOT_FETCH),
    ] {
        let lab = lab(&[], text).await;
        let record = lab.collect("ok.com", None).await;
        assert_eq!((record.status_code, record.whois_status_code), (Status::NOT_FOUND, status), "{case}");
        assert!(record.whois_error.is_some(), "{case}");
        assert_eq!((record.whois_raw, record.whois_parsed), (None, None), "{case}");
    }
}

#[tokio::test]
async fn without_lists_nothing_is_known() {
    let config = RdapConfig { bootstrap: vec!["/nowhere".to_owned()], ..RdapConfig::default() };
    let limiter = Arc::new(Limiter::new(LimitsConfig::default()));
    let whois = WhoisConfig { servers: vec!["/nowhere".to_owned()], ..WhoisConfig::default() };
    let collector = RdapDnCollector::new(
        Arc::new(RdapClient::new(config, client(&[]))),
        Arc::new(WhoisClient::new(whois, dialer(&[("x", &[Hosts::SILENT; 0])]), client(&[]), limiter)),
        Suffixes::default(),
        Arc::new(ManualClock::at(NOW)),
    );
    let record = collect(&collector, "ok.com", None).await;
    assert_eq!((record.status_code, record.whois_status_code), (Status::CANNOT_FETCH, Status::CANNOT_FETCH));
}
