//! What replies say, and the settings: no network.

use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};

use super::super::cache::Keep as _;
use super::super::scripted::{absolute, record};
use super::*;
use crate::units::Span;

/// The clock stands still.
#[tokio::test(start_paused = true)]
async fn answers_live_as_long_as_their_records_say() {
    let soa = |ttl, minimum: u32| record("cz", ttl, "SOA", &format!("ns.cz. h.cz. 1 2 3 4 {minimum}"));
    let address = |ttl| record("ok.cz", ttl, "A", "192.0.2.1");
    let alias = |ttl| record("ok.cz", ttl, "CNAME", "b.cz.");
    for (answers, authority, seconds) in [
        (vec![address(60), address(50)], None, 50),
        (vec![address(999_999)], None, 3600),
        (vec![address(u32::MAX)], None, 0),
        (vec![address(60)], Some(soa(5, 5)), 60),
        (vec![alias(40)], None, 40),
        (vec![alias(40)], Some(soa(300, 20)), 20),
        (vec![], Some(soa(300, 20)), 20),
        (vec![], Some(soa(10, 20)), 10),
        (vec![], Some(soa(99_999, 99_999)), 900),
        (vec![], None, 0),
    ] {
        let mut reply = Message::query().into_response();
        reply.answers = answers;
        reply.authorities.extend(authority);
        let shown = reply.to_string();
        let answer = Answer::read(&question("ok.cz"), reply).unwrap();
        assert_eq!(answer.life(), Duration::from_secs(seconds), "{shown}");
    }
}

#[test]
fn only_own_records_of_the_internet_class_count() {
    let mut chaos = record("ok.cz", 60, "A", "192.0.2.66");
    chaos.dns_class = hickory_proto::rr::DNSClass::CH;
    let mut reply = Message::query().into_response();
    reply.answers = vec![
        chaos,
        record("other.cz", 60, "A", "192.0.2.67"),
        record("OK.cz", 60, "A", "192.0.2.1"),
        record("ok.cz", 60, "TXT", "x"),
    ];
    let answer = Answer::read(&question("ok.cz"), reply).unwrap();
    let set = answer.rr_set(&absolute("ok.cz"), RecordType::A).unwrap();
    assert_eq!(set.data.into_iter().filter_map(RData::ip_addr).count(), 1);
    assert!(answer.rr_set(&absolute("ok.cz"), RecordType::TXT).is_none());
}

#[test]
fn configuration_has_defaults_and_no_unknown_keys() {
    assert_eq!(toml::from_str::<DnsConfig>("").unwrap(), DnsConfig::default());
    let written = toml::to_string(&DnsConfig::default()).unwrap();
    assert_eq!(toml::from_str::<DnsConfig>(&written).unwrap(), DnsConfig::default());
    let read: DnsConfig =
        toml::from_str("resolvers = ['192.0.2.1:53']\ntimeout = '2s'\ntypes_to_collect = ['MX']").unwrap();
    assert_eq!(read.resolvers, ["192.0.2.1:53".parse().unwrap()]);
    assert_eq!((read.timeout, read.types_to_collect), (Span::secs(2), vec![RrType::MX]));
    for wrong in ["resolver = []", "types_to_collect = ['SRV']", "timeout = 5", "resolvers = ['ns.cz']"] {
        assert!(toml::from_str::<DnsConfig>(wrong).is_err(), "{wrong}");
    }
}
