//! Ask once: what depends only on an address or a registered name is found out once for all who ask about it.
//!
//! Decides whose answers are shared, how long they are good, and what is forgotten when memory is short. Who asks for
//! something that is being asked for waits for that answer. A record that was found for an earlier request says so
//! (`Outcome::found`). Lifetimes: `config.rs`. What survives a restart is behind [`Kept`].

mod config;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use moka::future::Cache;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Collector;
use crate::clock::{Millis, SharedClock};
use crate::model::{Outcome, Reusable, Subject};
use crate::units::Span;

pub use config::{CacheConfig, Lifetimes};

/// What an answer weighs beside its text.
const WEIGHT: usize = 400;

/// A collector whose answers are about less than a whole request.
pub trait Shareable: Collector<Record: Reusable + Clone + Serialize + DeserializeOwned + Sync> {
    /// How long its data is good.
    const LIFETIME: fn(&CacheConfig) -> Span;

    /// Whether its answers may be about more addresses than the one that was asked for.
    const NETWORKS: bool = false;

    /// What the answer to a request depends on; `None` if it is found without asking anybody.
    fn about(&self, subject: &Subject, request: Option<&Self::Request>) -> Option<About>;

    /// Collects; the record, and what else it is the answer to.
    fn answer(
        &self,
        subject: &Subject,
        request: Option<Self::Request>,
    ) -> impl Future<Output = (Self::Record, Vec<IpNet>)> + Send {
        async { (self.collect(subject, request).await, Vec::new()) }
    }
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// A name, in the one way to write it.
    Name(String),
    /// A network; of one address, if nothing else is known.
    Network(IpNet),
}

impl About {
    /// The address of a subject; `None` if it has none or what it has is no address.
    pub fn address(subject: &Subject) -> Option<Self> {
        let address: IpAddr = subject.address.as_deref()?.parse().ok()?;
        Some(Self::Network(address.into()))
    }
}

/// Answers that survive a restart. Losing one costs a request, so errors stay inside.
pub trait Kept: Send + Sync + 'static {
    /// The answer of `collector` about something, as it was put.
    fn get(&self, collector: &str, about: &str) -> Option<Vec<u8>>;

    /// Keeps an answer.
    fn put(&self, collector: &str, about: &str, answer: &[u8]);
}

/// What collectors need to ask once.
#[derive(Clone)]
pub struct AskOnce {
    /// How long what is remembered.
    pub config: CacheConfig,
    /// Where it survives a restart.
    pub kept: Option<Arc<dyn Kept>>,
    /// The time.
    pub clock: SharedClock,
}

impl AskOnce {
    /// `collector`, asking once.
    pub fn over<C: Shareable>(&self, collector: C) -> Once<C> {
        let answers = Cache::builder()
            .max_capacity(self.config.memory.0)
            .weigher(|_: &About, answer: &Arc<Answer<C::Record>>| answer.weight)
            .build();
        let lifetimes = self.config.lifetimes(C::LIFETIME);
        Once { collector, lifetimes, answers, lengths: Default::default(), memory: self.clone() }
    }
}

/// A collector that asks once.
pub struct Once<C: Shareable> {
    collector: C,
    lifetimes: Lifetimes,
    answers: Cache<About, Arc<Answer<C::Record>>>,
    /// The lengths of prefixes that answers are about: a bit for each, of IPv4 and of IPv6.
    lengths: [[AtomicU64; 3]; 2],
    memory: AskOnce,
}

struct Answer<R> {
    record: R,
    found: Millis,
    /// When it is no longer good.
    until: Millis,
    weight: u32,
    /// Whether it was found before this process started.
    kept: bool,
}

impl<C: Shareable> Once<C> {
    /// A good answer that there is already. Of several networks the smallest counts.
    async fn known(&self, about: &About) -> Option<Arc<Answer<C::Record>>> {
        let now = self.memory.clock.now();
        for about in self.wider(about) {
            if let Some(answer) = self.answers.get(&about).await
                && now < answer.until
            {
                return Some(answer);
            }
        }
        None
    }

