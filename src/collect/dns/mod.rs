//! The DNS collector: the records of a name by type, and the addresses behind them (seed "DNS collector").
//!
//! Decides what is asked and what the status is. Who is asked for one type is in `fetch.rs`, what the data mean in
//! `records.rs`, what follows in `follow_up.rs`. Statuses: 0, 1 (no request), 2 (no name), 11 (every type timed out),
//! 20 (every type failed).

mod fetch;
mod follow_up;
mod records;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::join_all;
use indexmap::IndexSet;

use super::Collector;
use super::net::dns::{RrType, of_domain};
use super::net::{AskError, DnsConfig, Exchange, Resolver};
use crate::clock::SharedClock;
use crate::model::{
    DNSData, DNSRequest, DNSResult, DomainName, Outcome, Status, Subject, TextMap, Verdict, ZoneInfo,
};

pub use follow_up::{ip_targets, tls_target};

/// Asks the name servers of a zone for the records of a name in it.
pub struct DnsCollector {
    config: DnsConfig,
    exchange: Arc<Exchange>,
    resolver: Arc<Resolver>,
    clock: SharedClock,
}

/// Why there is no result at all, or only one with errors.
struct Failure {
    status: Status,
    error: String,
    data: Option<DNSData>,
}

impl DnsCollector {
    /// A collector that asks the name servers through `exchange`, and `resolver` for what they do not say.
    pub fn new(
        config: DnsConfig,
        exchange: Arc<Exchange>,
        resolver: Arc<Resolver>,
        clock: SharedClock,
    ) -> Self {
        Self { config, exchange, resolver, clock }
    }

    async fn records_of(&self, name: &str, request: &DNSRequest) -> Result<DNSData, Failure> {
        let without_data = |status, error: String| Failure { status, error, data: None };
        let name = DomainName::parse(name)
            .map_err(|error| without_data(Status::INVALID_DOMAIN_NAME, error.to_string()))?;
        let name = of_domain(&name);
        let types = self.types_to_collect(request);
        let servers = name_servers(&request.zone_info, self.config.port);
        let fetched = join_all(types.iter().map(|&rr_type| self.fetch(&servers, &name, rr_type))).await;

        let mut data = DNSData::default();
        let mut errors = vec![];
        for (rr_type, outcome) in types.iter().zip(fetched) {
            match outcome {
                Ok(None) => {}
                Ok(Some(found)) => {
                    data.ttl_values.insert(rr_type.to_string(), found.ttl.into());
                    if let Some(security) = found.security {
                        let judged = data.dnssec.get_or_insert_default();
                        judged.insert(rr_type.to_string(), security.as_str().to_owned());
                    }
                    found.records.store(&mut data);
                }
                Err(error) => errors.push((rr_type, error)),
            }
        }
        let all_failed = !types.is_empty() && errors.len() == types.len();
        if all_failed && errors.iter().all(|(_, error)| *error == AskError::Timeout) {
            return Err(without_data(Status::TIMEOUT, AskError::Timeout.to_string()));
        }
        if !errors.is_empty() {
            let texts = errors.iter().map(|(rr_type, error)| (rr_type.to_string(), message(error)));
            data.errors = Some(TextMap(texts.collect()));
        }
        match errors.into_iter().find(|(_, error)| *error != AskError::Timeout) {
            Some((_, error)) if all_failed => Err(Failure {
                status: Status::OTHER_DNS_ERROR,
                error: format!("every query failed: {error}"),
                data: Some(data),
            }),
            _ => Ok(data),
        }
    }

    /// The types of the request that are known; those of the configuration if there are none.
    fn types_to_collect(&self, request: &DNSRequest) -> Vec<RrType> {
        let asked = known(request.types_to_collect.as_deref().unwrap_or_default());
        if asked.is_empty() { in_order(&self.config.types_to_collect) } else { asked }
    }

    fn types_to_process_ips_from(&self, request: &DNSRequest) -> Vec<RrType> {
        match request.types_to_process_ips_from.as_deref() {
            Some(types) => known(types),
            None => in_order(&self.config.types_to_process_ips_from),
        }
    }
}

impl Collector for DnsCollector {
    const NAME: &'static str = "dns";
    type Request = DNSRequest;
    type Record = DNSResult;

    async fn collect(&self, subject: &Subject, request: Option<DNSRequest>) -> DNSResult {
        let Some(request) = request else {
            let error = "a DNS request needs a value: the zone to ask in";
            let verdict = Verdict::failed(Status::INVALID_MESSAGE, error, self.clock.now());
            return DNSResult::without_data(verdict, subject, Self::NAME);
        };
        let found = self.records_of(&subject.name, &request).await;
        let now = self.clock.now();
        match found {
            Ok(data) => DNSResult {
                ips: Some(records::ips(&data, &self.types_to_process_ips_from(&request))),
                dns_data: Some(data),
                ..DNSResult::without_data(Verdict::ok(now), subject, Self::NAME)
            },
            Err(Failure { status, error, data }) => DNSResult {
                dns_data: data,
                ..DNSResult::without_data(Verdict::failed(status, error, now), subject, Self::NAME)
            },
        }
    }
}

/// The known types among `names`, in the order of the record's fields.
fn known(names: &[String]) -> Vec<RrType> {
    in_order(&names.iter().filter_map(|name| RrType::parse(name)).collect::<Vec<_>>())
}

fn in_order(types: &[RrType]) -> Vec<RrType> {
    RrType::ALL.into_iter().filter(|rr_type| types.contains(rr_type)).collect()
}

/// The servers of a zone in the order to ask them: the primary's addresses, then the others', IPv4 before IPv6.
fn name_servers(zone: &ZoneInfo, port: u16) -> Vec<SocketAddr> {
    let of = |addresses: &[String]| {
        let mut read: Vec<IpAddr> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
        read.sort_unstable();
        read
    };
    let all: IndexSet<_> =
        of(&zone.primary_nameserver_ips).into_iter().chain(of(&zone.secondary_nameserver_ips)).collect();
    all.into_iter().map(|address| SocketAddr::new(address.to_canonical(), port)).collect()
}

/// The text of an error under its type; that of silence is the seed's.
fn message(error: &AskError) -> String {
    match error {
        AskError::Timeout => "Timeout".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
