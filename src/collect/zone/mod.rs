//! The zone collector: the zone a name lies in, its SOA, and who serves it (seed "Zone collector").
//!
//! Two steps, each bounded by the configured timeout: the search for the zone (`search.rs`), and its name servers
//! (`servers.rs`). What follows from a zone that was found is in `follow_up.rs`. Statuses: 0, 2 (no name to ask for),
//! 10 (the search met a failure or silence and found nothing), 12 (there is no such zone).

mod config;
mod follow_up;
mod search;
mod servers;

use std::sync::Arc;

use super::Collector;
use super::net::{Resolver, Suffixes};
use crate::clock::SharedClock;
use crate::model::{DomainName, Outcome, Status, Subject, Verdict, ZoneInfo, ZoneRequest, ZoneResult};

pub use config::ZoneConfig;
pub use follow_up::{dns_request, rdap_request};

/// Finds zones with the resolvers.
pub struct ZoneCollector {
    config: ZoneConfig,
    resolver: Arc<Resolver>,
    suffixes: Suffixes,
    clock: SharedClock,
}

/// Why a name has no zone, as status and message.
type Failure = (Status, String);

impl ZoneCollector {
    /// A collector that asks `resolver`; what is found is shared through the resolver's cache.
    pub fn new(config: ZoneConfig, resolver: Arc<Resolver>, suffixes: Suffixes, clock: SharedClock) -> Self {
        Self { config, resolver, suffixes, clock }
    }

    async fn zone_of(&self, name: &str) -> Result<ZoneInfo, Failure> {
        let name = readable(name)?;
        let suffix = self.suffixes.of(&name).ok_or_else(|| not_found("the top-level domain is not known"))?;
        let timeout = self.config.timeout.0;
        let zone = search::zone_of(&self.resolver, &name, &suffix, timeout).await?;
        Ok(servers::describe(&self.resolver, &zone, &suffix, timeout).await)
    }
}

impl Collector for ZoneCollector {
    const NAME: &'static str = "zone";
    type Request = ZoneRequest;
    type Record = ZoneResult;

    async fn collect(&self, subject: &Subject, request: Option<ZoneRequest>) -> ZoneResult {
        let found = self.zone_of(&subject.name).await;
        let now = self.clock.now();
        let (verdict, zone) = match found {
            Ok(zone) => (Verdict::ok(now), Some(zone)),
            Err((status, error)) => (Verdict::failed(status, error, now), None),
        };
        let label = request.and_then(|request| request.label);
        ZoneResult { zone, label, ..ZoneResult::without_data(verdict, subject, Self::NAME) }
    }
}

/// The name to ask for. The reverse tree holds addresses, not names.
fn readable(name: &str) -> Result<DomainName, Failure> {
    let invalid = |error: String| (Status::INVALID_DOMAIN_NAME, error);
    let name = DomainName::parse(name).map_err(|error| invalid(error.to_string()))?;
    if name.labels().next_back() == Some("arpa") {
        return Err(invalid("names in arpa stand for addresses".to_owned()));
    }
    Ok(name)
}

fn not_found(error: &str) -> Failure {
    (Status::NOT_FOUND, error.to_owned())
}

#[cfg(test)]
mod tests;
