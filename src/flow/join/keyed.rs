//! The keyed state of the join on one worker: takes in what the source reads, emits joined records, and gives its share
//! of each cut. What a result or a deadline does: `keyed/steps.rs`; the rows: `rows.rs`.

mod steps;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;

use super::JoinCut;
use super::feed::{JoinItem, Look};
use super::given_up::{GivenUp, LastRevisions};
use super::origins::Origins;
use super::resume::Committed;
use super::rows::{Changes, Opening, Payload};
use super::setup::JoinSetup;
use super::show::OpenName;
use crate::clock::Millis;
use crate::engine::Epoch;
use crate::flow::deliver::Out;
use crate::flow::shared::Shared;
use crate::io::{IoError, Position};
use crate::join::Names;
use crate::state::{Batch, StateError};

/// Adds the join behind its source.
pub fn joined<'scope>(
    input: StreamVec<'scope, Epoch, JoinItem>,
    setup: JoinSetup,
    shared: Rc<Shared>,
    failed: Rc<dyn Fn(IoError)>,
) -> StreamVec<'scope, Epoch, Out> {
    input.unary(Pipeline, "join", move |_capability, _info| {
        let mut join = Join {
            setup,
            shared,
            partitions: BTreeMap::new(),
            bytes: 0,
            flushed: Instant::now(),
            out: Vec::new(),
            shown: (0, 0),
        };
        move |input, output| {
            input.for_each_stamp(|capability, batches| {
                for batch in batches {
                    for item in batch.drain(..) {
                        if let Err(error) = join.step(item) {
                            failed(error.into());
                        }
                    }
                }
                output.session(&capability).give_iterator(join.out.drain(..));
            });
            join.show();
        }
    })
}

struct Join {
    setup: JoinSetup,
    shared: Rc<Shared>,
    partitions: BTreeMap<u32, OnePartition>,
    /// Memory that parts of open names take, in bytes.
    bytes: usize,
    flushed: Instant,
    out: Vec<Out>,
    /// Open names and bytes as they were last shown.
    shown: (i64, i64),
}

/// The join of one partition.
struct OnePartition {
    names: Names<Payload>,
    origins: Origins,
    changes: Changes,
    /// The offset after the last result taken in, for each input, and after the last joined record that is known to be
    /// written.
    next: Vec<i64>,
    given_up: GivenUp,
    /// What was emitted, as the joined topic tells it, of names that are read again.
    last: LastRevisions,
    /// Positions differ from those of the last cut, and from those of the rows.
    moved: bool,
    unwritten: bool,
    /// What is emitted now was emitted before the restart.
    muted: bool,
    /// Since when the open names are being read again, if their rows were lost.
    rebuilding: Option<Instant>,
    clock: Millis,
    /// Up to when the partition is known to have been worked on.
    worked: Millis,
    /// The partition goes away with the next cut.
    closing: bool,
}

impl Join {
    fn step(&mut self, item: JoinItem) -> Result<(), StateError> {
        match item {
            JoinItem::Open(partition, opening) => self.open(partition, opening.take().unwrap_or_default()),
            JoinItem::Part { partition, input, ready } => self.take(partition, input, *ready)?,
            JoinItem::Live(partition) => self.live(partition)?,
            JoinItem::Time(partition, time) => self.advance(partition, time)?,
            JoinItem::Close(partition) => {
                if let Some(of) = self.partitions.get_mut(&partition) {
                    of.closing = true;
                }
            }
            JoinItem::Look(look) => {
                let Some(Look { partition, name, reply }) = look.take() else { return Ok(()) };
                let runs = self.partitions.get(&partition).map(|of| of.names.get(&name)).unwrap_or_default();
                // Whoever asked may have gone.
                let _ = reply.send(runs.iter().map(|run| OpenName::of(run, &self.setup.policy)).collect());
            }
            JoinItem::Cut { last } => {
                let share = self.cut(last);
                self.setup.rows.sweep(Instant::now())?;
                self.out.push(Out::Cut(Rc::new(Cell::new(Some(share)))));
            }
        }
        Ok(())
    }

    fn open(&mut self, partition: u32, opening: Opening) {
        // It may have been left after it was reopened: a partition that comes back fast closes meanwhile.
        self.setup.rows.hold(partition);
        let known = opening.names.iter().map(|(name, _)| name.clone()).collect();
        let mut names = Names::new(opening.outages);
        for (name, entry) in opening.names {
            names.restore(name.clone(), entry, &self.setup.policy);
            names.rest(&name);
        }
        let mut next = opening.starts;
        next.push(opening.written);
        let of = OnePartition {
            names,
            origins: Origins::new(opening.origin, known, next.clone()),
            changes: Changes::default(),
            next,
            given_up: GivenUp::new(opening.given_up),
            last: opening.last,
            moved: false,
            unwritten: false,
            muted: true,
            rebuilding: opening.rebuilt.then(Instant::now),
            clock: opening.clock,
            worked: opening.worked,
            closing: false,
        };
        self.partitions.insert(partition, of);
    }

