//! Conservation, proven from the topics of a flow alone: every request has its outcome, every name that goes on has its
//! joined record, and nothing is there twice. Runs tell what belongs together (`flow/headers.rs`).
//!
//! Holds one small entry for each run; reads records of all partitions, so a run may change its partition. What is made of
//! the traces of a run is decided in `judge.rs`.

mod judge;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use self::judge::{Ending, Traces};
use super::letters::Letters;
use super::process::connect;
use crate::clock::Millis;
use crate::config::Settings;
use crate::error::Failure;
use crate::flow::headers::{REVISION, RUN};
use crate::flow::{Place, run_of, stream_time};
use crate::io::{IoError, Position, RawRecord, Topic, Topics, Transport};
use crate::spec::Plan;

/// Findings that are named; all are counted.
const NAMED: usize = 100;

/// What follows from a request may have a time before that of the request, by clocks that differ so much.
const SKEW: Millis = 10 * 60 * 1000;

/// Which requests are looked at; the default is all that are still there.
#[derive(Clone, Debug, Default)]
pub struct AuditRange {
    /// Those with this time (milliseconds since 1970) or a later one.
    pub since: Option<Millis>,
    /// Those with an earlier time.
    pub until: Option<Millis>,
    /// Those of these partitions and offsets; empty: of all.
    pub offsets: Vec<(u32, std::ops::Range<i64>)>,
}

impl AuditRange {
    fn contains(&self, place: Place, time: Millis) -> bool {
        let mut offsets = self.offsets.iter();
        self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time < until)
            && (self.offsets.is_empty()
                || offsets.any(|(number, range)| *number == place.partition && range.contains(&place.offset)))
    }
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Requests at the entry of the flow.
    pub requests: usize,
    /// Runs with a joined record.
    pub joined: usize,
    /// Runs that ended without a joined record: with their first result, as names without a zone do, or with a record that
    /// was too large.
    pub ended_early: usize,
    /// Requests that are dead letters, and runs with a record that was too large.
    pub dead_letters: usize,
    /// Runs that are not done, but will be.
    pub open: usize,
    /// Requests without an outcome, and runs that went on without a joined record, that the job is done with.
    pub missing: usize,
    /// Outcomes, dead letters and joined records that are there twice.
    pub twice: usize,
    /// Up to 100 of what is open, missing or twice.
    pub named: Vec<Finding>,
}

/// A run that is not as it should be, or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The key of its request.
    pub key: String,
    /// The run.
    pub run: String,
    /// `open`, `missing` or `twice`.
    pub what: &'static str,
    /// In words.
    pub why: &'static str,
    /// When an open one is given up and joined as it is, in milliseconds since 1970, if that can be told.
    pub until: Option<Millis>,
}

impl AuditReport {
    /// Whether everything is there, once, or will be.
    pub fn is_whole(&self) -> bool {
        self.missing == 0 && self.twice == 0
    }

    /// Counts a run, and names it if it is not as it should be.
    fn tell(&mut self, run: &[u8], key: &[u8], ending: Ending, until: Option<Millis>) {
        let (count, what, why) = match ending {
            Ending::Joined => return self.joined += 1,
            Ending::Early => return self.ended_early += 1,
            Ending::Open(why) => (&mut self.open, "open", why),
            Ending::NotJoined => (&mut self.missing, "missing", "no joined record"),
            Ending::Missing(why) => (&mut self.missing, "missing", why),
            Ending::Twice(why) => (&mut self.twice, "twice", why),
        };
        *count += 1;
        if self.named.len() < NAMED {
            let (key, run) = (key.escape_ascii().to_string(), run.escape_ascii().to_string());
            self.named.push(Finding { key, run, what, why, until });
        }
    }
}

/// The topics of a flow, for an audit.
pub struct Audit {
    transport: Arc<dyn Transport>,
    topics: Topics,
    letters: Letters,
    entry: Topic,
    outcomes: Topic,
    next: Topic,
    parts: Vec<Topic>,
    /// Where parts lie until a node has brought them to one of `parts`.
    foreign: Vec<Topic>,
    joined: Topic,
    /// Without its record in each of these a run goes no further.
    needed: [Topic; 3],
    patience: Millis,
}

impl Audit {
    /// An audit of `plan` on the configured transport; `None` if the plan does not go from names to joined records. On
    /// embedded topics the job must not run.
    pub fn open(settings: &Settings, plan: &Plan) -> Result<Option<Self>, Failure> {
        let from = |collector: &str| plan.collects.iter().find(|node| node.collector.name == collector);
        let (Some(entry), Some(next), Some(join)) = (from("zone"), from("dns"), &plan.join) else {
            return Ok(None);
        };
        let (transport, topics) = connect(settings, plan, "audit")?;
        let letters = Letters::on(transport.clone(), topics.clone(), plan)?;
        let find = |name: &str| topics.find(name).ok_or(IoError::Stopped);
        let answers = find(&next.to)?;
        let (entry, outcomes, next, joined) =
            (find(&entry.from)?, find(&entry.to)?, find(&next.from)?, find(&join.to)?);
        let needed = [outcomes, answers, joined];
        let parts = join.from.iter().map(|(_, topic)| find(topic)).collect::<Result<_, _>>()?;
        let foreign = plan.repartitions.iter().map(|way| find(&way.from)).collect::<Result<_, _>>()?;
        let patience = join.patience.unwrap_or(settings.join.patience).0.as_millis() as Millis;
        Ok(Some(Self {
            transport,
            topics,
            letters,
            entry,
            outcomes,
            next,
            parts,
            foreign,
            joined,
            needed,
            patience,
        }))
    }

