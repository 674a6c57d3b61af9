//! The rows D1 to D19 of the behaviour report (spec/domainradar.md section 8.2) in their target reading, and some more.
//! P is the zone's server and X the resolver, on the loopback, each with the text beside the case.

use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::dns::scripted::{Server, zone};
use crate::collect::net::{AddressPolicy, NetConfig};
use crate::model::{CNAMERecord, SOARecord};
use crate::units::Span;

/// A case: what the servers know, what is asked, and what comes of it in the notation of [`show`].
struct Case {
    row: &'static str,
    p: &'static str,
    x: &'static str,
    name: &'static str,
    types: Option<&'static [&'static str]>,
    ips_from: Option<&'static [&'static str]>,
    expected: &'static str,
}

/// The case that others differ from: all types of `ok.cz`, of servers that know nothing.
const CASE: Case =
    Case { row: "", p: "", x: "", name: "ok.cz", types: None, ips_from: None, expected: "OK | ips" };

struct Net {
    p: Server,
    x: Server,
    collector: DnsCollector,
}

/// Servers and a collector between them. Only silence takes the whole `timeout`.
async fn net(p: &str, x: &str, timeout: Duration) -> Net {
    let p = Server::start(zone(p, true)).await;
    let x = Server::start(zone(x, false)).await;
    let collector = collector(p.address.port(), &x, timeout, true);
    Net { p, x, collector }
}

fn collector(port: u16, x: &Server, timeout: Duration, allow_private: bool) -> DnsCollector {
    let resolvers = vec![x.address.into()];
    let config = DnsConfig { resolvers, port, timeout: Span(timeout), ..DnsConfig::default() };
    let policy = if allow_private { AddressPolicy::private() } else { AddressPolicy::public() };
    let exchange = Arc::new(Exchange::new(&config, policy));
    let resolver = Arc::new(Resolver::new(exchange.clone(), &config, &NetConfig::default()).unwrap());
    DnsCollector::new(config, exchange, resolver, Arc::new(ManualClock::at(1234)))
}

fn timeout(texts: [&str; 2]) -> Duration {
    Duration::from_millis(if texts.concat().contains("SILENT") { 200 } else { 5000 })
}

fn request(primary: &[&str], secondary: &[&str]) -> DNSRequest {
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let soa = SOARecord {
        primary_ns: "ns1.ok.cz".into(),
        resp_mailbox_dname: "h.ok.cz".into(),
        serial: "1".into(),
        refresh: 2,
        retry: 3,
        expire: 4,
        min_ttl: 5,
    };
    let zone_info = ZoneInfo {
        zone: "ok.cz".into(),
        soa,
        public_suffix: "cz".into(),
        has_dnskey: None,
        primary_nameserver_ips: strings(primary),
        secondary_nameservers: vec![],
        secondary_nameserver_ips: strings(secondary),
    };
    DNSRequest { zone_info, types_to_collect: None, types_to_process_ips_from: None }
}

async fn collect(collector: &DnsCollector, name: &str, request: Option<DNSRequest>) -> DNSResult {
    let subject = Subject { key: "key".into(), name: name.to_owned(), address: None };
    let result = collector.collect(&subject, request).await;
    assert_eq!(result.last_attempt.0, 1234);
    assert_eq!(result.error.is_none(), result.status_code.ok());
    assert_eq!(result.ips.is_some(), result.status_code.ok());
    result
}

/// `status | type/ttl data … | !type error … | ips type address … | tls address`, what is null left out.
fn show(result: &DNSResult) -> String {
    let mut parts = vec![result.status_code.to_string()];
    if let Some(data) = &result.dns_data {
        let mut part = |rr_type: &str, texts: Option<Vec<String>>| {
            let Some(texts) = texts else { return assert!(!data.ttl_values.contains_key(rr_type)) };
            parts.push(format!("{rr_type}/{} {}", data.ttl_values[rr_type], texts.join(" ")));
        };
        let host = |name: &str, ips: &Option<Vec<String>>| match ips {
            Some(ips) => format!("{name}[{}]", ips.join(" ")),
            None => format!("{name}?"),
        };
        part("A", data.a.clone());
        part("AAAA", data.aaaa.clone());
        part("CNAME", data.cname.as_ref().map(|alias| vec![host(&alias.value, &alias.related_ips)]));
        let mx =
            |mx: &crate::model::MXRecord| format!("{} {}", mx.priority, host(&mx.value, &mx.related_ips));
        part("MX", data.mx.as_ref().map(|records| records.iter().map(mx).collect()));
        let ns = |ns: &crate::model::NSRecord| host(&ns.nameserver, &ns.related_ips);
        part("NS", data.ns.as_ref().map(|records| records.iter().map(ns).collect()));
        part("TXT", data.txt.as_ref().map(|texts| texts.iter().map(|text| format!("{text:?}")).collect()));
        for (rr_type, error) in data.errors.iter().flat_map(|errors| errors.iter()) {
            parts.push(format!("!{rr_type} {error}"));
        }
    }
    if let Some(ips) = &result.ips {
        parts.push(ips.iter().fold("ips".into(), |all, from| format!("{all} {} {}", from.rr_type, from.ip)));
    }
    let target = result.dns_data.as_ref().and_then(tls_target);
    parts.extend(target.map(|address| format!("tls {address}")));
    parts.join(" | ")
}

