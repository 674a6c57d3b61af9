//! What the operators of one worker share: the progress of its partitions, whether the way out is free, whether a cut is
//! wanted. Operators of a worker run one at a time, so plain cells do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use timely::scheduling::Activator;

use super::waiting::{Moving, Waiting};
use crate::clock::Millis;
use crate::engine::Tracker;
use crate::io::{Ends, Position, Topic};
use crate::telemetry::PartitionMeter;

/// Longest metadata of a position: what Kafka takes, without the version that the transport puts before it.
const METADATA: usize = 4096 - 16;

/// What the operators of a worker share.
#[derive(Default)]
pub struct Shared {
    /// The request partitions of this worker.
    pub requests: RefCell<BTreeMap<(Topic, u32), Progress>>,
    /// What waits to be read of the requests that follow from others: as long as they wait, the join's time does, too.
    pub waiting: RefCell<Waiting>,
    /// The same of what goes to other partitions, of all workers.
    pub moving: Moving,
    /// The number of this worker.
    worker: usize,
    /// Partitions whose position changed since the last cut.
    pub changed: RefCell<BTreeSet<(Topic, u32)>>,
    /// Whether the outbox takes more; sources stop while it does not.
    pub outbox_open: Cell<bool>,
    /// The join holds as many open names as it may; the source through which names come in waits.
    pub join_full: Cell<bool>,
    /// The join shall send a cut through.
    pub cut_wanted: Cell<bool>,
    /// The join has taken in or let out something since its last cut.
    pub join_moved: Cell<bool>,
    /// When the join has rows to write that its last cut did not take along; a cut is due then even if nothing moves.
    pub rows_due: Cell<Option<Instant>>,
    /// Sources that found something at their last look.
    pub busy: RefCell<BTreeSet<usize>>,
    /// The earliest time at which something is due in the join; `Millis::MAX` if nothing is.
    pub next_due: Cell<Option<Millis>>,
    /// The sources, to be woken when the way out is free again.
    pub sources: RefCell<Vec<Activator>>,
    /// The source of the join, to be woken for a cut.
    pub join_source: RefCell<Option<Activator>>,
    /// How far the worker's cuts are written.
    pub written: Written,
}

/// The offsets after the last records that a worker has committed, by partition; its outbox tells them.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Ends>>);

impl Written {
    /// Notes how far partitions are written.
    pub fn note(&self, ends: Ends) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
    }

    /// The offset after the last record that this worker wrote to a partition.
    pub fn end(&self, topic: Topic, partition: u32) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(topic, partition)).copied()
    }
}

/// The progress of a request partition: one tracker for each node that reads it, so that a slow node repeats nothing of
/// the others after a restart.
pub struct Progress {
    /// Which assignment of the partition this is; results of an earlier one are discarded.
    pub generation: u64,
    /// A tracker for each node, by its index in the flow.
    pub lanes: Vec<(usize, String, Tracker)>,
    /// What is shown of it.
    pub meter: Arc<PartitionMeter>,
}

impl Shared {
    /// The shared state of a worker.
    pub fn new(worker: usize, moving: Moving) -> Rc<Self> {
        let shared = Self { worker, moving, ..Self::default() };
        shared.outbox_open.set(true);
        Rc::new(shared)
    }

    /// Changes what waits on this worker: of requests, or of what goes to other partitions.
    pub fn waits(&self, moves: bool, change: impl FnOnce(&mut Waiting)) {
        if moves { change(&mut self.moving.of(self.worker)) } else { change(&mut self.waiting.borrow_mut()) }
    }

    /// Notes whether source `source` found something.
    pub fn set_busy(&self, source: usize, busy: bool) {
        let mut sources = self.busy.borrow_mut();
        if busy {
            sources.insert(source)
        } else {
            sources.remove(&source)
        };
    }

    /// Whether all sources are caught up.
    pub fn idle(&self) -> bool {
        self.busy.borrow().is_empty()
    }

    /// Wakes all sources.
    pub fn wake_sources(&self) {
        self.sources.borrow().iter().for_each(Activator::activate);
    }
}

impl Progress {
    /// Starts where the group is.
    pub fn resume(
        generation: u64,
        nodes: impl IntoIterator<Item = (usize, String)>,
        committed: Option<&Position>,
        meter: Arc<PartitionMeter>,
    ) -> Self {
        let offset = committed.map_or(0, |position| position.offset);
        let metadata = committed.map_or("", |position| position.metadata.as_str());
        let lane = |(index, name): (usize, String)| {
            let mark = format!("{name}:");
            let ranges = metadata.split(';').find_map(|lane| lane.strip_prefix(mark.as_str()));
            (index, name, Tracker::resume(offset, ranges.unwrap_or_default()))
        };
        Self { generation, lanes: nodes.into_iter().map(lane).collect(), meter }
    }

    /// Notes that `offset` was read; the nodes that have work to do for it.
    pub fn begin(&mut self, offset: i64) -> u64 {
        let mut work = 0;
        for (index, _, tracker) in &mut self.lanes {
            work |= u64::from(tracker.begin(offset)) << *index;
        }
        work
    }

    /// Notes that a node has finished `offset`.
    pub fn finish(&mut self, node: usize, offset: i64) {
        if let Some((_, _, tracker)) = self.lanes.iter_mut().find(|(index, ..)| *index == node) {
            tracker.finish(offset);
        }
    }

    /// The low-water mark of all nodes.
    pub fn low(&self) -> i64 {
        self.lanes.iter().map(|(_, _, tracker)| tracker.low()).min().unwrap_or(0)
    }

    /// What is committed: the mark, and for each node what is finished above it.
    pub fn position(&self, topic: Topic, partition: u32) -> Position {
        let low = self.low();
        let share = METADATA / self.lanes.len().max(1);
        let lanes = self.lanes.iter().filter_map(|(_, name, tracker)| {
            let ranges = tracker.metadata(low, share.saturating_sub(name.len() + 6));
            (!ranges.is_empty()).then(|| format!("{name}:{ranges}"))
        });
        let metadata = lanes.collect::<Vec<_>>().join(";");
        Position { topic, partition, offset: low, metadata }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_node_repeats_nothing_of_the_others() {
        let nodes = || [(0, "rtt".to_owned()), (3, "rdap-ip".to_owned())];
        let mut progress = Progress::resume(1, nodes(), None, Arc::default());
        assert!((0..4).all(|offset| progress.begin(offset) == 0b1001));
        (0..4).for_each(|offset| progress.finish(0, offset));
        progress.finish(3, 2);
        let position = progress.position(Topic(0), 0);
        assert_eq!(position.offset, 0);
        let mut again = Progress::resume(2, nodes(), Some(&position), Arc::default());
        let work: Vec<_> = (0..5).map(|offset| again.begin(offset)).collect();
        assert_eq!(work, [0b1000, 0b1000, 0, 0b1000, 0b1001]);
    }
}
