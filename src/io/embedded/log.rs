//! The rows of topics, and appending to them. One writer at a time: offsets are given under a lock, and the end of a
//! partition moves only after its rows are written, so that a reader never sees a gap.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::io::{Ends, Fetched, Headers, IoError, Outgoing, Position, RawRecord, Topic, Topics, Wake};
use crate::state::{Batch, Family, Store};

/// The topics of one process. Clones share them.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    store: Store,
    topics: Topics,
    /// Those of each topic.
    partitions: Vec<Vec<Partition>>,
    append: Mutex<()>,
}

#[derive(Default)]
struct Partition {
    /// The offset of the next record.
    end: Arc<AtomicI64>,
    /// Who wants to know of new records.
    readers: Mutex<Vec<Arc<Wake>>>,
}

/// Bytes of records that one look for old ones reads.
const TRIMMED: usize = 4 << 20;

/// A record as its row holds it.
#[derive(Serialize, Deserialize)]
struct Row<'a> {
    time: Millis,
    #[serde(borrow)]
    key: Option<&'a [u8]>,
    #[serde(borrow)]
    value: Option<&'a [u8]>,
    #[serde(borrow)]
    headers: Vec<(&'a str, &'a [u8])>,
}

impl Log {
    /// Opens the topics in `store`.
    pub fn open(store: Store, topics: Topics) -> Result<Self, IoError> {
        let mut partitions = Vec::new();
        for topic in topics.iter() {
            let mut of_topic = Vec::new();
            for partition in 0..topics.partitions_of(topic) {
                let name = topics.name(topic);
                let (first, last) = (row_key(name, partition, 0), row_key(name, partition, i64::MAX));
                let end = store.last_key(Family::Log, &first, &last)?.map_or(0, |key| offset_of(&key) + 1);
                // Rows may all be deleted; the positions still know how far the offsets went.
                let end = end.max(kept_end(&store, name, partition)?);
                of_topic.push(Partition { end: Arc::new(AtomicI64::new(end)), ..Partition::default() });
            }
            partitions.push(of_topic);
        }
        Ok(Self(Arc::new(Inner { store, topics, partitions, append: Mutex::default() })))
    }

    /// The table of topics.
    pub fn topics(&self) -> &Topics {
        &self.0.topics
    }

    /// The store the topics are in.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The offset after the last record.
    pub fn end(&self, topic: Topic, partition: u32) -> i64 {
        self.partition(topic, partition).end.load(Ordering::Acquire)
    }

    /// The cell that holds the end of a partition.
    pub fn end_cell(&self, topic: Topic, partition: u32) -> Arc<AtomicI64> {
        self.partition(topic, partition).end.clone()
    }

