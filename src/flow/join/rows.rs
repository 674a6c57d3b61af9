//! Open names on disk: written late and in batches, read back at a restart and when their payloads were let go of.
//!
//! A name that completes within the flush interval never touches the disk. Payloads that are on disk leave memory when
//! it is short, the oldest first. What has to be written: `rows/changes.rs`.

mod changes;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use self::changes::Changes;
use super::given_up::LastRevisions;
use super::resume::{Committed, Resumption, resolve};
use crate::clock::Millis;
use crate::io::{Position, Start, Topic, Topics};
use crate::join::{Entry, Outages, PartId};
use crate::state::{Batch, Family, StateError, Store, entry_key, part_key, partition_prefix};

/// How long the rows of a partition that is elsewhere are kept. By then most of its open names are others.
const KEPT: Duration = Duration::from_secs(600);

/// What a part in memory takes besides its bytes, and its name with it.
const BESIDE: usize = 500;

/// A payload of an open name.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// In memory; `stored` says whether its row is written or about to be.
    Memory {
        /// The bytes.
        bytes: Bytes,
        /// Whether the row exists.
        stored: bool,
    },
    /// On disk only.
    Stored,
}

/// In the row of an entry its payloads are not: they have rows of their own.
impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Payload::Stored)
    }
}

impl Payload {
    fn is_stored(&self) -> bool {
        !matches!(self, Payload::Memory { stored: false, .. })
    }

    /// Forgets that it has a row, which is about to be deleted; whether it had one beside what is in memory.
    fn leave_store(&mut self) -> bool {
        match self {
            Payload::Memory { stored, .. } => std::mem::take(stored),
            Payload::Stored => false,
        }
    }

    /// The memory that it takes; none is taken by what may rest.
    pub(super) fn in_memory(&self) -> usize {
        match self {
            Payload::Memory { bytes, .. } => bytes.len() + BESIDE,
            Payload::Stored => 0,
        }
    }
}

/// The name of a row's entry; the key of the row may not show it unambiguously.
#[derive(Serialize, Deserialize)]
struct EntryRow {
    name: Vec<u8>,
    entry: Entry<Payload>,
}

/// What an assigned partition starts with.
#[derive(Default)]
pub struct Opening {
    /// The open names.
    pub names: Vec<(Bytes, Entry<Payload>)>,
    /// The stream's time when the group was last committed.
    pub clock: Millis,
    /// Up to when the partition was worked on; 0 if it never was.
    pub worked: Millis,
    /// Outages before that.
    pub outages: Outages,
    /// The offset at which each input starts.
    pub starts: Vec<i64>,
    /// The offset of each input behind which all of the open names came in, and that of the joined topic behind which all
    /// of their records lie.
    pub origin: Vec<i64>,
    /// The joined records of what is read again lie behind this offset.
    pub written: i64,
    /// Those of open names that were given up lie behind this one, before `written` too; `None` if there are none.
    pub given_up: Option<i64>,
    /// From where on the joined topic is to be looked at; `None` if there is nothing to be learned.
    pub look_from: Option<i64>,
    /// What the records behind tell.
    pub last: LastRevisions,
    /// The names that were open have to be read again from their origin.
    pub rebuilt: bool,
}

/// The rows of the join of one group.
#[derive(Clone)]
pub struct JoinRows {
    store: Store,
    group: String,
    topics: Topics,
    /// Partitions that are elsewhere, and since when.
    left: Arc<Mutex<BTreeMap<u32, Instant>>>,
}

impl JoinRows {
    /// The rows of `group` in `store`.
    pub fn new(store: Store, group: &str, topics: Topics) -> Self {
        // Which of them this process gets is not known yet.
        let left = (0..topics.partitions()).map(|partition| (partition, Instant::now())).collect();
        Self { store, group: group.to_owned(), topics, left: Arc::new(Mutex::new(left)) }
    }

    /// The partition is this process's.
    pub fn hold(&self, partition: u32) {
        self.left().remove(&partition);
    }

    /// The partition goes to another process; its rows are kept for a while, should it come back.
    pub fn leave(&self, partition: u32) {
        self.left().insert(partition, Instant::now());
    }

    /// Deletes the rows of partitions that have been elsewhere for long: they save no reading any more.
    pub fn sweep(&self, now: Instant) -> Result<(), StateError> {
        // Held while rows are deleted, so that no partition comes back meanwhile.
        let mut left = self.left();
        let mut batch = self.store.batch();
        left.retain(|&partition, since| {
            let stays = now.saturating_duration_since(*since) < KEPT;
            if !stays {
                delete_names(&mut batch, partition);
                for topic in self.topics.iter() {
                    batch.delete(Family::Positions, &self.position_key(topic, partition));
                }
            }
            stays
        });
        if batch.is_empty() { Ok(()) } else { self.store.write(batch) }
    }

