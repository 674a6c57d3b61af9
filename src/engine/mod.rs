//! timely and Tokio, joined: how records enter a dataflow, wait for network calls, and leave, in bounded memory.
//!
//! Generic over what the records are: nothing here knows Kafka, Avro or DNS. One process runs a fixed set of timely
//! workers; a partition of the input belongs to one worker, so nothing is exchanged between them.
//!
//! ```text
//!   Feed ──> source ──> call (one Tokio task a record) ──> whatever takes the results
//!    ▲  Credit permits travel with the records and are given back at the end
//!    └─ Tracker: which offsets are open, what may be committed
//! ```
//!
//! Next: `source.rs`, `call.rs`, `tracker.rs`.

pub mod align;
pub mod bell;
pub mod call;
pub mod credit;
pub mod pace;
pub mod source;
pub mod tracker;
pub mod workers;

pub use bell::{Bell, Mailbox};
pub use call::{Calls, Lost, call};
pub use credit::{Credit, Permit};
pub use pace::Pace;
pub use source::{Feed, Pull, source};
pub use tracker::Tracker;
pub use workers::{OnPanic, Workers};

/// Logical time of the dataflow: one epoch for each batch that a source lets in. It orders nothing across partitions;
/// it only lets a drain be seen (an empty frontier) and ties each result to the capability of its input.
pub type Epoch = u64;

#[cfg(test)]
mod tests;
