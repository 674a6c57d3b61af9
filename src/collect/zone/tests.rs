//! The rows Z1 to Z21 of the behaviour report (spec/domainradar.md section 8.1) in their target reading, and some more.
//! The resolver is a server on the loopback that knows the text beside each case.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::dns::scripted::{Server, zone};
use crate::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig};
use crate::model::{RDAPDomainRequest, SOARecord};
use crate::units::Span;

const OK_CZ: &str = "ok.cz 300 SOA ns1.ok.cz. hostmaster.ok.cz. 2026010100 3600 600 604800 300
    ok.cz 300 NS ns1.ok.cz.
    ok.cz 300 NS ns2.ok.cz.
    ns1.ok.cz 300 A 192.0.2.53
    ns1.ok.cz 300 AAAA 2001:db8::53
    ns2.ok.cz 300 A 192.0.2.54
    ns2.ok.cz 300 A 192.0.2.53
    ns2.ok.cz 300 AAAA 2001:db8::54
    ok.cz 300 A 192.0.2.1";

/// Asks for `name` of a collector whose resolver knows `text`.
async fn collect(text: &str, name: &str, request: Option<ZoneRequest>) -> (ZoneResult, Server) {
    let server = Server::start(zone(text, false)).await;
    // Only silence takes all of it.
    let timeout = Span(Duration::from_millis(if text.contains("SILENT") { 400 } else { 5000 }));
    let dns = DnsConfig { resolvers: vec![server.address.into()], timeout, ..DnsConfig::default() };
    let exchange = Arc::new(Exchange::new(&dns, AddressPolicy::private()));
    let resolver = Arc::new(Resolver::new(exchange, &dns, &NetConfig::default()).unwrap());
    let collector = ZoneCollector::new(
        ZoneConfig { timeout },
        resolver,
        Suffixes::default(),
        Arc::new(ManualClock::at(1234)),
    );
    let subject = Subject { key: "key".into(), name: name.to_owned(), address: None };
    (collector.collect(&subject, request).await, server)
}

#[tokio::test]
async fn z1_a_plain_zone() {
    let request = ZoneRequest { label: Some("mine".into()), ..ZoneRequest::default() };
    let (result, server) = collect(OK_CZ, "ok.cz", Some(request)).await;
    let zone = ZoneInfo {
        zone: "ok.cz".into(),
        soa: SOARecord {
            primary_ns: "ns1.ok.cz".into(),
            resp_mailbox_dname: "hostmaster.ok.cz".into(),
            serial: "2026010100".into(),
            refresh: 3600,
            retry: 600,
            expire: 604_800,
            min_ttl: 300,
        },
        public_suffix: "cz".into(),
        has_dnskey: Some(false),
        primary_nameserver_ips: vec!["192.0.2.53".into(), "2001:db8::53".into()],
        secondary_nameservers: vec!["ns2.ok.cz".into()],
        secondary_nameserver_ips: vec!["192.0.2.54".into(), "2001:db8::54".into()],
    };
    assert_eq!(result.verdict(), Verdict::ok(1234));
    assert_eq!((result.zone.as_ref(), result.label.as_deref()), (Some(&zone), Some("mine")));
    assert_eq!(server.asked().len(), 7);
    assert!(dns_request(None, &zone).is_some());
    assert_eq!(rdap_request(None, &zone), Some(RDAPDomainRequest { zone: Some("ok.cz".into()) }));
}