const HOSTS: &str = "mx.ok.cz 60 A 192.0.2.25
    ns1.ok.cz 60 A 192.0.2.53
    ns2.ok.cz 60 A 192.0.2.54
    ns2.ok.cz 60 AAAA 2001:db8::54
    cdn.example.net 60 A 192.0.2.80
    cdn.example.net 60 AAAA 2001:db8::80
    other.ok.cz 60 A 192.0.2.9";

const FULL: &str = "ok.cz 300 A 192.0.2.2
    ok.cz 300 A 192.0.2.1
    ok.cz 301 AAAA 2001:db8::1
    ok.cz 302 MX 10 MX.ok.cz.
    ok.cz 303 NS ns2.ok.cz.
    ok.cz 303 NS ns1.ok.cz.
    ok.cz 304 TXT \"x=1\"";

#[tokio::test]
async fn rows_with_one_server_of_the_zone() {
    let long: &'static str = format!("{}.ok.cz", "a".repeat(64)).leak();
    let cases = [
        Case {
            row: "D1",
            p: FULL,
            x: HOSTS,
            expected: "OK | A/300 192.0.2.1 192.0.2.2 | AAAA/301 2001:db8::1 | MX/302 10 mx.ok.cz[192.0.2.25] \
                | NS/303 ns1.ok.cz[192.0.2.53] ns2.ok.cz[192.0.2.54 2001:db8::54] | TXT/304 \"x=1\" \
                | ips A 192.0.2.1 A 192.0.2.2 AAAA 2001:db8::1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D2",
            p: "ok.cz 60 TXT \"v=spf1 a\" \" -all\"\nok.cz 60 TXT \"a\"",
            expected: "OK | TXT/60 \"a\" \"v=spf1 a\" \" -all\" | ips",
            ..CASE
        },
        Case {
            row: "D3",
            p: "www.ok.cz 60 CNAME cdn.example.net.",
            x: HOSTS,
            name: "www.ok.cz",
            expected: "OK | CNAME/60 cdn.example.net[192.0.2.80 2001:db8::80] \
                | ips CNAME 192.0.2.80 CNAME 2001:db8::80 | tls 192.0.2.80",
            ..CASE
        },
        Case {
            row: "D4",
            p: "www.ok.cz 60 CNAME other.ok.cz.\nother.ok.cz 60 A 192.0.2.9",
            x: HOSTS,
            name: "www.ok.cz",
            expected: "OK | CNAME/60 other.ok.cz[192.0.2.9] | ips CNAME 192.0.2.9 | tls 192.0.2.9",
            ..CASE
        },
        Case { row: "D5", ..CASE },
        Case {
            row: "D6",
            p: "* ! REFUSED",
            x: "ok.cz 77 A 192.0.2.1",
            expected: "OK | A/77 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D6 lame",
            p: "* ! LAME",
            x: "ok.cz 77 A 192.0.2.1",
            expected: "OK | A/77 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D7",
            p: "* ! SERVFAIL",
            x: "* ! SERVFAIL",
            expected: "OTHER_DNS_ERROR | !A the server answered SERVFAIL | !AAAA the server answered SERVFAIL \
                | !CNAME the server answered SERVFAIL | !MX the server answered SERVFAIL \
                | !NS the server answered SERVFAIL | !TXT the server answered SERVFAIL",
            ..CASE
        },
        Case { row: "D8", p: "* ! SILENT", x: "* ! SILENT", expected: "TIMEOUT", ..CASE },
        Case {
            row: "D8 but one",
            p: "* ! SILENT",
            x: "* ! SILENT\n*/MX ! SERVFAIL",
            types: Some(&["A", "MX"]),
            expected: "OTHER_DNS_ERROR | !A Timeout | !MX the server answered SERVFAIL",
            ..CASE
        },
        Case {
            row: "D8 in part",
            p: "ok.cz 60 A 192.0.2.1\n*/MX ! SILENT",
            x: "* ! SILENT",
            types: Some(&["A", "MX"]),
            expected: "OK | A/60 192.0.2.1 | !MX Timeout | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D9",
            p: "* ! SERVFAIL",
            x: "* ! REFUSED",
            types: Some(&["A", "FOO"]),
            expected: "OTHER_DNS_ERROR | !A the server answered REFUSED",
            ..CASE
        },
        Case {
            row: "D10",
            p: "ok.cz 60 A 192.0.2.1\nok.cz 60 TXT x",
            types: Some(&[]),
            expected: "OK | A/60 192.0.2.1 | TXT/60 \"x\" | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D11",
            p: "ok.cz 60 A 192.0.2.1\nok.cz 60 TXT x",
            types: Some(&["a"]),
            expected: "OK | A/60 192.0.2.1 | TXT/60 \"x\" | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D12",
            p: "ok.cz 60 A 192.0.2.1",
            ips_from: Some(&[]),
            expected: "OK | A/60 192.0.2.1 | ips | tls 192.0.2.1",
            ..CASE
        },
        Case {
            row: "D16",
            p: FULL,
            x: HOSTS,
            types: Some(&["NS", "MX"]),
            ips_from: Some(&["NS", "MX"]),
            expected: "OK | MX/302 10 mx.ok.cz[192.0.2.25] \
                | NS/303 ns1.ok.cz[192.0.2.53] ns2.ok.cz[192.0.2.54 2001:db8::54] \
                | ips MX 192.0.2.25 NS 192.0.2.53 NS 192.0.2.54 NS 2001:db8::54",
            ..CASE
        },
        Case { row: "D17", name: long, expected: "INVALID_DOMAIN_NAME", ..CASE },
        Case {
            row: "unknown hosts",
            p: "ok.cz 60 MX 20 gone.cz.\nok.cz 60 MX 10 bad.cz.\nok.cz 60 MX 0 .\nok.cz 60 CNAME bad.cz.",
            x: "bad.cz ! SERVFAIL",
            types: Some(&["MX", "CNAME"]),
            expected: "OK | CNAME/60 bad.cz? | MX/60 0 .[] 10 bad.cz? 20 gone.cz[] | ips",
            ..CASE
        },
        Case {
            row: "truncated",
            p: "ok.cz 60 TXT long\nok.cz/TXT ! TRUNCATED",
            expected: "OK | TXT/60 \"long\" | ips",
            ..CASE
        },
        Case {
            row: "one type refused",
            p: "ok.cz 60 A 192.0.2.1\nok.cz/TXT ! REFUSED",
            x: "ok.cz 50 TXT t",
            name: "OK.cz.",
            expected: "OK | A/60 192.0.2.1 | TXT/50 \"t\" | ips A 192.0.2.1 | tls 192.0.2.1",
            ..CASE
        },
    ];
    join_all(cases.map(|case| async move {
        let net = net(case.p, case.x, timeout([case.p, case.x])).await;
        let strings = |types: &[&str]| types.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let mut request = request(&["127.0.0.1"], &[]);
        request.types_to_collect = case.types.map(strings);
        request.types_to_process_ips_from = case.ips_from.map(strings);
        let result = collect(&net.collector, case.name, Some(request)).await;
        assert_eq!(show(&result), case.expected, "{}", case.row);
        // What the zone's server says, a denial too, is not asked for again.
        if ["D1", "D2", "D3", "D4", "D5"].contains(&case.row) {
            assert_eq!(net.p.asked().len(), 6, "{}", case.row);
            assert!(net.p.asked().iter().all(|asked| !asked.query.recursion_desired), "{}", case.row);
            assert_eq!(net.x.times(case.name, RecordType::A), 0, "{}", case.row);
        }
    }))
    .await;
}

