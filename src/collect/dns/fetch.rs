//! One record type of one name: from the servers of its zone, else by recursion, with the addresses of the hosts in it.
//!
//! Three waits, each of at most the configured timeout and as much again for a turn: the zone's servers, the
//! resolvers, the hosts and signatures.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use super::DnsCollector;
use super::records::{self, Records};
use crate::collect::net::AskError;
use crate::collect::net::dns::{Question, RrSet, RrType, Security, text};
use crate::model::{CNAMERecord, MXRecord, NSRecord};

/// Hosts of one set whose addresses are looked up. More are recorded without.
const MOST_HOSTS: usize = 32;

/// The records of a type.
pub(super) struct Found {
    /// Seconds, as the zone's servers say; what remains, if the resolvers do.
    pub ttl: u32,
    pub records: Records,
    /// What DNSSEC says of them, if it was asked.
    pub security: Option<Security>,
}

impl DnsCollector {
    /// What `name` itself has of `rr_type`; nothing if it is an alias, unless the alias is asked for.
    pub(super) async fn fetch(
        &self,
        servers: &[SocketAddr],
        name: &Name,
        rr_type: RrType,
    ) -> Result<Option<Found>, AskError> {
        let wire_type = wire_type(rr_type);
        let question = Question { name: name.clone(), rr_type: wire_type, recursion: false, signed: false };
        let answer = match self.exchange.race(servers, &question, self.config.timeout.0).await {
            Ok(answer) => answer.into(),
            // Refused, failed, lame, silent: the resolvers may know a server that is not.
            Err(_) => self.resolver.lookup(name, wire_type).await?,
        };
        let Some(set) = answer.rr_set(name, wire_type) else { return Ok(None) };
        let (records, security) =
            tokio::join!(self.read(rr_type, &set), self.resolver.security(name, wire_type, &set));
        Ok(records.map(|records| Found { ttl: set.ttl, records, security }))
    }

    async fn read(&self, rr_type: RrType, set: &RrSet<'_>) -> Option<Records> {
        let addresses = || set.addresses().iter().map(IpAddr::to_string).collect();
        Some(match rr_type {
            RrType::A => Records::Ipv4(addresses()),
            RrType::AAAA => Records::Ipv6(addresses()),
            RrType::TXT => Records::Texts(records::texts(set)),
            RrType::CNAME => {
                let target = records::alias(set)?;
                let related_ips = self.addresses_of([&target]).await.pop()?;
                Records::Alias(CNAMERecord { value: text(&target), related_ips })
            }
            RrType::MX => {
                let hosts = records::exchangers(set);
                let related = self.addresses_of(hosts.iter().map(|(_, host)| host)).await;
                let record = |((priority, host), related_ips): ((u16, Name), _)| MXRecord {
                    value: text(&host),
                    priority: priority.into(),
                    related_ips,
                };
                Records::Exchangers(hosts.into_iter().zip(related).map(record).collect())
            }
            RrType::NS => {
                let hosts = records::name_servers(set);
                let related = self.addresses_of(&hosts).await;
                let record = |(host, related_ips)| NSRecord { nameserver: text(host), related_ips };
                Records::NameServers(hosts.iter().zip(related).map(record).collect())
            }
        })
    }

    /// The addresses of each of `hosts`: empty if it has none, `None` if they could not be found out.
    async fn addresses_of(&self, hosts: impl IntoIterator<Item = &Name>) -> Vec<Option<Vec<String>>> {
        let until = Instant::now() + self.config.timeout.0;
        let lookups = hosts.into_iter().enumerate().map(|(number, host)| async move {
            // A null MX (RFC 7505) has no host to look up.
            match number {
                _ if host.is_root() => Some(vec![]),
                0..MOST_HOSTS => {
                    let found = timeout_at(until, self.resolver.addresses_of(host)).await.ok()?.ok()?;
                    Some(found.iter().map(IpAddr::to_string).collect())
                }
                _ => None,
            }
        });
        join_all(lookups).await
    }
}

fn wire_type(rr_type: RrType) -> RecordType {
    match rr_type {
        RrType::A => RecordType::A,
        RrType::AAAA => RecordType::AAAA,
        RrType::CNAME => RecordType::CNAME,
        RrType::MX => RecordType::MX,
        RrType::NS => RecordType::NS,
        RrType::TXT => RecordType::TXT,
    }
}
