//! Which address follows, whom is not asked, and when records are judged. The rows of the behaviour report are data:
//! `tests/cases/dns/rows.toml`.

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::dns::scripted::{Server, zone};
use crate::collect::net::{AddressPolicy, NetConfig};
use crate::model::{CNAMERecord, SOARecord};

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
    let config = DnsConfig { port: p.address.port(), ..DnsConfig::default() };
    let data = collected(&x, config, AddressPolicy::public()).await;
    assert_eq!(data.a, Some(vec!["192.0.2.1".to_owned()]));
    assert_eq!(data.dnssec, None);
    assert!(p.asked().is_empty());
}

/// The zone is not signed, and nobody says that it need not be.
#[tokio::test]
async fn what_is_found_is_judged_if_that_is_wanted() {
    for (x, expected) in [
        ("ok.cz 60 A 192.0.2.1\nok.cz 60 TXT x", [("A", "bogus"), ("TXT", "bogus")]),
        (
            "ok.cz 60 A 192.0.2.1\nok.cz 60 TXT x\n*/NS ! SERVFAIL",
            [("A", "indeterminate"), ("TXT", "indeterminate")],
        ),
    ] {
        let x = Server::start(zone(x, false)).await;
        let config = DnsConfig { dnssec: true, ..DnsConfig::default() };
        let data = collected(&x, config, AddressPolicy::public()).await;
        let expected = expected.map(|(rr_type, judged)| (rr_type.to_owned(), judged.to_owned()));
        assert_eq!(data.dnssec, Some(expected.into_iter().collect()));
    }
}

/// What is found of `ok.cz`, whose servers are private, with the resolver `x`.
async fn collected(x: &Server, mut config: DnsConfig, policy: AddressPolicy) -> DNSData {
    config.resolvers = vec![x.address.into()];
    let exchange = Arc::new(Exchange::new(&config, policy));
    let resolver = Arc::new(Resolver::new(exchange.clone(), &config, &NetConfig::default()).unwrap());
    let collector = DnsCollector::new(config, exchange, resolver, Arc::new(ManualClock::at(1234)));
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
        primary_nameserver_ips: vec!["127.0.0.1".into(), "10.0.0.1".into()],
        secondary_nameservers: vec![],
        secondary_nameserver_ips: vec![],
    };
    let request =
        DNSRequest { zone_info, types_to_collect: None, types_to_process_ips_from: None, collectors: None };
    let subject = Subject { key: "key".into(), name: "ok.cz".into(), address: None };
    collector.collect(&subject, Some(request)).await.dns_data.unwrap()
}