    /// What an answer may be about that is one about `about`, too.
    fn wider(&self, about: &About) -> Vec<About> {
        let About::Network(network) = about else { return vec![about.clone()] };
        let lengths = &self.lengths[usize::from(network.addr().is_ipv6())];
        let has =
            |length: u8| lengths[usize::from(length / 64)].load(Ordering::Relaxed) >> (length % 64) & 1 == 1;
        (0..=network.prefix_len())
            .rev()
            .filter(|&length| has(length))
            .filter_map(|length| IpNet::new(network.addr(), length).ok())
            .map(|network| About::Network(network.trunc()))
            .collect()
    }

    /// Collects, or takes what was kept.
    async fn ask(
        &self,
        subject: &Subject,
        request: Option<C::Request>,
        about: &About,
    ) -> (Arc<Answer<C::Record>>, Vec<IpNet>) {
        if let Some(answer) = self.kept(about) {
            return (Arc::new(answer), Vec::new());
        }
        let (record, networks) = self.collector.answer(subject, request).await;
        let verdict = record.verdict();
        let lifetime = self.lifetimes.of(verdict.status).0.as_millis();
        let until = verdict.last_attempt.saturating_add(Millis::try_from(lifetime).unwrap_or(Millis::MAX));
        let text = serde_json::to_vec(&record).unwrap_or_default();
        if let Some(kept) = self.memory.kept.as_ref().filter(|_| lifetime > 0) {
            let row = [&until.to_be_bytes(), text.as_slice()].concat();
            kept.put(C::NAME, &about.to_string(), &row);
            networks.iter().for_each(|network| kept.put(C::NAME, &network.to_string(), &row));
        }
        (Arc::new(answer(record, until, text.len(), false)), networks)
    }

    fn kept(&self, about: &About) -> Option<Answer<C::Record>> {
        let kept = self.memory.kept.as_ref()?;
        let now = self.memory.clock.now();
        let read = |about: &str| {
            let row = kept.get(C::NAME, about)?;
            let (until, text) = row.split_first_chunk()?;
            let until = Millis::from_be_bytes(*until);
            let record: C::Record = serde_json::from_slice(text).ok().filter(|_| now < until)?;
            Some(answer(record, until, text.len(), true))
        };
        match about {
            About::Network(network) if C::NETWORKS => (0..=network.prefix_len())
                .rev()
                .filter_map(|length| IpNet::new(network.addr(), length).ok())
                .find_map(|network| read(&network.trunc().to_string())),
            about => read(&about.to_string()),
        }
    }

    fn note(&self, network: &IpNet) {
        let (lengths, length) = (&self.lengths[usize::from(network.addr().is_ipv6())], network.prefix_len());
        lengths[usize::from(length / 64)].fetch_or(1 << (length % 64), Ordering::Relaxed);
    }
}

fn answer<R: Outcome>(record: R, until: Millis, text: usize, kept: bool) -> Answer<R> {
    let weight = u32::try_from(text + WEIGHT).unwrap_or(u32::MAX);
    Answer { found: record.verdict().last_attempt, record, until, weight, kept }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl<C: Shareable> Collector for Once<C> {
    const NAME: &'static str = C::NAME;
    type Request = C::Request;
    type Record = C::Record;

    async fn collect(&self, subject: &Subject, request: Option<C::Request>) -> C::Record {
        let Some(about) = self.collector.about(subject, request.as_ref()) else {
            return self.collector.collect(subject, request).await;
        };
        if let Some(answer) = self.known(&about).await {
            return answer.record.clone().reused(self.memory.clock.now());
        }
        if let About::Network(network) = &about {
            self.note(network);
        }
        let mut others = Vec::new();
        let flight = async {
            let (answer, networks) = self.ask(subject, request, &about).await;
            others = networks;
            answer
        };
        let now = self.memory.clock.now();
        let entry = self
            .answers
            .entry(about.clone())
            .or_insert_with_if(flight, |known| known.until <= now && known.found < now)
            .await;
        let first = entry.is_fresh();
        let answer = entry.into_value();
        for network in others {
            self.note(&network);
            self.answers.insert(About::Network(network), answer.clone()).await;
        }
        match first && !answer.kept {
            true => answer.record.clone(),
            false => answer.record.clone().reused(self.memory.clock.now()),
        }
    }
}

#[cfg(test)]
mod tests;