    /// Reads the topics and compares. Blocks.
    pub fn run(&self, range: &AuditRange) -> Result<AuditReport, IoError> {
        let (mut runs, mut report) = (HashMap::<Vec<u8>, Traces>::new(), AuditReport::default());
        // Before the records: what the job is done with by now has its outcome in the topics.
        let positions =
            self.transport.positions(&[&[self.entry][..], &self.foreign, &self.parts].concat())?;
        let since = range.since.map(|since| since - SKEW);
        // In the order of the flow, so that what comes in meanwhile is only looked at if its request was.
        self.each(self.entry, range.since, |run, place, record| {
            if range.contains(place, record.time) {
                report.requests += 1;
                let traces = runs.entry(run).or_default();
                traces.requests += 1;
                traces.key = record.key.as_deref().unwrap_or_default().to_vec();
                traces.unread |= is_ahead(&positions, place);
            }
        })?;
        let mut of = |topic, see: fn(&mut Traces, &RawRecord)| {
            self.each(topic, since, |run, _, record| {
                if let Some(traces) = runs.get_mut(&run) {
                    see(traces, record);
                }
            })
        };
        of(self.outcomes, |traces, _| traces.outcomes += 1)?;
        of(self.next, |traces, _| traces.goes_on = true)?;
        of(self.joined, |traces, record| {
            let revision = record.headers.text(REVISION);
            traces.joined += u32::from(revision.is_none_or(|revision| revision == "1"));
        })?;
        self.letters.read(since, |letter| {
            if letter.offset < 0 {
                // It is about a record that was to be written.
                let needed = self.needed.iter().any(|topic| letter.topic == self.topics.name(*topic));
                let run = letter.record.headers.text(RUN).filter(|_| needed);
                if let Some(traces) = run.and_then(|run| runs.get_mut(run.as_bytes())) {
                    report.dead_letters += 1;
                    traces.refused = true;
                }
            } else if letter.topic == self.topics.name(self.entry) {
                let place = Place { topic: self.entry, partition: letter.partition, offset: letter.offset };
                let run = run_of(&letter.record, place, true).unwrap_or_default();
                if let Some(traces) = runs.get_mut(&run[..]) {
                    report.dead_letters += 1;
                    traces.letters += 1;
                }
            }
            ControlFlow::Continue(())
        })?;
        // Requests that are no longer in their topic are nobody's to judge.
        let mut not_joined = HashMap::new();
        // In the order of the runs, so that a report is the same each time.
        for (run, traces) in runs.into_iter().collect::<BTreeMap<_, _>>() {
            match traces.ending() {
                Ending::NotJoined => drop(not_joined.insert(run, traces.key)),
                ending => report.tell(&run, &traces.key, ending, None),
            }
        }
        self.judge_parts(not_joined, &positions, since, &mut report)?;
        Ok(report)
    }

    /// Tells runs that are being joined from those that are lost: by their parts, and how far the join is.
    fn judge_parts(
        &self,
        keys: HashMap<Vec<u8>, Vec<u8>>,
        positions: &[Position],
        since: Option<Millis>,
        report: &mut AuditReport,
    ) -> Result<(), IoError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut clocks = HashMap::<u32, Millis>::new();
        for position in positions.iter().filter(|position| self.parts.contains(&position.topic)) {
            let clock = clocks.entry(position.partition).or_default();
            *clock = stream_time(position).max(*clock);
        }
        let mut parts = HashMap::<&[u8], judge::Parts>::new();
        // What is moved meanwhile is seen where it goes.
        for &topic in self.foreign.iter().chain(&self.parts) {
            self.each(topic, since, |run, place, record| {
                let Some((run, _)) = keys.get_key_value(&run) else { return };
                let parts = parts.entry(run).or_default();
                parts.last = parts.last.max(record.time);
                parts.unread |= is_ahead(positions, place);
                if !self.foreign.contains(&topic) {
                    // Of foreign partitions none is that of the name.
                    parts.clock = clocks.get(&place.partition).copied().unwrap_or(0);
                }
            })?;
        }
        for (run, key) in keys.iter().collect::<BTreeMap<_, _>>() {
            let until = parts.get(&run[..]).and_then(|parts| parts.open_until(self.patience));
            let ending = until.map_or(Ending::NotJoined, |_| Ending::Open("waits for its parts"));
            report.tell(run, key, ending, until);
        }
        Ok(())
    }

    fn each(
        &self,
        topic: Topic,
        since: Option<Millis>,
        mut see: impl FnMut(Vec<u8>, Place, &RawRecord),
    ) -> Result<(), IoError> {
        self.transport.scan(topic, since, &mut |partition, fetched| {
            let place = Place { topic, partition, offset: fetched.offset };
            if let Some(run) = run_of(&fetched.record, place, topic == self.entry) {
                see(run.to_vec(), place, &fetched.record);
            }
            ControlFlow::Continue(())
        })
    }
}

/// Whether the job is not done with the record at `place`.
fn is_ahead(positions: &[Position], place: Place) -> bool {
    let position = Position::find(positions, place.topic, place.partition);
    position.is_none_or(|position| position.offset <= place.offset)
}