    fn left(&self) -> MutexGuard<'_, BTreeMap<u32, Instant>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// What partition `partition` starts with, from its rows and from what the group has committed of each input: where
    /// to start reading each input, before which offset of each everything was emitted, and the opening. `to` is the topic
    /// of joined records.
    pub fn reopen(
        &self,
        partition: u32,
        inputs: &[(Topic, Option<&Position>)],
        to: Topic,
    ) -> Result<(Vec<Start>, Vec<i64>, Opening), StateError> {
        self.hold(partition);
        let rows = inputs.iter().map(|&(topic, _)| self.position(topic, partition));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let group: Vec<_> = inputs.iter().map(|(_, position)| position.map(Committed::read)).collect();
        let Resumption { keep_rows, starts, live_from, halves } = resolve(&rows, &group);
        let from: Vec<i64> = starts.iter().map(|start| start.offset()).collect();
        let committed = group.iter().flatten();
        let written_before = committed.clone().map(|committed| committed.written).max().unwrap_or(0);
        let mut written = written_before;
        let names = match keep_rows {
            true => {
                written = written.max(self.position(to, partition)?.unwrap_or(0));
                self.load(partition)?
            }
            false => {
                let from = inputs.iter().zip(&from).map(|(&(topic, _), &offset)| (topic, offset));
                self.reset(partition, &from.chain([(to, written)]).collect::<Vec<_>>())?;
                Vec::new()
            }
        };
        let again: i64 = live_from.iter().zip(&from).map(|(live, from)| (live - from).max(0)).sum();
        let rebuilt = !keep_rows && again > 0;
        if rebuilt {
            tracing::info!(partition, records = again, "open names have no rows here and are read again");
        } else if !names.is_empty() {
            tracing::info!(partition, names = names.len(), "open names restored");
        }
        let clock = committed.clone().map(|committed| committed.clock).max().unwrap_or(0);
        let given_up = committed.filter_map(|committed| committed.given_up).min();
        let origin = group.iter().zip(&from).map(|(committed, &from)| {
            let origin = committed.as_ref().and_then(|committed| committed.origin);
            origin.map_or(from, |origin| origin.min(from))
        });
        let origin = origin.chain([written_before]).collect();
        let look_from = match halves {
            true => Some(written),
            false => given_up.map(|first| first.max(written)),
        };
        let latest = group.iter().flatten().max_by_key(|committed| committed.worked);
        let (worked, outages) =
            latest.map_or_else(Default::default, |latest| (latest.worked, latest.outages.clone()));
        let last = LastRevisions::default();
        let opening = Opening {
            names,
            clock,
            worked,
            outages,
            starts: from,
            origin,
            written,
            given_up,
            look_from,
            last,
            rebuilt,
        };
        Ok((starts, live_from, opening))
    }

    /// Up to which offset the rows of a partition contain an input.
    pub fn position(&self, topic: Topic, partition: u32) -> Result<Option<i64>, StateError> {
        let row = self.store.get(Family::Positions, &self.position_key(topic, partition))?;
        Ok(row.and_then(|row| row.try_into().ok()).map(i64::from_be_bytes))
    }

    /// The open names of a partition.
    pub fn load(&self, partition: u32) -> Result<Vec<(Bytes, Entry<Payload>)>, StateError> {
        let (start, end) = partition_prefix(partition);
        let mut names = Vec::new();
        let mut broken = false;
        self.store.scan(Family::Entries, &start, &end, |_, row| {
            match postcard::from_bytes::<EntryRow>(row) {
                Ok(row) => names.push((row.name.into(), row.entry)),
                Err(_) => broken = true,
            }
            !broken
        })?;
        match broken {
            true => Err(StateError::Row { family: "entries", what: "not an open name" }),
            false => Ok(names),
        }
    }

    /// The open entries of a name.
    pub fn look(&self, partition: u32, name: &[u8]) -> Result<Vec<Entry<Payload>>, StateError> {
        let start = entry_key(partition, name, None);
        // Runs are text, in which this byte is not; a longer name has another length at its start.
        let end = [start.as_slice(), &[0xff]].concat();
        let mut entries = Vec::new();
        self.store.scan(Family::Entries, &start, &end, |_, row| {
            let row = postcard::from_bytes::<EntryRow>(row).ok().filter(|row| row.name == name);
            entries.extend(row.map(|row| row.entry));
            true
        })?;
        Ok(entries)
    }

    /// Deletes all rows of a partition. That they contain nothing before `starts` is written at once: rows that are
    /// missing because none was flushed yet must not look like a store that was lost.
    pub fn reset(&self, partition: u32, starts: &[(Topic, i64)]) -> Result<(), StateError> {
        let mut batch = self.store.batch();
        delete_names(&mut batch, partition);
        for &(input, offset) in starts {
            self.put_position(&mut batch, input, partition, offset);
        }
        self.store.write(batch)
    }

    /// An empty batch.
    pub fn batch(&self) -> Batch {
        self.store.batch()
    }

    /// Adds the positions that the rows contain to a batch.
    pub fn put_position(&self, batch: &mut Batch, topic: Topic, partition: u32, offset: i64) {
        batch.put(Family::Positions, &self.position_key(topic, partition), &offset.to_be_bytes());
    }

    /// The payload of a part, from memory or from its row.
    pub fn payload(
        &self,
        partition: u32,
        name: &[u8],
        window: Option<&str>,
        part: &PartId,
        payload: &Payload,
    ) -> Result<Bytes, StateError> {
        match payload {
            Payload::Memory { bytes, .. } => Ok(bytes.clone()),
            Payload::Stored => {
                let key = part_key(&entry_key(partition, name, window), &part.to_string());
                let row = self.store.get(Family::Parts, &key)?;
                row.map(Bytes::from).ok_or(StateError::Row { family: "parts", what: "missing" })
            }
        }
    }

    fn position_key(&self, topic: Topic, partition: u32) -> Vec<u8> {
        let topic = self.topics.name(topic).as_bytes();
        [b"j", self.group.as_bytes(), &[0], topic, &[0], &partition.to_be_bytes()].concat()
    }
}

/// Memory that an entry's payloads take, in bytes.
pub fn in_memory(entry: &Entry<Payload>) -> usize {
    entry.slots().iter().map(|slot| slot.payload.in_memory()).sum()
}

/// Adds the deletion of all open names of a partition to a batch.
fn delete_names(batch: &mut Batch, partition: u32) {
    let (start, end) = partition_prefix(partition);
    batch.delete_range(Family::Entries, &start, &end);
    batch.delete_range(Family::Parts, &start, &end);
}

#[cfg(test)]
mod tests;
