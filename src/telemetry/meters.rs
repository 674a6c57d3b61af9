//! What is counted. Shared by all workers of a process; each count is moved at one place of the flow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::{Millis, SharedClock};
use crate::model::{STATUSES, Status};

/// All counts of a process.
pub struct Meters {
    /// Name of the flow.
    pub flow: String,
    /// When the process started.
    pub started: Millis,
    pub(super) clock: SharedClock,
    health: AtomicU8,
    nodes: Vec<Arc<NodeMeter>>,
    partitions: RwLock<BTreeMap<(String, u32), Arc<PartitionMeter>>>,
    /// The join's counts.
    pub join: JoinMeter,
    /// Dead letters by the code of the error.
    dead_letters: Mutex<BTreeMap<&'static str, u64>>,
    /// Records that were brought to the partitions of their names, by the topic they came from.
    pub repartitioned: ByTopic,
    /// Pages that were cut so that their records fit.
    pub cut_pages: AtomicU64,
    /// Cuts that were committed.
    pub cuts: AtomicU64,
}

/// A count for each topic.
#[derive(Default)]
pub struct ByTopic(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Not yet reading.
    Starting,
    /// Reading and writing.
    Running,
    /// No longer reading; finishing what is under way.
    Draining,
    /// Nothing works any more; the process is about to end.
    Failed,
}

/// Counts of one collector node.
pub struct NodeMeter {
    /// Name of the node.
    pub name: String,
    /// Requests that were started.
    pub started: AtomicU64,
    /// Calls under way.
    pub running: AtomicI64,
    /// Calls whose answer was there already, found for an earlier request.
    pub reused: AtomicU64,
    /// Milliseconds that finished calls took, in all.
    pub busy: AtomicU64,
    by_status: Vec<AtomicU64>,
}

/// In place of the end of a partition: all records there are have been read. The offset after them may be further on,
/// since the ends of Kafka's transactions have offsets as well.
pub const READ_TO_END: i64 = -2;

/// Counts of one partition of an input.
#[derive(Default)]
pub struct PartitionMeter {
    /// Offset that is read next.
    pub next: AtomicI64,
    /// Oldest offset that is not finished; what would be committed.
    pub low: AtomicI64,
    /// Since when the oldest open offset is the oldest; 0 if nothing is open.
    pub low_since: AtomicI64,
    /// Records that are read again before anything new comes out of them.
    pub again: AtomicI64,
    /// Offset after the last record, as far as it is known; -1 before; [`READ_TO_END`]. The transport moves it.
    pub end: Arc<AtomicI64>,
}

/// Counts of the join.
#[derive(Default)]
pub struct JoinMeter {
    /// Names open now.
    pub open: AtomicI64,
    /// Memory that their parts take, in bytes.
    pub bytes: AtomicI64,
    /// Joined records that were complete at their first emission.
    pub complete: AtomicU64,
    /// Joined records that were emitted incomplete.
    pub partial: AtomicU64,
    /// Revisions of joined records.
    pub revisions: AtomicU64,
    /// Names that ended without a record, by reason.
    pub ended: Mutex<BTreeMap<&'static str, u64>>,
    /// Results that changed nothing, by reason.
    pub ignored: Mutex<BTreeMap<&'static str, u64>>,
    /// Results in a partition that does not own their name, by topic.
    pub misplaced: ByTopic,
}

impl Meters {
    /// Meters for a flow with these nodes.
    pub fn new(flow: &str, nodes: impl IntoIterator<Item = String>, clock: SharedClock) -> Self {
        let node = |name| {
            let by_status = (0..=STATUSES.len()).map(|_| AtomicU64::new(0)).collect();
            Arc::new(NodeMeter {
                name,
                started: AtomicU64::new(0),
                running: AtomicI64::new(0),
                reused: AtomicU64::new(0),
                busy: AtomicU64::new(0),
                by_status,
            })
        };
        Self {
            flow: flow.to_owned(),
            started: clock.now(),
            clock,
            health: AtomicU8::new(Health::Starting as u8),
            nodes: nodes.into_iter().map(node).collect(),
            partitions: RwLock::default(),
            join: JoinMeter::default(),
            dead_letters: Mutex::default(),
            repartitioned: ByTopic::default(),
            cut_pages: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
        }
    }

