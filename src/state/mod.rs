//! What outlives the process: one RocksDB a process, in families of rows, written in atomic batches.
//!
//! Decides how the store is opened, versioned and laid out on disk; not what its rows mean to the join (`rows.rs` only
//! gives them keys) or to the embedded transport (`io/embedded`). Next: `store.rs`, `format.rs`, `rows.rs`.

mod error;
mod format;
mod rows;
mod store;

pub use error::{STATE_CODES, StateError};
pub use rows::{entry_key, part_key, partition_prefix};
pub use store::{Batch, Family, Store, StoreOptions};
