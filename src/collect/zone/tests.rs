//! What names of one zone share. The rows of the behaviour report are data: `tests/cases/zone/rows.toml`.

use std::sync::Arc;

use futures_util::future::join_all;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::dns::scripted::{Server, zone};
use crate::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig};

const OK_CZ: &str = "ok.cz 300 SOA ns1.ok.cz. hostmaster.ok.cz. 2026010100 3600 600 604800 300
    ok.cz 300 NS ns1.ok.cz.
    ok.cz 300 NS ns2.ok.cz.
    ns1.ok.cz 300 A 192.0.2.53
    ns2.ok.cz 300 A 192.0.2.54";

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
