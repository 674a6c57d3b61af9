//! What a reply says about its question: the records, or that there are none, and for how long that holds.
//!
//! Decides which replies are usable at all. Nothing here knows what a collector wants with the records.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tokio::time::Instant;

use super::cache::Keep;
use super::{AskError, Question};

/// Answers are kept no longer than this, whatever their TTL: the names collected shall be seen as they are.
pub(super) const LONGEST_LIFE: u32 = 3600;
/// And denials no longer than this (RFC 2308 section 5 suggests up to some hours).
pub(super) const LONGEST_DENIAL: u32 = 900;
/// Aliases followed inside one message. A loop ends here too.
pub(super) const MOST_ALIASES: usize = 16;

/// A usable reply.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Records of the type asked for, and aliases on the way to them.
    records: Vec<Record>,
    end: End,
    lifetime: Duration,
    received: Instant,
}

/// What is said of the name at the end of the aliases, which is the name asked for if there are none (RFC 2308 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It has records of the type, or nothing is said of it.
    Open,
    /// It has none.
    NoData,
    /// There is no such name.
    NoName,
}

/// The records of one owner and type (RFC 2181 section 5).
#[derive(Debug)]
pub struct RrSet<'a> {
    /// Seconds that the set is still to live.
    pub ttl: u32,
    /// The data, in the order of the message; at least one.
    pub data: Vec<&'a RData>,
}

impl Answer {
    /// Reads `reply`, or says why it is no use: a failure, or a server that is not responsible for the name.
    pub(super) fn read(question: &Question, reply: Message) -> Result<Self, AskError> {
        let code = reply.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Err(AskError::Code(code));
        }
        let authoritative = reply.authoritative;
        let is_wanted = |record: &Record| {
            record.dns_class == DNSClass::IN
                && [question.rr_type, RecordType::CNAME].contains(&record.record_type())
        };
        let records: Vec<_> = reply.answers.into_iter().filter(is_wanted).collect();
        let soa = reply.authorities.iter().find(|record| record.record_type() == RecordType::SOA);
        if records.is_empty() {
            let refers =
                soa.is_none() && reply.authorities.iter().any(|ns| ns.record_type() == RecordType::NS);
            if refers || !(question.recursion || authoritative) {
                return Err(AskError::Lame);
            }
        }
        let found = records.iter().any(|record| record.record_type() == question.rr_type);
        let end = match code {
            ResponseCode::NXDomain => End::NoName,
            ResponseCode::NoError if soa.is_some() && !found => End::NoData,
            _ => End::Open,
        };
        Ok(Self::new(records, end, soa.filter(|_| !found)))
    }

    /// An answer of records of one type and aliases, that is received now. `soa` says how long a denial holds.
    pub(super) fn new(records: Vec<Record>, end: End, soa: Option<&Record>) -> Self {
        let records_life = records.iter().map(seconds).min();
        let denial_life = soa.map(|soa| denial(soa).min(LONGEST_DENIAL));
        // A denial without SOA is in neither, and not kept (RFC 2308 section 5).
        let life = records_life.into_iter().chain(denial_life).min().unwrap_or(0).min(LONGEST_LIFE);
        let lifetime = Duration::from_secs(life.into());
        Self { records, end, lifetime, received: Instant::now() }
    }

    /// The answer to a question whose aliases lead from zone to zone, in as many parts.
    pub(super) fn joined(parts: &[Arc<Self>], end: End) -> Self {
        let aged = |part: &Arc<Self>| {
            let (records, age) = (part.records.clone(), part.age());
            records.into_iter().map(move |mut record| {
                record.ttl = seconds(&record).saturating_sub(age);
                record
            })
        };
        Self::new(parts.iter().flat_map(aged).collect(), end, None)
    }

    /// The records of the type `rr_type` that `owner` itself has; `None` if there are none.
    pub fn rr_set(&self, owner: &Name, rr_type: RecordType) -> Option<RrSet<'_>> {
        let own = || self.of_type(rr_type).filter(|record| record.name == *owner);
        let ttl = own().map(seconds).min()?.saturating_sub(self.age());
        Some(RrSet { ttl, data: own().map(|record| &record.data).collect() })
    }

    /// All records of the type `rr_type`, whoever owns them.
    pub fn of_type(&self, rr_type: RecordType) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.record_type() == rr_type)
    }

    /// Whether there is no such name as `name`, which was asked for. An alias exists, even if its target does not.
    pub fn denies(&self, name: &Name) -> bool {
        self.end == End::NoName && self.alias(name).is_none()
    }

    /// The name at the end of the aliases that start at `name`.
    pub(super) fn end_of_aliases<'a>(&'a self, name: &'a Name) -> &'a Name {
        let mut end = name;
        for _ in 0..MOST_ALIASES {
            match self.alias(end) {
                Some(target) => end = target,
                None => break,
            }
        }
        end
    }

    /// What is said of the end of the aliases.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// Seconds since the answer was received.
    fn age(&self) -> u32 {
        u32::try_from(self.received.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    fn alias(&self, owner: &Name) -> Option<&Name> {
        self.records.iter().filter(|record| record.name == *owner).find_map(|record| match &record.data {
            RData::CNAME(target) => Some(&target.0),
            _ => None,
        })
    }
}

impl Keep for Answer {
    fn life(&self) -> Duration {
        self.lifetime.saturating_sub(self.received.elapsed())
    }

    fn size(&self) -> usize {
        // Names and texts of a record lie partly outside of it.
        size_of::<Self>() + self.records.len() * (size_of::<Record>() + 64)
    }
}

impl RrSet<'_> {
    /// The addresses among the data, in numeric order, each once.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut found: Vec<_> = self.data.iter().filter_map(|data| data.ip_addr()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The TTL of a record; one with the top bit set counts as zero (RFC 2181 section 8).
pub(super) fn seconds(record: &Record) -> u32 {
    if record.ttl > i32::MAX as u32 { 0 } else { record.ttl }
}

/// How long a denial holds: the lesser of the SOA's TTL and its minimum field (RFC 2308 section 5).
fn denial(soa: &Record) -> u32 {
    match &soa.data {
        RData::SOA(data) => seconds(soa).min(data.minimum),
        _ => 0,
    }
}
