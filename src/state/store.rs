//! Opens the store and reads and writes rows. Batches are atomic across families; the log of writes is not synced, so a
//! killed process loses nothing and a power failure at most the last moments, which the topics still have.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamilyDescriptor, CompactOptions, DB,
    DBCompactionStyle, DBCompressionType, Direction, FifoCompactOptions, FlushOptions, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions,
};

use super::error::StateError;
use super::format::{Standing, check_families, standing};
use crate::units::Size;

/// The format of the rows. A store of another number is refused, never misread.
pub(super) const FORMAT: &str = "3";
pub(super) const FORMAT_KEY: &[u8] = b"format";

/// A family of rows (a RocksDB column family).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Facts about the store itself, and about jobs that a restart takes up again.
    Meta,
    /// One small row for each open name of the join.
    Entries,
    /// One row for each part of an open name: the payload.
    Parts,
    /// Offsets: what the rows of the join contain, and what groups of the embedded transport have committed.
    Positions,
    /// The records of the embedded transport's topics.
    Log,
    /// Answers of collectors that shall survive a restart.
    Answers,
}

impl Family {
    pub(super) const ALL: [Family; 6] =
        [Family::Meta, Family::Entries, Family::Parts, Family::Positions, Family::Log, Family::Answers];

    pub(super) fn name(self) -> &'static str {
        match self {
            Family::Meta => "meta",
            Family::Entries => "entries",
            Family::Parts => "parts",
            Family::Positions => "positions",
            Family::Log => "log",
            Family::Answers => "answers",
        }
    }
}

/// Memory of the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Cache of blocks read from disk, shared by all families.
    pub block_cache: Size,
    /// Memory of one write buffer; a family has two at most.
    pub write_buffer: Size,
    /// Disk for the answers of collectors; the oldest go first.
    pub answers: Size,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { block_cache: Size::mib(8), write_buffer: Size::mib(8), answers: Size::mib(64) }
    }
}

/// The open store. Clones share it; it closes with the last of them.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    db: DB,
    dir: PathBuf,
    /// Writes until the process counts as dead: none is done any more.
    #[cfg(test)]
    life: std::sync::atomic::AtomicI64,
}

