//! The RDAP collector of addresses: the registration of the network that an address is in, as RDAP gives it.
//!
//! How servers are found and asked is shared with `rdap-dn`: `net/rdap`. Cases: `tests/cases/rdap_ip/rows.toml`.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Collector;
use super::net::rdap::RdapClient;
use super::once::{About, CacheConfig, Shareable};
use crate::clock::SharedClock;
use crate::model::{CommonIPResult, IPData, IPRequest, Outcome, Status, Subject, Verdict};
use crate::units::Span;

/// Collects registrations of addresses.
pub struct RdapIpCollector {
    rdap: Arc<RdapClient>,
    clock: SharedClock,
}

impl RdapIpCollector {
    /// A collector that asks by `rdap`.
    pub fn new(rdap: Arc<RdapClient>, clock: SharedClock) -> Self {
        Self { rdap, clock }
    }
}

impl Collector for RdapIpCollector {
    const NAME: &'static str = "rdap-ip";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, request: Option<IPRequest>) -> CommonIPResult {
        self.answer(subject, request).await.0
    }
}

impl Shareable for RdapIpCollector {
    const LIFETIME: fn(&CacheConfig) -> Span = |config| config.rdap_ip;
    const NETWORKS: bool = true;

    fn about(&self, subject: &Subject, _: Option<&IPRequest>) -> Option<About> {
        About::address(subject)
    }

    async fn answer(&self, subject: &Subject, _: Option<IPRequest>) -> (CommonIPResult, Vec<IpNet>) {
        let failed = |status: Status, error: String| {
            let verdict = Verdict::failed(status, error, self.clock.now());
            (CommonIPResult::without_data(verdict, subject, Self::NAME), Vec::new())
        };
        let Some(Ok(address)) = subject.address.as_deref().map(str::parse::<IpAddr>) else {
            return failed(Status::INVALID_ADDRESS, "not an IP address".to_owned());
        };
        match self.rdap.address(address, self.rdap.deadline()).await {
            Ok(network) => {
                let record =
                    CommonIPResult::with_data(IPData::Json(network.data), self.clock.now(), Self::NAME);
                (record, network.range.map(|range| range.networks()).unwrap_or_default())
            }
            Err(error) => failed(error.status(), error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