/// Row, what the resolver knows beside `OK_CZ`, the name, the status, and the zone with its public suffix.
type Case = (&'static str, &'static str, &'static str, Status, Option<(&'static str, &'static str)>);

#[tokio::test]
async fn z2_to_z16_names_and_their_zones() {
    let long = format!("{}.cz", "a".repeat(64));
    let long: &'static str = long.leak();
    let (ok, cz, none) = (Status::OK, Some(("ok.cz", "cz")), None);
    let (not_found, invalid, cannot_fetch) =
        (Status::NOT_FOUND, Status::INVALID_DOMAIN_NAME, Status::CANNOT_FETCH);
    let soa = "SOA a.example. b.example. 1 2 3 4 5";
    let text = |lines: &[&str]| -> &'static str { lines.join("\n").replace("SOA!", soa).leak() };
    let cases: [Case; 30] = [
        (
            "Z2",
            text(&["www.ok.cz 60 CNAME cdn.example.net.", "cdn.example.net 60 SOA!"]),
            "www.ok.cz",
            ok,
            cz,
        ),
        ("Z3", text(&["x.sub.ok.cz 60 SOA!"]), "x.sub.ok.cz", ok, Some(("x.sub.ok.cz", "cz"))),
        ("Z4", "gone.ok.cz ! NXDOMAIN", "a.gone.ok.cz", ok, cz),
        ("Z4 below", text(&["gone.ok.cz ! NXDOMAIN", "a.gone.ok.cz 60 SOA!"]), "a.gone.ok.cz", ok, cz),
        ("Z5", "lame.ok.cz ! SERVFAIL", "lame.ok.cz", ok, cz),
        ("Z5 refused", "lame.ok.cz ! REFUSED", "a.lame.ok.cz", ok, cz),
        ("Z5 lame", "lame.ok.cz ! LAME", "lame.ok.cz", ok, cz),
        ("Z6", "slow.ok.cz ! SILENT", "slow.ok.cz", ok, cz),
        (
            "Z6 below",
            text(&["ok.cz/SOA ! SILENT", "a.ok.cz 60 SOA!"]),
            "a.ok.cz",
            ok,
            Some(("a.ok.cz", "cz")),
        ),
        ("Z7", "", "nx.cz", not_found, none),
        ("Z7 no data", "a.nosoa.cz 60 A 192.0.2.1", "nosoa.cz", not_found, none),
        ("Z8", text(&["cz 60 SOA!"]), "cz", ok, Some(("cz", "cz"))),
        ("Z9", text(&["uk 60 SOA!", "co.uk 60 SOA!"]), "co.uk", ok, Some(("co.uk", "co.uk"))),
        ("Z9 above", text(&["uk 60 SOA!", "x.co.uk 60 TXT x"]), "co.uk", ok, Some(("uk", "co.uk"))),
        ("Z10", "", "localhost", not_found, none),
        ("Z10", "", "1.2.3.4", invalid, none),
        ("Z10", "", "example.invalidtld", not_found, none),
        ("Z10", "", "", invalid, none),
        (
            "Z11",
            text(&["github.io 60 SOA!", "foo.github.io 60 A 192.0.2.1"]),
            "foo.github.io",
            ok,
            Some(("github.io", "io")),
        ),
        ("Z12", "", "a.in-addr.arpa", invalid, none),
        ("Z13", "", "X.ARPA", invalid, none),
        ("Z14", "", "foo..com", invalid, none),
        ("Z14", "", long, invalid, none),
        ("Z15", "", "OK.CZ", ok, cz),
        ("Z16", "", "ok.cz.", ok, cz),
        ("failure", "bad.cz ! SERVFAIL", "bad.cz", cannot_fetch, none),
        ("silence", "* ! SILENT", "slow.cz", cannot_fetch, none),
        ("failure above nothing", "bad.cz ! SERVFAIL", "nx.bad.cz", cannot_fetch, none),
        ("alias up", "up.ok.cz 60 CNAME ok.cz.", "up.ok.cz", ok, cz),
        (
            "alias from below",
            text(&["sub.ok.cz 60 SOA!", "up.sub.ok.cz 60 CNAME ok.cz."]),
            "up.sub.ok.cz",
            ok,
            Some(("sub.ok.cz", "cz")),
        ),
    ];
    join_all(cases.map(|(row, text, name, status, expected)| async move {
        let (result, server) = collect(&format!("{OK_CZ}\n{text}"), name, None).await;
        assert_eq!(result.status_code, status, "{row}: {:?}", result.error);
        assert_eq!(result.error.is_some(), !status.ok(), "{row}");
        let found = result.zone.as_ref().map(|zone| (zone.zone.as_str(), zone.public_suffix.as_str()));
        assert_eq!(found, expected, "{row}");
        if ["Z10", "Z12", "Z13", "Z14"].contains(&row) {
            assert!(server.asked().is_empty(), "{row}: no query is sent");
        }
        if row == "Z8" {
            assert_eq!(server.asked().iter().filter(|a| a.rr_type() == RecordType::SOA).count(), 1);
        }
    }))
    .await;
}

#[tokio::test]
async fn z17_to_z20_what_follows() {
    let zone = collect(OK_CZ, "ok.cz", None).await.0.zone.unwrap();
    let follows = |request: &str| {
        let request: ZoneRequest = serde_json::from_str(request).unwrap();
        (dns_request(Some(&request), &zone), rdap_request(Some(&request), &zone))
    };
    // Z17
    assert_eq!(follows(r#"{"collectDNS":false,"collectRDAP":false}"#), (None, None));
    // Z18
    let (dns, rdap) = follows(r#"{"dnsTypesToCollect":["A"],"dnsTypesToProcessIPsFrom":[]}"#);
    let dns = dns.unwrap();
    assert_eq!((dns.types_to_collect, dns.types_to_process_ips_from), (Some(vec!["A".into()]), Some(vec![])));
    assert_eq!(dns.zone_info, zone);
    assert!(rdap.is_some());
    // Z19 and Z20: no request can be read, so none reaches the collector, and the record says INVALID_MESSAGE.
    for request in [r#"{"collectDNS":"maybe"}"#, "{bad json"] {
        assert!(serde_json::from_str::<ZoneRequest>(request).is_err(), "{request}");
    }
}

#[tokio::test]
async fn z21_a_zone_whose_servers_are_not_known() {
    let faults = "*/NS ! SERVFAIL\n*/A ! REFUSED\n*/AAAA ! SILENT\n*/DNSKEY ! SERVFAIL";
    let zone = collect(&format!("{OK_CZ}\n{faults}"), "ok.cz", None).await.0.zone.unwrap();
    assert!(zone.primary_nameserver_ips.is_empty());
    assert!(zone.secondary_nameservers.is_empty());
    assert!(zone.secondary_nameserver_ips.is_empty());
    assert_eq!(zone.has_dnskey, None);
}

#[tokio::test]
async fn one_slow_server_hides_no_other() {
    let text = format!("{OK_CZ}\nok.cz 300 NS Ns0.ok.cz.\nns0.ok.cz ! SILENT\nok.cz 300 DNSKEY key");
    let zone = collect(&text, "ok.cz", None).await.0.zone.unwrap();
    assert_eq!(zone.secondary_nameservers, ["ns0.ok.cz", "ns2.ok.cz"]);
    assert_eq!(zone.secondary_nameserver_ips, ["192.0.2.54", "2001:db8::54"]);
    assert_eq!(zone.has_dnskey, Some(true));
}

#[tokio::test]
async fn names_of_one_zone_share_its_facts() {
    let server = Server::start(zone(OK_CZ, false)).await;
    let dns = DnsConfig { resolvers: vec![server.address.into()], ..DnsConfig::default() };
    let exchange = Arc::new(Exchange::new(&dns, AddressPolicy::private()));
    let resolver = Arc::new(Resolver::new(exchange, &dns, &NetConfig::default()).unwrap());
    let collector = ZoneCollector::new(
        ZoneConfig::default(),
        resolver,
        Suffixes::default(),
        Arc::new(ManualClock::at(0)),
    );
    let subjects: Vec<_> = (0..20)
        .map(|host| Subject { key: "".into(), name: format!("h{host}.ok.cz"), address: None })
        .collect();
    let results = join_all(subjects.iter().map(|subject| collector.collect(subject, None))).await;
    assert!(results.iter().all(|result| result.status_code.ok()));
    // The seven of the zone, and one for each name: is it a zone itself?
    assert_eq!(server.asked().len(), 7 + 20);
}