impl Store {
    /// Opens the store in `dir`, or makes it.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StateError> {
        let cache = Cache::new_lru_cache(options.block_cache.bytes());
        let families = Family::ALL.map(|family| {
            ColumnFamilyDescriptor::new(family.name(), family_options(family, &cache, options))
        });
        let mut db_options = Options::default();
        db_options.create_if_missing(true);
        db_options.create_missing_column_families(true);
        db_options.set_max_background_jobs(2);
        db_options.set_keep_log_file_num(2);
        db_options.set_max_total_wal_size(4 * options.write_buffer.0);
        db_options.set_wal_recovery_mode(rocksdb::DBRecoveryMode::PointInTime);
        if let Some(parent) = dir.parent() {
            // RocksDB makes the directory itself but not those above it; if this fails, RocksDB says so.
            let _ = std::fs::create_dir_all(parent);
        }
        check_families(dir, &db_options)?;
        let db = DB::open_cf_descriptors(&db_options, dir, families).map_err(opening(dir))?;
        let standing = standing(&db, dir, Family::ALL.map(Family::name))?;
        let store = Self(Arc::new(Inner {
            db,
            dir: dir.to_owned(),
            #[cfg(test)]
            life: i64::MAX.into(),
        }));
        if standing == Standing::New {
            let mut batch = store.batch();
            batch.put(Family::Meta, FORMAT_KEY, FORMAT.as_bytes());
            store.write(batch)?;
        }
        Ok(store)
    }

    /// Opens the store in `dir` to read it as it was last written, beside a process that may have it open; `None` if there
    /// is none.
    pub fn look(dir: &Path) -> Result<Option<Self>, StateError> {
        let options = Options::default();
        check_families(dir, &options)?;
        if DB::list_cf(&options, dir).is_err() {
            return Ok(None);
        }
        let db = DB::open_cf_for_read_only(&options, dir, Family::ALL.map(Family::name), false);
        let db = db.map_err(opening(dir))?;
        let store = Self(Arc::new(Inner {
            db,
            dir: dir.to_owned(),
            #[cfg(test)]
            life: i64::MAX.into(),
        }));
        let standing = standing(&store.0.db, dir, Family::ALL.map(Family::name))?;
        Ok((standing == Standing::Ours).then_some(store))
    }

    /// A name that no other store has, the same for as long as this one exists.
    pub fn identity(&self) -> Result<String, StateError> {
        let identity = self.0.db.get_db_identity().map_err(|source| self.error(source))?;
        Ok(String::from_utf8_lossy(&identity).into_owned())
    }

    /// The row of `key`.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.0.db.get_cf(self.handle(family), key).map_err(|source| self.error(source))
    }

    /// The rows of `keys`, in their order.
    pub fn multi_get(&self, family: Family, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        self.0
            .db
            .batched_multi_get_cf(self.handle(family), keys.iter(), false)
            .into_iter()
            .map(|row| row.map(|row| row.map(|row| row.to_vec())).map_err(|source| self.error(source)))
            .collect()
    }

    /// Calls `each` with the rows from `start` (inclusive) to `end` (exclusive) until it returns false.
    pub fn scan(
        &self,
        family: Family,
        start: &[u8],
        end: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StateError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mode = IteratorMode::From(start, Direction::Forward);
        for row in self.0.db.iterator_cf_opt(self.handle(family), options, mode) {
            let (key, value) = row.map_err(|source| self.error(source))?;
            if !each(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    /// The greatest key below `end` (exclusive) that is not below `start`.
    pub fn last_key(&self, family: Family, start: &[u8], end: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let mut rows = self.0.db.raw_iterator_cf(self.handle(family));
        rows.seek_for_prev(end);
        if rows.valid() && rows.key() == Some(end) {
            rows.prev();
        }
        rows.status().map_err(|source| self.error(source))?;
        Ok(rows.key().filter(|key| *key >= start).map(<[u8]>::to_vec))
    }

    /// An empty batch for this store.
    pub fn batch(&self) -> Batch {
        Batch { writes: WriteBatch::default(), store: self.clone() }
    }

    /// Writes a batch, all of it or nothing.
    pub fn write(&self, batch: Batch) -> Result<(), StateError> {
        #[cfg(test)]
        if self.0.life.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0 {
            return Err(StateError::InUse(self.0.dir.clone()));
        }
        let mut options = WriteOptions::default();
        options.set_sync(false);
        self.0.db.write_opt(batch.writes, &options).map_err(|source| self.error(source))
    }

    /// From now on only so many writes are done; how many were left before.
    #[cfg(test)]
    pub fn dies_after(&self, writes: i64) -> i64 {
        self.0.life.swap(writes, std::sync::atomic::Ordering::SeqCst)
    }

    /// Makes all that was written safe against a power failure.
    pub fn sync(&self) -> Result<(), StateError> {
        self.0.db.flush_wal(true).map_err(|source| self.error(source))
    }

    /// How many writes of rows the store has seen since it was made.
    pub fn writes(&self) -> u64 {
        self.0.db.latest_sequence_number()
    }

    /// Moves what is in memory to disk, and drops what was deleted of open names: without it, deletions stay in
    /// write buffers, in the log of writes and on disk until other writes push them out. To be called when few names are
    /// open: all their rows are read and written.
    pub fn settle(&self) -> Result<(), StateError> {
        let families = Family::ALL.map(|family| self.handle(family));
        let flush = FlushOptions::default();
        self.0.db.flush_cfs_opt(&families, &flush).map_err(|source| self.error(source))?;
        let mut compact = CompactOptions::default();
        // Else a file that holds nothing but deletions is moved to the last level as it is.
        compact.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in [Family::Entries, Family::Parts] {
            self.0.db.compact_range_cf_opt(self.handle(family), None::<&[u8]>, None::<&[u8]>, &compact);
        }
        Ok(())
    }

    /// Where the store is.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    fn handle(&self, family: Family) -> &rocksdb::ColumnFamily {
        // `open` creates every family of the enum.
        self.0.db.cf_handle(family.name()).expect("every family is created when the store is opened")
    }

    fn error(&self, source: rocksdb::Error) -> StateError {
        StateError::Rocks { dir: self.0.dir.clone(), source }
    }
}

/// Why a store cannot be opened.
pub(super) fn opening(dir: &Path) -> impl Fn(rocksdb::Error) -> StateError {
    move |source| {
        let locked = source.as_ref().contains("lock");
        let dir = dir.to_owned();
        if locked { StateError::InUse(dir) } else { StateError::Rocks { dir, source } }
    }
}

/// Rows to be written together.
pub struct Batch {
    writes: WriteBatch,
    store: Store,
}

impl Batch {
    /// Writes a row.
    pub fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.writes.put_cf(self.store.handle(family), key, value);
    }

    /// Deletes a row, if it is there.
    pub fn delete(&mut self, family: Family, key: &[u8]) {
        self.writes.delete_cf(self.store.handle(family), key);
    }

    /// Deletes all rows from `start` (inclusive) to `end` (exclusive).
    pub fn delete_range(&mut self, family: Family, start: &[u8], end: &[u8]) {
        self.writes.delete_range_cf(self.store.handle(family), start, end);
    }

    /// Writes the batch to its store, all of it or nothing.
    pub fn write(self) -> Result<(), StateError> {
        let store = self.store.clone();
        store.write(self)
    }

    /// Bytes of the batch.
    pub fn bytes(&self) -> usize {
        self.writes.size_in_bytes()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

fn family_options(family: Family, cache: &Cache, store: StoreOptions) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(store.write_buffer.bytes());
    options.set_max_write_buffer_number(2);
    if matches!(family, Family::Parts | Family::Log) {
        // Payloads of 2 to 60 KiB: values beside the tree are copied less often by compactions (measured up to twice
        // the throughput, and a far better read tail).
        options.set_enable_blob_files(true);
        options.set_min_blob_size(1 << 10);
        options.set_blob_compression_type(DBCompressionType::Lz4);
        options.set_enable_blob_gc(true);
    }
    if family == Family::Answers {
        let mut oldest_first = FifoCompactOptions::default();
        oldest_first.set_max_table_files_size(store.answers.0);
        options.set_compaction_style(DBCompactionStyle::Fifo);
        options.set_fifo_compaction_options(&oldest_first);
        // A file is dropped as a whole.
        options
            .set_write_buffer_size(store.write_buffer.bytes().min(store.answers.bytes() / 8).max(64 << 10));
    }
    options
}

#[cfg(test)]
mod tests;
