//! Own recursion: from the root servers down to those that know the answer (RFC 1034 section 5.3.3), sharing on the way
//! all that was found out for others.
//!
//! ```text
//! lookup: alias by alias ── answer: once for all who ask ── zone by zone: descent.rs ── its servers: servers.rs
//!                                 ↑                                                        │ reply.rs, cut.rs
//!                                 └──────────────── addresses of name servers ─────────────┘
//! ```
//!
//! Names are asked for in whole, except where children of the root and of top-level domains are looked for: many names
//! share those. Why it is our own: `docs/decisions/0009-own-recursor.md`.

mod cut;
mod descent;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod hints;
mod reply;
mod servers;
#[cfg(test)]
mod tests;
mod waits;
mod way;

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

#[cfg(any(test, fuzzing))]
pub(super) use self::fuzz::reply as fuzz;

use self::cut::{Child, Cut, Delegation};
use self::waits::Waits;
use self::way::{Effort, Way};
use super::answer::End;
use super::cache::{Cache, Keep, Key, Outcome, key};
use super::signed::Signed;
use super::{Answer, AskError, DnsConfig, Exchange};
use crate::collect::net::file::FileError;

/// Names that aliases may lead through from zone to zone.
const MOST_PARTS: usize = 12;

/// Finds answers from the root servers down.
#[derive(Debug)]
pub(super) struct Recursor {
    exchange: Arc<Exchange>,
    root: Arc<Cut>,
    port: u16,
    timeout: Duration,
    /// By name.
    children: Cache<Child>,
    /// What servers of its zone say about one name.
    answers: Cache<Answer>,
    /// The same with signatures, for a validator.
    signed: Cache<Signed>,
    waits: Waits,
}

impl Recursor {
    /// A recursor that knows the root servers of `config`, and nothing else; blocks while it reads their file.
    pub fn new(exchange: Arc<Exchange>, config: &DnsConfig) -> Result<Self, FileError> {
        let root = Delegation {
            zone: Name::root(),
            hosts: vec![],
            addresses: hints::root_servers(config.root_hints.as_deref())?,
            life: Duration::MAX,
            authoritative: true,
        };
        let room = config.cache.bytes();
        let of_signed = if config.dnssec { room / 4 } else { 0 };
        Ok(Self {
            exchange,
            root: Arc::new(Cut::new(root, config.port)),
            port: config.port,
            timeout: config.timeout.0,
            children: Cache::new(room / 4),
            answers: Cache::new(room - room / 4 - of_signed),
            signed: Cache::new(of_signed),
            waits: Waits::default(),
        })
    }

    /// The answer to a question.
    pub async fn lookup(&self, name: &Name, rr_type: RecordType) -> Outcome<Answer> {
        let effort = Effort::default();
        let way = Way { effort: &effort, until: Instant::now() + self.timeout, waiting: None };
        let first = self.answer(name, rr_type, way).await?;
        match open_end(&first, name, rr_type) {
            None => Ok(first),
            Some(next) => {
                let rest = Box::pin(self.follow(name.clone(), first, next, rr_type, way));
                timeout_at(way.until, rest).await.unwrap_or(Err(AskError::Timeout))
            }
        }
    }

    /// Goes on where the aliases of the `first` part leave it open, with the name `next`.
    async fn follow(
        &self,
        name: Name,
        first: Arc<Answer>,
        mut next: Name,
        rr_type: RecordType,
        way: Way<'_>,
    ) -> Outcome<Answer> {
        let (mut names, mut parts) = (vec![name], vec![first]);
        let end = loop {
            if names.contains(&next) {
                // A ring has no end to have records.
                break End::NoData;
            }
            if parts.len() == MOST_PARTS {
                return Err(AskError::Effort);
            }
            let part = self.answer(&next, rr_type, way).await?;
            let open = open_end(&part, &next, rr_type);
            names.push(next);
            parts.push(part);
            match (open, parts.last()) {
                (Some(open), _) => next = open,
                (None, last) => break last.map_or(End::Open, |last| last.end()),
            }
        };
        Ok(Arc::new(Answer::joined(&parts, end)))
    }

    /// What the servers of its zone say about one name: records, aliases to go on with, or that there is nothing.
    async fn answer(&self, name: &Name, rr_type: RecordType, way: Way<'_>) -> Outcome<Answer> {
        self.once(&self.answers, key(name, rr_type), way, |way| self.find(name, rr_type, way)).await
    }

    /// What a validator needs to know of a name and type; aliases are not followed.
    pub async fn signed(&self, name: &Name, rr_type: RecordType) -> Outcome<Signed> {
        let effort = Effort::default();
        let way = Way { effort: &effort, until: Instant::now() + self.timeout, waiting: None };
        self.once(&self.signed, key(name, rr_type), way, |way| self.find_signed(name, rr_type, way)).await
    }

    /// What is known under `key`, or what comes of `ask`, for all who want it meanwhile. It may take its own time, and as
    /// much again for its turns, and may not wait for itself.
    async fn once<'a, T: Keep, F>(
        &self,
        cache: &Cache<T>,
        key: Key,
        way: Way<'a>,
        ask: impl FnOnce(Way<'a>) -> F,
    ) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        let flight = cache.flight(key);
        if let Some(outcome) = flight.outcome() {
            return outcome;
        }
        let id = Arc::as_ptr(&flight).addr();
        let _wait = self.waits.begin(way.waiting, id).ok_or(AskError::Circular)?;
        let ask = || async {
            let until = Instant::now() + self.timeout;
            let way = Way { until, waiting: Some(id), ..way };
            timeout_at(until + self.timeout, ask(way)).await.unwrap_or(Err(AskError::Timeout))
        };
        cache.outcome(&flight, ask).await
    }
}

/// The name at the end of the aliases of a part, if the part does not say what is there.
fn open_end(part: &Answer, name: &Name, rr_type: RecordType) -> Option<Name> {
    if part.end() != End::Open || rr_type == RecordType::CNAME {
        return None;
    }
    let end = part.end_of_aliases(name);
    (end != name && part.rr_set(end, rr_type).is_none()).then(|| end.clone())
}
