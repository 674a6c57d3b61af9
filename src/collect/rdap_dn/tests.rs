//! Bounds of the collector. What comes of every kind of answer: `tests/cases/rdap/rows.toml`.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Framing, Hosts, Reply, Server, client, dialer, http};
use crate::collect::net::rdap::RdapConfig;
use crate::collect::net::whois::WhoisConfig;
use crate::collect::net::{Limiter, LimitsConfig};

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