    /// The meter of a node.
    pub fn node(&self, name: &str) -> Option<&Arc<NodeMeter>> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The meters of all nodes, in the order of the flow.
    pub fn nodes(&self) -> &[Arc<NodeMeter>] {
        &self.nodes
    }

    /// The meter of a partition that was assigned; `end` tells where it ends.
    pub fn open_partition(&self, topic: &str, partition: u32, end: Arc<AtomicI64>) -> Arc<PartitionMeter> {
        let meter = Arc::new(PartitionMeter { end, ..PartitionMeter::default() });
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        partitions.insert((topic.to_owned(), partition), meter.clone());
        meter
    }

    /// Takes a partition that went away out of what is shown.
    pub fn forget_partition(&self, topic: &str, partition: u32) {
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        partitions.remove(&(topic.to_owned(), partition));
    }

    /// The meters of all partitions.
    pub fn partitions(&self) -> Vec<((String, u32), Arc<PartitionMeter>)> {
        let partitions = self.partitions.read().unwrap_or_else(PoisonError::into_inner);
        partitions.iter().map(|(key, meter)| (key.clone(), meter.clone())).collect()
    }

    /// Counts a dead letter.
    pub fn dead_letter(&self, code: &'static str) {
        count(&self.dead_letters, code);
    }

    /// Dead letters by code.
    pub fn dead_letters(&self) -> BTreeMap<&'static str, u64> {
        self.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where the process is in its life. A failure is final.
    pub fn set_health(&self, health: Health) {
        self.health.fetch_max(health as u8, Ordering::AcqRel);
    }

    /// Where the process is in its life.
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Starting,
            1 => Health::Running,
            2 => Health::Draining,
            _ => Health::Failed,
        }
    }
}

impl ByTopic {
    /// The count of a topic, to be moved by whoever asks.
    pub fn of(&self, topic: &str) -> Arc<AtomicU64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(topic.to_owned()).or_default().clone()
    }

    /// All counts.
    pub fn all(&self) -> BTreeMap<String, u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(topic, count)| (topic.clone(), count.load(Ordering::Relaxed))).collect()
    }
}

impl NodeMeter {
    /// Counts a call that ended with `status` after `took`.
    pub fn finished(&self, status: Status, took: Duration) {
        let index = STATUSES.iter().position(|info| info.code == status.0).unwrap_or(STATUSES.len());
        self.by_status[index].fetch_add(1, Ordering::Relaxed);
        self.busy.fetch_add(took.as_millis() as u64, Ordering::Relaxed);
    }

    /// Finished calls by status; codes that are not in the table are counted together, as `OTHER`.
    pub fn by_status(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = STATUSES.iter().map(|info| info.name).chain(["OTHER"]);
        names.zip(&self.by_status).map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// Finished calls.
    pub fn done(&self) -> u64 {
        self.by_status.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl PartitionMeter {
    /// Notes the oldest open offset and the next; `now` is kept as the time of the change.
    pub fn moved(&self, low: i64, next: i64, now: Millis) {
        let before = self.low.swap(low, Ordering::Relaxed);
        self.next.store(next, Ordering::Relaxed);
        if low >= next {
            self.low_since.store(0, Ordering::Relaxed);
        } else if before != low || self.low_since.load(Ordering::Relaxed) == 0 {
            self.low_since.store(now, Ordering::Relaxed);
        }
    }
}

impl JoinMeter {
    /// Counts a name that ended without a record.
    pub fn end(&self, reason: &'static str) {
        count(&self.ended, reason);
    }

    /// Counts a result that changed nothing.
    pub fn ignore(&self, reason: &'static str) {
        count(&self.ignored, reason);
    }
}

fn count(counts: &Mutex<BTreeMap<&'static str, u64>>, name: &'static str) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
}