#[tokio::test]
async fn d13_a_zone_served_over_ipv6_only() {
    // Where the machine has no IPv6 there is nothing to try.
    let Ok(p) = Server::bind("[::1]:0", zone("ok.cz 60 A 192.0.2.1", true)).await else { return };
    let x = Server::start(zone("", false)).await;
    let collector = collector(p.address.port(), &x, Duration::from_secs(5), true);
    let result = collect(&collector, "ok.cz", Some(request(&["::1"], &[]))).await;
    assert_eq!(show(&result), "OK | A/60 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1");
    assert!(x.asked().is_empty());
}

#[tokio::test]
async fn d14_no_server_is_known() {
    let net = net("ok.cz 60 A 192.0.2.66", "ok.cz 60 A 192.0.2.1", Duration::from_secs(5)).await;
    let result = collect(&net.collector, "ok.cz", Some(request(&[], &[]))).await;
    assert_eq!(show(&result), "OK | A/60 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1");
    assert!(net.p.asked().is_empty());
}

#[tokio::test]
async fn d15_dead_servers_are_overtaken() {
    let text = "ok.cz 60 A 192.0.2.1";
    let timeout = Duration::from_secs(2);
    // Primary and secondary addresses: the one that answers is 127.0.0.1.
    for (primary, secondary) in [
        (&["127.0.0.2", "127.0.0.1"][..], &[][..]),
        (&["127.0.0.2"], &["127.0.0.1"]),
        (&["not an address", "127.0.0.2"], &["127.0.0.2", "127.0.0.1"]),
    ] {
        let net = net(text, "", timeout).await;
        let silent = format!("127.0.0.2:{}", net.p.address.port());
        let _dead = Server::bind(&silent, |_| vec![]).await.unwrap();
        let started = tokio::time::Instant::now();
        let result = collect(&net.collector, "ok.cz", Some(request(primary, secondary))).await;
        assert_eq!(show(&result), "OK | A/60 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1");
        assert!(started.elapsed() < timeout);
        assert!(net.x.asked().is_empty());
    }
}

