//! Who serves a zone: addresses of the primary of its SOA, the other name servers and their addresses, and its DNSKEY.
//!
//! Everything is asked at once. What fails or is late is left out; a zone that was found stays found.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::search::Zone;
use crate::collect::net::Resolver;
use crate::collect::net::dns::text;
use crate::model::{DomainName, SOARecord, ZoneInfo};

/// Name servers whose addresses are asked for; a zone may name any number.
const MOST_HOSTS: usize = 32;

/// Asks about the servers of `zone` for at most `timeout`.
pub(super) async fn describe(
    resolver: &Resolver,
    zone: &Zone,
    suffix: &DomainName,
    timeout: Duration,
) -> ZoneInfo {
    let until = Instant::now() + timeout;
    let (primary, (secondaries, addresses), has_dnskey) = tokio::join!(
        addresses(resolver, &zone.soa.mname, until),
        secondaries(resolver, zone, until),
        has_dnskey(resolver, &zone.name, until),
    );
    let others = addresses.into_iter().filter(|address| !primary.contains(address));
    ZoneInfo {
        zone: text(&zone.name),
        soa: record(&zone.soa),
        public_suffix: suffix.to_string(),
        has_dnskey,
        secondary_nameserver_ips: others.map(|address| address.to_string()).collect(),
        primary_nameserver_ips: primary.iter().map(IpAddr::to_string).collect(),
        secondary_nameservers: secondaries.iter().map(text).collect(),
    }
}

async fn addresses(resolver: &Resolver, host: &Name, until: Instant) -> Vec<IpAddr> {
    match timeout_at(until, resolver.addresses_of(host)).await {
        Ok(Ok(addresses)) => addresses,
        _ => vec![],
    }
}

/// The name servers of the zone without the primary, and their addresses, both in order and each once.
async fn secondaries(resolver: &Resolver, zone: &Zone, until: Instant) -> (Vec<Name>, Vec<IpAddr>) {
    let Ok(Ok(answer)) = timeout_at(until, resolver.lookup(&zone.name, RecordType::NS)).await else {
        return (vec![], vec![]);
    };
    let data = answer.rr_set(&zone.name, RecordType::NS).map_or(vec![], |set| set.data);
    let mut hosts: Vec<_> = data
        .into_iter()
        .filter_map(|data| match data {
            RData::NS(host) if host.0 != zone.soa.mname => Some(host.0.to_lowercase()),
            _ => None,
        })
        .collect();
    hosts.sort_unstable_by_key(text);
    hosts.dedup();
    let lookups = hosts.iter().take(MOST_HOSTS).map(|host| addresses(resolver, host, until));
    let mut addresses: Vec<_> = join_all(lookups).await.into_iter().flatten().collect();
    addresses.sort_unstable();
    addresses.dedup();
    (hosts, addresses)
}

/// Whether the zone has a DNSKEY; `None` if that could not be found out.
async fn has_dnskey(resolver: &Resolver, zone: &Name, until: Instant) -> Option<bool> {
    let answer = timeout_at(until, resolver.lookup(zone, RecordType::DNSKEY)).await.ok()?.ok()?;
    Some(answer.rr_set(zone, RecordType::DNSKEY).is_some())
}

/// The SOA as it is recorded.
fn record(soa: &SOA) -> SOARecord {
    // The intervals are unsigned (RFC 1035 section 3.3.13); hickory reads them as signed.
    let seconds = |interval: i32| i64::from(interval as u32);
    SOARecord {
        primary_ns: text(&soa.mname),
        resp_mailbox_dname: text(&soa.rname),
        serial: soa.serial.to_string(),
        refresh: seconds(soa.refresh),
        retry: seconds(soa.retry),
        expire: seconds(soa.expire),
        min_ttl: soa.minimum.into(),
    }
}
