//! What a server says that was asked as one of the servers of a zone: an answer, or who serves a child of the zone.
//!
//! Only what lies in the zone counts, whatever else a reply holds (RFC 5452 section 6). Decides which replies are of no
//! use; who is asked then: `servers.rs`.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::cut::{Delegation, MOST_HOSTS};
use crate::collect::net::dns::answer::{End, LONGEST_LIFE, MOST_ALIASES, seconds};
use crate::collect::net::dns::{Answer, AskError, Question};

/// A usable reply.
#[derive(Debug)]
pub(super) enum Said {
    /// An answer, and the reply that it was read from.
    Answer(Answer, Message),
    Referral(Delegation),
}

/// How a reply is read.
pub(super) type Read = fn(&Question, &Name, Message) -> Result<Said, AskError>;

/// Reads the reply of a server of `zone`.
pub(super) fn read(question: &Question, zone: &Name, reply: Message) -> Result<Said, AskError> {
    let code = reply.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Err(AskError::Code(code));
    }
    let authoritative = reply.authoritative;
    let something = !reply.answers.is_empty();
    let chain = Chain::read(question, zone, &reply.answers);
    let of_authority = |kind| reply.authorities.iter().filter(move |record| record.record_type() == kind);
    let is_own = |soa: &&Record| zone.zone_of(&soa.name) && soa.name.zone_of(chain.end);
    let soa = of_authority(RecordType::SOA).find(is_own);
    // Some servers tell of a child what they believe, beside who knows it for certain.
    if (chain.records.is_empty() || !authoritative)
        && soa.is_none()
        && let Some(child) = delegation(&reply.authorities, &reply.additionals, zone, &question.name)
    {
        return Ok(Said::Referral(child));
    }
    let end = match () {
        () if chain.found => End::Open,
        () if chain.is_ring => End::NoData,
        // What is said about names of other zones does not count.
        () if !zone.zone_of(chain.end) => End::Open,
        // With the SOA of another zone, it is a server of that one. It may have answered with records that nobody wants.
        () if !authoritative || (chain.records.is_empty() && something) => End::Open,
        () if soa.is_none() && of_authority(RecordType::SOA).next().is_some() => End::Open,
        () if code == ResponseCode::NXDomain => End::NoName,
        // Behind an alias the name may lie in a child.
        () if soa.is_none() && !chain.records.is_empty() => End::Open,
        () => End::NoData,
    };
    if chain.records.is_empty() && end == End::Open {
        return Err(AskError::Lame);
    }
    let denial = soa.filter(|_| matches!(end, End::NoData | End::NoName));
    let answer = Answer::new(chain.records.into_iter().cloned().collect(), end, denial);
    Ok(Said::Answer(answer, reply))
}

/// Reads the reply of a server of `zone` to the question for the NS records of a child of it.
pub(super) fn read_child(question: &Question, zone: &Name, reply: Message) -> Result<Said, AskError> {
    // One that serves both answers for the child.
    if reply.authoritative
        && let Some(child) = delegation(&reply.answers, &reply.additionals, zone, &question.name)
    {
        return Ok(Said::Referral(Delegation { authoritative: true, ..child }));
    }
    read(question, zone, reply)
}

/// The records of a reply that follow each other from the name asked for, as far as they lie in the zone.
struct Chain<'a> {
    records: Vec<&'a Record>,
    /// The last name that was come to.
    end: &'a Name,
    /// Whether it has records of the type asked for.
    found: bool,
    /// Whether the aliases lead back to one of them.
    is_ring: bool,
}

impl<'a> Chain<'a> {
    fn read(question: &'a Question, zone: &Name, answers: &'a [Record]) -> Self {
        let mut chain = Self { records: vec![], end: &question.name, found: false, is_ring: false };
        for _ in 0..=MOST_ALIASES {
            let of_type = |kind| {
                let owner = chain.end;
                answers.iter().filter(move |record| {
                    record.name == *owner && record.record_type() == kind && record.dns_class == DNSClass::IN
                })
            };
            if !zone.zone_of(chain.end) {
                break;
            }
            let before = chain.records.len();
            chain.records.extend(of_type(question.rr_type));
            chain.found = chain.records.len() > before;
            let Some(alias) = of_type(RecordType::CNAME).next().filter(|_| !chain.found) else { break };
            if chain.records.iter().any(|record| record.name == alias.name) {
                chain.is_ring = true;
                break;
            }
            let RData::CNAME(target) = &alias.data else { break };
            chain.records.push(alias);
            chain.end = &target.0;
        }
        chain
    }
}

/// The child of `zone` that `name` lies in, if NS records among `records` tell of one.
fn delegation(records: &[Record], additionals: &[Record], zone: &Name, name: &Name) -> Option<Delegation> {
    let is_ns = |record: &&Record| record.record_type() == RecordType::NS;
    let is_child = |owner: &Name| zone.zone_of(owner) && owner != zone && owner.zone_of(name);
    let child = &records.iter().filter(is_ns).find(|ns| is_child(&ns.name))?.name;
    let (mut hosts, mut life) = (vec![], LONGEST_LIFE);
    for record in records.iter().filter(|record| record.name == *child) {
        if let RData::NS(host) = &record.data
            && hosts.len() < MOST_HOSTS
            && !hosts.contains(&host.0)
        {
            hosts.push(host.0.clone());
            life = life.min(seconds(record));
        }
    }
    let glue = additionals.iter().filter(|record| zone.zone_of(&record.name) && hosts.contains(&record.name));
    let addresses = glue.filter_map(|record| record.data.ip_addr()).collect();
    let life = Duration::from_secs(life.into());
    Some(Delegation { zone: child.clone(), hosts, addresses, life, authoritative: false })
}
