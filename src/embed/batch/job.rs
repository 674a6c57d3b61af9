//! What of a batch survives the process: how many names have entered, and how long the file of records is. Kept in the
//! store beside the topics, in the same writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{BatchError, Input, Output};
use crate::error::Failure;
use crate::state::{Batch, Family, StateError, Store};

const IDENTITY: &[u8] = b"batch";
const FED: &[u8] = b"batch-fed";
const WRITTEN: &[u8] = b"batch-written";

/// The row that tells one batch from another.
#[derive(PartialEq, Serialize, Deserialize)]
struct Row {
    list: Option<String>,
    output: String,
}

/// The batch of a store. Clones share it.
#[derive(Clone)]
pub struct Job(Arc<Inner>);

struct Inner {
    fed: AtomicU64,
    /// Bytes of the file of records at the last write.
    written: u64,
    resumed: bool,
}

impl Job {
    /// Takes up the batch of the store, or begins one.
    pub fn open(store: &Store, input: &Input, output: &Output) -> Result<Self, Failure> {
        let row = Row { list: input.identity()?, output: output.to_string() };
        let known = store.get(Family::Meta, IDENTITY)?;
        let known: Option<Row> = known.and_then(|row| postcard::from_bytes(&row).ok());
        let resumed = known.as_ref() == Some(&row) && row.list.is_some();
        if let Some(other) = known.filter(|_| !resumed) {
            let other = match other.list {
                Some(list) => format!("list {} to {}", &list[..list.len().min(12)], other.output),
                None => format!("a list that cannot be read again, to {}", other.output),
            };
            return Err(BatchError::Unfinished { dir: store.dir().to_owned(), other }.into());
        }
        let number = |key: &[u8]| -> Result<u64, StateError> {
            let row = store.get(Family::Meta, key)?;
            Ok(row.and_then(|row| row.try_into().ok()).map_or(0, u64::from_be_bytes))
        };
        let (fed, written) = if resumed { (number(FED)?, number(WRITTEN)?) } else { (0, 0) };
        if !resumed {
            let mut batch = store.batch();
            // Plain values always serialize.
            let row = postcard::to_allocvec(&row).expect("a row of texts serializes");
            batch.put(Family::Meta, IDENTITY, &row);
            batch.delete(Family::Meta, FED);
            batch.delete(Family::Meta, WRITTEN);
            store.write(batch)?;
        }
        Ok(Self(Arc::new(Inner { fed: AtomicU64::new(fed), written, resumed })))
    }

    /// Whether the batch was begun before.
    pub fn resumed(&self) -> bool {
        self.0.resumed
    }

    /// Names that have entered.
    pub fn fed(&self) -> u64 {
        self.0.fed.load(Ordering::Acquire)
    }

    /// Adds how many names have entered to a write.
    pub fn put_fed(&self, fed: u64, batch: &mut Batch) {
        batch.put(Family::Meta, FED, &fed.to_be_bytes());
    }

    /// The write is done.
    pub fn set_fed(&self, fed: u64) {
        self.0.fed.store(fed, Ordering::Release);
    }

    /// Bytes of the file that are known to belong to what was exported.
    pub fn written(&self) -> u64 {
        self.0.written
    }

    /// Adds the length of the file to a write.
    pub fn put_written(&self, bytes: u64, batch: &mut Batch) {
        batch.put(Family::Meta, WRITTEN, &bytes.to_be_bytes());
    }

    /// The batch is done: the store takes another.
    pub fn finish(self, store: &Store) -> Result<(), StateError> {
        let mut batch = store.batch();
        for key in [IDENTITY, FED, WRITTEN] {
            batch.delete(Family::Meta, key);
        }
        store.write(batch)
    }
}
