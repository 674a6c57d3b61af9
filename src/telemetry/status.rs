//! The state of a process at one moment, as JSON shows it and as the progress line is made of.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::{Health, Meters, READ_TO_END};

/// The state of a process.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// Name of the flow.
    pub flow: String,
    /// Version of the program.
    pub version: &'static str,
    /// Where it is in its life.
    pub health: &'static str,
    /// Seconds since the start.
    pub uptime: f64,
    /// The collector nodes.
    pub nodes: Vec<NodeStatus>,
    /// The join.
    pub join: JoinStatus,
    /// The partitions owned now.
    pub partitions: Vec<PartitionStatus>,
    /// Records that were brought to the partitions of their names, by the topic they came from.
    pub repartitioned: BTreeMap<String, u64>,
    /// Dead letters by code.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// Pages that were cut so that their records fit.
    pub cut_pages: u64,
    /// Cuts committed.
    pub cuts: u64,
}

/// A collector node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Finished calls.
    pub done: u64,
    /// Finished calls for each second since the start.
    pub rate: f64,
    /// Those of them whose answer had been found for an earlier one.
    pub reused: u64,
    /// Calls under way.
    pub in_flight: i64,
    /// Mean time of a call in milliseconds.
    pub mean_ms: f64,
    /// Finished calls by status.
    pub statuses: BTreeMap<&'static str, u64>,
}

/// The join.
#[derive(Clone, Debug, Serialize)]
pub struct JoinStatus {
    /// Open names.
    pub open: i64,
    /// Memory that their parts take, in bytes.
    pub bytes: i64,
    /// Complete records.
    pub complete: u64,
    /// Incomplete records.
    pub partial: u64,
    /// Revisions.
    pub revisions: u64,
    /// Names without a record, by reason.
    pub ended: BTreeMap<&'static str, u64>,
    /// Results that changed nothing, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Results in a partition that does not own their name, by topic.
    pub misplaced: BTreeMap<String, u64>,
}

/// A partition of an input.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Offset that is read next.
    pub next: i64,
    /// Oldest open offset.
    pub oldest_open: i64,
    /// Seconds for which it has been the oldest; 0 if nothing is open.
    pub oldest_open_age: f64,
    /// Records that are not yet finished; null while the end is not known.
    pub lag: Option<i64>,
    /// Records that are read again, after a restart or a change of process, before anything new comes out of them.
    pub again: i64,
}

impl Meters {
    /// The state now.
    pub fn report(&self) -> StatusReport {
        let now = self.clock.now();
        let uptime = (now - self.started).max(1) as f64 / 1000.0;
        let nodes = self.nodes().iter().map(|node| {
            let done = node.done();
            NodeStatus {
                name: node.name.clone(),
                done,
                rate: done as f64 / uptime,
                reused: node.reused.load(Ordering::Relaxed),
                in_flight: node.running.load(Ordering::Relaxed),
                mean_ms: node.busy.load(Ordering::Relaxed) as f64 / done.max(1) as f64,
                statuses: node.by_status().filter(|(_, count)| *count > 0).collect(),
            }
        });
        let partitions = self.partitions().into_iter().map(|((topic, partition), meter)| {
            let low = meter.low.load(Ordering::Relaxed);
            let since = meter.low_since.load(Ordering::Relaxed);
            let next = meter.next.load(Ordering::Relaxed);
            let end = match meter.end.load(Ordering::Relaxed) {
                READ_TO_END => next,
                end => end,
            };
            PartitionStatus {
                topic,
                partition,
                next,
                oldest_open: low,
                oldest_open_age: if since > 0 { (now - since).max(0) as f64 / 1000.0 } else { 0.0 },
                lag: (end >= 0).then_some((end - low).max(0)),
                again: meter.again.load(Ordering::Relaxed),
            }
        });
        let join = &self.join;
        let counts = |counts: &std::sync::Mutex<BTreeMap<&'static str, u64>>| {
            counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        StatusReport {
            flow: self.flow.clone(),
            version: env!("CARGO_PKG_VERSION"),
            health: match self.health() {
                Health::Starting => "starting",
                Health::Running => "running",
                Health::Draining => "draining",
                Health::Failed => "failed",
            },
            uptime,
            nodes: nodes.collect(),
            join: JoinStatus {
                open: join.open.load(Ordering::Relaxed),
                bytes: join.bytes.load(Ordering::Relaxed),
                complete: join.complete.load(Ordering::Relaxed),
                partial: join.partial.load(Ordering::Relaxed),
                revisions: join.revisions.load(Ordering::Relaxed),
                ended: counts(&join.ended),
                ignored: counts(&join.ignored),
                misplaced: join.misplaced.all(),
            },
            partitions: partitions.collect(),
            repartitioned: self.repartitioned.all(),
            dead_letters: self.dead_letters(),
            cut_pages: self.cut_pages.load(Ordering::Relaxed),
            cuts: self.cuts.load(Ordering::Relaxed),
        }
    }
}
