//! Which zone a name lies in: the SOA of the longest candidate that has one, from the registered domain down.
//!
//! Candidates are asked for several at a time, but judged in their order. A child that fails or stays silent never
//! hides a healthy parent; a child that does not exist (NXDOMAIN) ends the search, as nothing lies below it (RFC 8020).

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

use super::{Failure, not_found};
use crate::collect::net::dns::{Answer, of_domain};
use crate::collect::net::{AskError, Resolver};
use crate::model::{DomainName, Status};

/// Candidates asked for at once. Few names have more.
const AT_ONCE: usize = 4;

/// A zone: its name and its SOA.
pub(super) struct Zone {
    pub name: Name,
    pub soa: SOA,
}

/// What the answer for one candidate says.
enum Finding {
    Zone(Box<Zone>),
    /// No zone of its own.
    Nothing,
    /// No such name.
    Absent,
    Failed(AskError),
}

/// The zone of `name`, whose public suffix is `suffix`, found within `timeout`.
pub(super) async fn zone_of(
    resolver: &Resolver,
    name: &DomainName,
    suffix: &DomainName,
    timeout: Duration,
) -> Result<Zone, Failure> {
    let until = Instant::now() + timeout;
    let asked = of_domain(name);
    let mut findings = stream::iter(candidates(name, suffix))
        .map(|candidate| finding(resolver, candidate, &asked, until))
        .buffered(AT_ONCE);
    let mut best: Option<Zone> = None;
    let mut failure = None;
    while let Some(finding) = findings.next().await {
        match finding {
            Finding::Zone(zone) => {
                // An alias of a candidate may lead back up.
                if best.as_ref().is_none_or(|best| best.name.zone_of(&zone.name)) {
                    best = Some(*zone);
                }
            }
            Finding::Nothing => {}
            Finding::Absent => break,
            Finding::Failed(error) => failure = Some(error),
        }
    }
    match (best, failure) {
        (Some(zone), _) => Ok(zone),
        // The seed gives silence no status of its own here.
        (None, Some(error)) => Err((Status::CANNOT_FETCH, error.to_string())),
        (None, None) => Err(not_found("zone not found")),
    }
}

/// The names that may be zones, shortest first. A public suffix is skipped, unless it is the name itself.
fn candidates(name: &DomainName, suffix: &DomainName) -> Vec<DomainName> {
    let top = name.child_of(suffix).or_else(|| DomainName::parse(suffix.labels().next_back()?).ok());
    top.map_or(vec![], |top| name.from_top(&top))
}

async fn finding(resolver: &Resolver, candidate: DomainName, asked: &Name, until: Instant) -> Finding {
    let candidate = of_domain(&candidate);
    match timeout_at(until, resolver.lookup(&candidate, RecordType::SOA)).await {
        Err(_) => Finding::Failed(AskError::Timeout),
        Ok(Err(error)) => Finding::Failed(error),
        Ok(Ok(answer)) if answer.denies(&candidate) => Finding::Absent,
        Ok(Ok(answer)) => {
            own_zone(&answer, asked).map_or(Finding::Nothing, |zone| Finding::Zone(zone.into()))
        }
    }
}

/// The longest zone in the answer that `asked` lies in. The target of an alias may lie in another one.
fn own_zone(answer: &Answer, asked: &Name) -> Option<Zone> {
    let zones = answer.of_type(RecordType::SOA).filter_map(|record| match &record.data {
        RData::SOA(soa) if record.name.zone_of(asked) && !record.name.is_root() => {
            Some(Zone { name: record.name.clone(), soa: soa.clone() })
        }
        _ => None,
    });
    zones.max_by_key(|zone| zone.name.num_labels())
}
