//! What a name server answers to a question: the resolver from all zones, an authoritative server from its own.
//!
//! Pure functions of the universe. Silence is `None`. RFC 1034 section 4.3.2 is the algorithm.

use std::net::Ipv4Addr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};

use crate::lab::universe::{FaultAnswer, Found, NameServer, ServerMode, Universe, Zone, wire_name};

/// Aliases that the resolver follows.
const MAX_ALIASES: usize = 8;

/// The sections of an answer.
pub(super) struct Answer {
    pub code: ResponseCode,
    pub authoritative: bool,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl Answer {
    fn empty(code: ResponseCode) -> Self {
        Self { code, authoritative: false, answers: vec![], authorities: vec![], additionals: vec![] }
    }
}

/// What the resolver answers: it follows aliases and asks every server of a zone.
pub(super) fn resolve(universe: &Universe, name: &str, kind: RecordType) -> Option<Answer> {
    let mut answer = Answer::empty(ResponseCode::NoError);
    let mut name = name.to_owned();
    let mut seen = vec![];
    while seen.len() < MAX_ALIASES && !seen.contains(&name) {
        let zones = universe.zones_around(&name);
        let zone = zones.first()?;
        match reachable(zone) {
            Some(FaultAnswer::Silent) => return None,
            Some(FaultAnswer::Servfail) => return Some(Answer::empty(ResponseCode::ServFail)),
            None => {}
        }
        match step(zone, &name, kind, true, &mut answer)? {
            Some(target) => seen.push(std::mem::replace(&mut name, target)),
            None => break,
        }
    }
    Some(answer)
}

/// What the authoritative server at `server` answers.
pub(super) fn serve(universe: &Universe, server: Ipv4Addr, name: &str, kind: RecordType) -> Option<Answer> {
    match universe.server_modes.get(&server)? {
        ServerMode::Open => {}
        ServerMode::Refusing => return Some(Answer::empty(ResponseCode::Refused)),
        ServerMode::Broken => return Some(Answer::empty(ResponseCode::ServFail)),
        ServerMode::Quiet | ServerMode::Dead => return None,
    }
    let mut answer = Answer::empty(ResponseCode::NoError);
    let mut name = name.to_owned();
    let mut seen = vec![];
    while seen.len() < MAX_ALIASES && !seen.contains(&name) {
        let zones = universe.zones_around(&name);
        let is_served = |zone: &Zone| zone.servers.iter().any(|ns| ns.at == server);
        let next = match zones.iter().position(|zone| is_served(zone)) {
            // The target of an alias need not be ours: then the client goes on.
            None if answer.authoritative => None,
            None => return Some(Answer::empty(ResponseCode::Refused)),
            Some(0) => {
                answer.authoritative = true;
                step(&zones[0], &name, kind, false, &mut answer)?
            }
            Some(_) if answer.authoritative => None,
            Some(depth) => {
                refer(&zones[depth - 1], &mut answer);
                None
            }
        };
        match next {
            Some(target) => seen.push(std::mem::replace(&mut name, target)),
            None => break,
        }
    }
    Some(answer)
}

/// How the servers of a zone fail the resolver, if all of them do.
fn reachable(zone: &Zone) -> Option<FaultAnswer> {
    let any = |wanted: fn(ServerMode) -> bool| zone.servers.iter().any(|server| wanted(server.answers));
    if any(|mode| matches!(mode, ServerMode::Open | ServerMode::Refusing | ServerMode::Quiet)) {
        None
    } else if any(|mode| mode == ServerMode::Broken) {
        Some(FaultAnswer::Servfail)
    } else {
        Some(FaultAnswer::Silent)
    }
}

/// Adds what one zone says; the inner `Some` is the target of an alias, to go on with.
fn step(
    zone: &Zone,
    name: &str,
    kind: RecordType,
    resolver: bool,
    answer: &mut Answer,
) -> Option<Option<String>> {
    match zone.fault(name, kind, resolver) {
        Some(FaultAnswer::Silent) => return None,
        Some(FaultAnswer::Servfail) => {
            answer.code = ResponseCode::ServFail;
            return Some(None);
        }
        None => {}
    }
    match zone.look_up(name, kind) {
        Found::Records(records) => answer.answers.extend(records),
        Found::Alias(record, target) => {
            answer.answers.push(*record);
            return Some(Some(target));
        }
        Found::NoData => answer.authorities.push(zone.soa()),
        Found::NoName => {
            answer.code = ResponseCode::NXDomain;
            answer.authorities.push(zone.soa());
        }
    }
    Some(None)
}

/// A referral to the servers of a child zone, with their addresses.
fn refer(child: &Zone, answer: &mut Answer) {
    // Names of a built zone are names on the wire.
    answer.authorities = child.delegation().unwrap_or_default();
    let address =
        |ns: &NameServer| Some(Record::from_rdata(wire_name(&ns.host).ok()?, 3600, RData::A(A(ns.at))));
    answer.additionals = child.servers.iter().filter_map(address).collect();
}