    /// All that was emitted before is read again: from now on what leaves is emitted.
    fn live(&mut self, partition: u32) -> Result<(), StateError> {
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        for (name, run, emitted) in of.last.take() {
            let window = of.names.emitted(&name, run.as_ref(), emitted, &self.setup.policy);
            if let Some(entry) = window.and_then(|window| of.names.awake_mut(&name, &window)) {
                of.changes.change(&name, entry);
            }
        }
        // What was over before must not take in what comes now.
        let clock = of.clock;
        self.advance(partition, clock)?;
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        of.muted = false;
        // A partition that is new has had no time that could be lost.
        if of.worked > 0 {
            of.names.add_outage(of.worked, self.setup.clock.now(), &self.setup.policy);
        }
        if let Some(since) = of.rebuilding.take() {
            let (names, took) = (of.names.open(), since.elapsed());
            tracing::info!(partition, names, ?took, "open names are read again");
        }
        Ok(())
    }

    /// The share of a cut: positions, and now and then rows.
    fn cut(&mut self, last: bool) -> JoinCut {
        self.shared.join_moved.set(false);
        let mut positions = Vec::new();
        let now = self.setup.clock.now();
        // What is read again is behind the group; its positions must not go back there.
        for (&partition, of) in self.partitions.iter_mut().filter(|(_, of)| of.moved && !of.muted) {
            of.moved = false;
            // Not before the time at which names were given up, whatever the clock of the machine says. The end of time is
            // none.
            let told = Some(of.clock).filter(|told| *told < Millis::MAX).unwrap_or(0);
            of.worked = of.worked.max(now).max(told);
            let outages = of.names.outages(of.clock, &self.setup.policy).clone();
            let is_open = |name: &[u8]| of.names.is_open(name);
            let mut origin = of.origins.cut(&of.next, of.names.open(), is_open);
            // Beside the inputs stands the topic of joined records.
            let written = origin.pop().unwrap_or(0);
            let mut committed = Committed {
                offset: 0,
                origin: None,
                clock: of.clock,
                worked: of.worked,
                written,
                given_up: of.given_up.first(written),
                outages,
            };
            let inputs = self.setup.inputs.iter().zip(&of.next).zip(origin);
            positions.extend(inputs.map(|(((_, topic), &offset), origin)| {
                (committed.offset, committed.origin) = (offset, Some(origin));
                Position { topic: *topic, partition, offset, metadata: committed.metadata() }
            }));
            if let (Some(end), Some(known)) =
                (self.shared.written.end(self.setup.to, partition), of.next.last_mut())
            {
                *known = end.max(*known);
            }
        }
        // The last flush was written with the cut before, so its payloads may leave memory.
        let mut over = self.bytes.saturating_sub(self.setup.memory);
        for of in self.partitions.values_mut() {
            let freed = of.changes.spill(&mut of.names, &self.setup.policy, over);
            over = over.saturating_sub(freed);
            self.bytes = self.bytes.saturating_sub(freed);
        }
        let closing = self.partitions.values().any(|of| of.closing);
        let due = self.flushed.elapsed() >= self.setup.flush_interval || closing || last;
        let state = due.then(|| self.flush());
        let unwritten = self.partitions.values().any(|of| of.unwritten);
        self.shared.rows_due.set(unwritten.then(|| self.flushed + self.setup.flush_interval));
        self.partitions.retain(|&partition, of| {
            if of.closing {
                self.setup.rows.leave(partition);
            }
            !of.closing
        });
        JoinCut { positions, state: state.filter(|batch| !batch.is_empty()), last }
    }

    fn flush(&mut self) -> Batch {
        self.flushed = Instant::now();
        let rows = &self.setup.rows;
        let mut batch = rows.batch();
        for (&partition, of) in self.partitions.iter_mut().filter(|(_, of)| of.unwritten) {
            of.unwritten = false;
            of.changes.flush(partition, &mut of.names, &self.setup.policy, &mut batch);
            let topics = self.setup.inputs.iter().map(|(_, topic)| *topic).chain([self.setup.to]);
            for (topic, &next) in topics.zip(&of.next) {
                rows.put_position(&mut batch, topic, partition, next);
            }
        }
        batch
    }

    fn show(&mut self) {
        let due = self.partitions.values().filter(|of| !of.muted).filter_map(|of| of.names.next_due()).min();
        self.shared.next_due.set(due);
        let open: usize = self.partitions.values().map(|of| of.names.open()).sum();
        let full = open >= self.setup.max_open;
        if self.shared.join_full.replace(full) && !full {
            self.shared.wake_sources();
        }
        // Other workers show theirs in the same meters.
        let (open, bytes) = (open as i64, self.bytes as i64);
        let (open_before, bytes_before) = std::mem::replace(&mut self.shown, (open, bytes));
        let join = &self.setup.meters.join;
        join.open.fetch_add(open - open_before, Ordering::Relaxed);
        join.bytes.fetch_add(bytes - bytes_before, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