    /// Appends records and writes `batch` with them, all or nothing.
    pub fn append(&self, records: &[Outgoing], mut batch: Batch) -> Result<Ends, IoError> {
        let _one_writer = self.0.append.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ends = Ends::new();
        let mut room = Vec::new();
        for outgoing @ Outgoing { topic, partition, record, .. } in records {
            let end = ends.entry((*topic, *partition)).or_insert_with(|| self.end(*topic, *partition));
            let row = encode(record, outgoing.value(&mut room));
            batch.put(Family::Log, &row_key(self.0.topics.name(*topic), *partition, *end), &row);
            *end += 1;
        }
        self.0.store.write(batch)?;
        for (&(topic, partition), &end) in &ends {
            let partition = self.partition(topic, partition);
            partition.end.store(end, Ordering::Release);
            for wake in partition.readers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                wake();
            }
        }
        Ok(ends)
    }

    /// Reads records from `offset` on, until `max_bytes` are read or the end is reached.
    pub fn read(
        &self,
        topic: Topic,
        partition: u32,
        offset: i64,
        max_bytes: usize,
    ) -> Result<Vec<Fetched>, IoError> {
        let name = self.0.topics.name(topic);
        let end = self.end(topic, partition);
        let (mut records, mut bytes, mut broken) = (Vec::new(), 0, None);
        let (first, last) = (row_key(name, partition, offset), row_key(name, partition, end));
        self.0.store.scan(Family::Log, &first, &last, |key, row| {
            let offset = offset_of(key);
            bytes += row.len();
            match decode(row) {
                Some(record) => records.push(Fetched { offset, record }),
                None => broken = Some(offset),
            }
            broken.is_none() && bytes < max_bytes
        })?;
        match broken {
            Some(offset) => Err(IoError::Record { topic: name.to_owned(), offset }),
            None => Ok(records),
        }
    }

    /// Deletes the records before `offset`.
    pub fn trim(&self, topic: Topic, partition: u32, offset: i64) -> Result<(), IoError> {
        let name = self.0.topics.name(topic);
        let mut batch = self.0.store.batch();
        batch.delete_range(Family::Log, &row_key(name, partition, 0), &row_key(name, partition, offset));
        batch.put(Family::Positions, &end_key(name, partition), &self.end(topic, partition).to_be_bytes());
        Ok(self.0.store.write(batch)?)
    }

    /// Deletes the records at the start of a partition that are older than `horizon`, up to where `group` is if it reads
    /// the topic. Looks at a bounded number of records: the rest has its turn the next time.
    pub fn trim_before(
        &self,
        group: &str,
        topic: Topic,
        partition: u32,
        horizon: Millis,
    ) -> Result<(), IoError> {
        let read = self.position(group, topic, partition)?.map(|position| position.offset);
        let records = self.read(topic, partition, 0, TRIMMED)?;
        let old = records.iter().take_while(|fetched| fetched.record.time < horizon);
        match old.last().map(|fetched| (fetched.offset + 1).min(read.unwrap_or(i64::MAX))) {
            Some(offset) if offset > 0 => self.trim(topic, partition, offset),
            _ => Ok(()),
        }
    }

    /// The records of all partitions of `topics` that `group` has not finished. While nobody appends from outside, 0
    /// means that nothing is under way: outputs and the positions they come from are one write.
    pub fn lag(&self, group: &str, topics: &[Topic]) -> Result<i64, IoError> {
        let _no_writer = self.0.append.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lag = 0;
        for &topic in topics {
            for partition in 0..self.0.topics.partitions_of(topic) {
                let read = self.position(group, topic, partition)?.map_or(0, |position| position.offset);
                lag += self.end(topic, partition) - read;
            }
        }
        Ok(lag)
    }

    /// Has `wake` called whenever a record is appended to the partition, until it is dropped by the caller.
    pub(super) fn watch(&self, topic: Topic, partition: u32, wake: Arc<Wake>) {
        let mut readers =
            self.partition(topic, partition).readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|other| Arc::strong_count(other) > 1);
        readers.push(wake);
    }

    /// The position of `group` in a partition.
    pub fn position(&self, group: &str, topic: Topic, partition: u32) -> Result<Option<Position>, IoError> {
        let key = position_key(group, self.0.topics.name(topic), partition);
        let Some(row) = self.0.store.get(Family::Positions, &key)? else { return Ok(None) };
        let (offset, metadata) = row.split_at_checked(8).unwrap_or_default();
        let offset = offset.try_into().map_or(0, i64::from_be_bytes);
        let metadata = String::from_utf8_lossy(metadata).into_owned();
        Ok(Some(Position { topic, partition, offset, metadata }))
    }

    /// Adds the writing of a group's position to a batch.
    pub fn put_position(&self, group: &str, position: &Position, batch: &mut Batch) {
        let key = position_key(group, self.0.topics.name(position.topic), position.partition);
        let row = [&position.offset.to_be_bytes(), position.metadata.as_bytes()].concat();
        batch.put(Family::Positions, &key, &row);
    }

    fn partition(&self, topic: Topic, partition: u32) -> &Partition {
        // A topic of the table has a partition at least.
        let of_topic = &self.0.partitions[usize::from(topic.0)];
        &of_topic[partition as usize % of_topic.len()]
    }
}

/// Topic, partition, offset; the name ends with a zero byte, which no topic name contains.
fn row_key(topic: &str, partition: u32, offset: i64) -> Vec<u8> {
    [topic.as_bytes(), &[0], &partition.to_be_bytes(), &offset.to_be_bytes()].concat()
}

fn offset_of(key: &[u8]) -> i64 {
    key.last_chunk().map_or(0, |offset| i64::from_be_bytes(*offset))
}

fn position_key(group: &str, topic: &str, partition: u32) -> Vec<u8> {
    [b"g", group.as_bytes(), &[0], topic.as_bytes(), &[0], &partition.to_be_bytes()].concat()
}

fn end_key(topic: &str, partition: u32) -> Vec<u8> {
    [b"e", topic.as_bytes(), &[0], &partition.to_be_bytes()].concat()
}

fn kept_end(store: &Store, topic: &str, partition: u32) -> Result<i64, IoError> {
    let row = store.get(Family::Positions, &end_key(topic, partition))?;
    Ok(row.and_then(|row| row.try_into().ok()).map_or(0, i64::from_be_bytes))
}

fn encode(record: &RawRecord, value: Option<&[u8]>) -> Vec<u8> {
    let headers = record.headers.0.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
    let row = Row { time: record.time, key: record.key.as_deref(), value, headers };
    // Writing bytes to memory does not fail.
    postcard::to_allocvec(&row).expect("a row of bytes serializes")
}

fn decode(row: &[u8]) -> Option<RawRecord> {
    let row: Row<'_> = postcard::from_bytes(row).ok()?;
    let headers = row.headers.into_iter();
    Some(RawRecord {
        key: row.key.map(Bytes::copy_from_slice),
        value: row.value.map(Bytes::copy_from_slice),
        headers: Headers(
            headers.map(|(name, value)| (name.to_owned(), Bytes::copy_from_slice(value))).collect(),
        ),
        time: row.time,
    })
}