#[tokio::test]
async fn d18_a_request_is_needed() {
    let net = net("", "", Duration::from_secs(5)).await;
    assert_eq!(show(&collect(&net.collector, "ok.cz", None).await), "INVALID_MESSAGE");
}

#[test]
fn d19_an_address_is_asked_about_once() {
    let address = || Some(vec!["192.0.2.1".to_owned(), "192.0.2.1".to_owned()]);
    let data = DNSData {
        a: address(),
        cname: Some(CNAMERecord { value: "b.cz".into(), related_ips: address() }),
        ..DNSData::default()
    };
    let ips = records::ips(&data, &[RrType::A, RrType::CNAME]);
    let types: Vec<_> = ips.iter().map(|from| from.rr_type.as_str()).collect();
    assert_eq!(types, ["A", "CNAME"]);
    let subject = Subject { key: "".into(), name: "a.cz".into(), address: None };
    let mut result = DNSResult::without_data(Verdict::ok(0), &subject, DnsCollector::NAME);
    result.ips = Some(ips);
    assert_eq!(ip_targets(&result).collect::<Vec<_>>(), ["192.0.2.1"]);
}

#[test]
fn tls_goes_to_the_alias_then_to_ipv4_then_to_ipv6() {
    let some = |address: &str| Some(vec![address.to_owned(), "192.0.2.99".to_owned()]);
    let alias = |related_ips| Some(CNAMERecord { value: "b.cz".into(), related_ips });
    for (cname, a, aaaa, expected) in [
        (alias(some("192.0.2.1")), some("192.0.2.2"), some("2001:db8::3"), Some("192.0.2.1")),
        (alias(Some(vec![])), some("192.0.2.2"), some("2001:db8::3"), Some("192.0.2.2")),
        (alias(None), None, some("2001:db8::3"), Some("2001:db8::3")),
        (None, Some(vec![]), None, None),
    ] {
        assert_eq!(tls_target(&DNSData { cname, a, aaaa, ..DNSData::default() }), expected);
    }
}

#[tokio::test]
async fn private_servers_are_left_to_the_resolvers() {
    let p = Server::start(zone("ok.cz 60 A 192.0.2.66", true)).await;
    let x = Server::start(zone("ok.cz 60 A 192.0.2.1", false)).await;
    let collector = collector(p.address.port(), &x, Duration::from_secs(5), false);
    let result = collect(&collector, "ok.cz", Some(request(&["127.0.0.1", "10.0.0.1"], &[]))).await;
    assert_eq!(show(&result), "OK | A/60 192.0.2.1 | ips A 192.0.2.1 | tls 192.0.2.1");
    assert!(p.asked().is_empty());
}
