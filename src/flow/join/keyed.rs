//! The keyed state of the join on one worker: takes in what the source reads, emits joined records, and gives its share
//! of each cut. The rules are in `crate::join`, the rows in `rows.rs`, the record that is emitted in `emit.rs`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;

use super::JoinCut;
use super::emit::emit;
use super::feed::JoinItem;
use super::origins::Origins;
use super::resume::Committed;
use super::rows::{Changes, Opening, Payload, in_memory};
use super::setup::JoinSetup;
use crate::clock::Millis;
use crate::codec::{DecodeError, Part, PartKind};
use crate::engine::Epoch;
use crate::flow::dead_letter::Place;
use crate::flow::deliver::Out;
use crate::flow::headers::{CUT, RUN};
use crate::flow::shared::Shared;
use crate::io::{Fetched, IoError, Position, RawRecord};
use crate::join::{Arrival, DnsFacts, End, Ignored, Names, PartId, Step};
use crate::model::{Subject, SubjectError};
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
    /// Bytes of payloads in memory.
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
    /// The offset after the last result taken in, for each input.
    next: Vec<i64>,
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
            JoinItem::Part { partition, input, fetched, part } => {
                self.take(partition, input, fetched, part)?
            }
            JoinItem::Live(partition) => {
                let clock = self.partitions.get(&partition).map_or(Millis::MIN, |of| of.clock);
                self.advance(partition, clock)?;
                let now = self.setup.clock.now();
                if let Some(of) = self.partitions.get_mut(&partition) {
                    of.muted = false;
                    // A partition that is new has had no time that could be lost.
                    if of.worked > 0 {
                        of.names.add_outage(of.worked, now, &self.setup.policy);
                    }
                    if let Some(since) = of.rebuilding.take() {
                        let (names, took) = (of.names.open(), since.elapsed());
                        tracing::info!(partition, names, ?took, "open names are read again");
                    }
                }
            }
            JoinItem::Time(partition, time) => self.advance(partition, time)?,
            JoinItem::Close(partition) => {
                if let Some(of) = self.partitions.get_mut(&partition) {
                    of.closing = true;
                }
            }
            JoinItem::Cut => {
                let share = self.cut();
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
            names.restore(name, entry, &self.setup.policy);
        }
        let of = OnePartition {
            names,
            origins: Origins::new(opening.origin, known, opening.starts.clone()),
            changes: Changes::default(),
            next: opening.starts,
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

    fn take(
        &mut self,
        partition: u32,
        input: usize,
        fetched: Fetched,
        part: Result<Part, DecodeError>,
    ) -> Result<(), StateError> {
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let Fetched { offset, record } = fetched;
        of.next[input] = offset + 1;
        (of.moved, of.unwritten) = (true, true);
        let (kind, topic) = self.setup.inputs[input];
        let place = Place { topic, partition, offset };
        let read = subject(kind, record.key.as_ref());
        let (name, address) = match read {
            Ok(read) => read,
            Err(error) => {
                if !of.muted {
                    let letter = self.setup.dead_letters.key(&self.setup.name, place, record, &error);
                    self.out.push(Out::Joined(letter));
                }
                return Ok(());
            }
        };
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                if !of.muted {
                    let letter = self.setup.dead_letters.value(&self.setup.name, place, record, &error);
                    self.out.push(Out::Joined(letter));
                }
                return Ok(());
            }
        };
        // The key of a record shares its memory with the value, which is not to stay as long as the name.
        let name = of.names.kept(&name).cloned().unwrap_or_else(|| Bytes::copy_from_slice(&name));
        let arrived = part.body.len();
        let arrival = arrival(kind, address, &record, part);
        let (muted, open, id) = (of.muted, of.names.open(), arrival.part.clone());
        let (step, displaced, run) =
            of.names.arrive(&name, arrival, &self.setup.policy, |entry, step, displaced| {
                (step, displaced, entry.run.clone())
            });
        if of.names.open() > open {
            of.origins.add(&name);
        }
        let refused = displaced.as_ref().map_or(0, |payload| match payload {
            Payload::Memory { bytes, .. } => bytes.len(),
            Payload::Stored => 0,
        });
        self.bytes = (self.bytes + arrived).saturating_sub(refused);
        match step {
            Step::Ignored(ignored) => {
                self.setup.meters.join.ignore(match ignored {
                    Ignored::Repeated => "repeated",
                    Ignored::Worse => "worse",
                });
                return Ok(());
            }
            Step::Kept => {}
            Step::End(_) => unreachable!("only time ends an entry"),
            Step::Emit { complete } => {
                if let Some(entry) = of.names.get_mut(&name, run.as_ref()).filter(|_| !muted) {
                    let record = emit(&self.setup, partition, &name, entry, complete)?;
                    self.out.push(Out::Joined(record));
                }
            }
        }
        if let Some(replaced) = displaced {
            of.changes.replace(&name, run.as_ref(), id, &replaced);
        }
        of.changes.change(&name, run.as_ref());
        Ok(())
    }

    /// Lets the time of a partition pass.
    fn advance(&mut self, partition: u32, time: Millis) -> Result<(), StateError> {
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        of.clock = of.clock.max(time);
        let (setup, muted, changes) = (&self.setup, of.muted, &mut of.changes);
        let (out, bytes, mut result) = (&mut self.out, &mut self.bytes, Ok(()));
        of.names.advance(time, &setup.policy, |name, entry, step| match step {
            Step::Emit { complete } => {
                changes.change(name, entry.run.as_ref());
                if !muted {
                    match emit(setup, partition, name, entry, complete) {
                        Ok(record) => out.push(Out::Joined(record)),
                        Err(error) => result = Err(error),
                    }
                }
            }
            Step::End(end) => {
                changes.end(name, entry);
                *bytes = bytes.saturating_sub(in_memory(entry));
                let reason = match end {
                    End::Done => return,
                    End::NoZone => "no-zone",
                    End::ZoneFailed => "zone-failed",
                    End::NoDns => "no-dns",
                };
                if !muted {
                    setup.meters.join.end(reason);
                }
            }
            Step::Kept | Step::Ignored(_) => {}
        });
        (of.moved, of.unwritten) = (true, true);
        result
    }

    /// The share of a cut: positions, and now and then rows.
    fn cut(&mut self) -> JoinCut {
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
            let outages = of.names.outages(of.clock, &self.setup.policy).to_string();
            let is_open = |name: &Bytes| !of.names.get(name).is_empty();
            let origin = of.origins.cut(&of.next, of.names.open(), is_open);
            let inputs = self.setup.inputs.iter().zip(&of.next).zip(origin);
            positions.extend(inputs.map(|(((_, topic), &offset), origin)| Position {
                topic: *topic,
                partition,
                offset,
                metadata: Committed::metadata(of.clock, origin, of.worked, &outages),
            }));
        }
        // The last flush was written with the cut before, so its payloads may leave memory.
        let mut over = self.bytes.saturating_sub(self.setup.memory);
        for of in self.partitions.values_mut() {
            let freed = of.changes.spill(&mut of.names, over);
            over = over.saturating_sub(freed);
            self.bytes = self.bytes.saturating_sub(freed);
        }
        let closing = self.partitions.values().any(|of| of.closing);
        let due =
            self.flushed.elapsed() >= self.setup.flush_interval || closing || self.shared.join_ended.get();
        let state = due.then(|| self.flush());
        let unwritten = self.partitions.values().any(|of| of.unwritten);
        self.shared.rows_due.set(unwritten.then(|| self.flushed + self.setup.flush_interval));
        self.partitions.retain(|&partition, of| {
            if of.closing {
                self.setup.rows.leave(partition);
            }
            !of.closing
        });
        JoinCut { positions, state: state.filter(|batch| !batch.is_empty()) }
    }

    fn flush(&mut self) -> Batch {
        self.flushed = Instant::now();
        let rows = &self.setup.rows;
        let mut batch = rows.batch();
        for (&partition, of) in self.partitions.iter_mut().filter(|(_, of)| of.unwritten) {
            of.unwritten = false;
            of.changes.flush(partition, &mut of.names, &mut batch);
            for ((_, topic), &next) in self.setup.inputs.iter().zip(&of.next) {
                rows.put_position(&mut batch, *topic, partition, next);
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

/// The name of a result's key, and the address on topics of addresses.
fn subject(kind: PartKind, key: Option<&Bytes>) -> Result<(Bytes, Option<Arc<str>>), SubjectError> {
    match kind {
        PartKind::Ip => {
            let subject = Subject::of_address(key)?;
            Ok((subject.name.into(), subject.address.map(Arc::from)))
        }
        _ => Ok((Subject::of_name(key)?.key, None)),
    }
}

fn arrival(kind: PartKind, address: Option<Arc<str>>, record: &RawRecord, part: Part) -> Arrival<Payload> {
    let id = match kind {
        PartKind::Zone => PartId::Zone,
        PartKind::Dns => PartId::Dns,
        PartKind::Tls => PartId::Tls,
        PartKind::Rdap => PartId::Rdap,
        PartKind::Ip => PartId::Ip {
            address: address.unwrap_or_else(|| "".into()),
            collector: part.collector.unwrap_or_default().into(),
        },
    };
    let dns = part
        .dns
        .map(|(addresses, tls)| DnsFacts { addresses: addresses.into_iter().map(Arc::from).collect(), tls });
    Arrival {
        part: id,
        run: record.headers.text(RUN).map(Arc::from),
        status: part.status,
        attempt: part.attempt,
        time: record.time,
        cut: record.headers.text(CUT).is_some(),
        dns,
        payload: Payload::Memory { bytes: part.body, stored: false },
    }
}

#[cfg(test)]
mod tests;
