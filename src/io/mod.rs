//! Raw records in and out, behind one narrow seam with two real implementations: Kafka, and topics inside the process.
//!
//! A transport knows topics, partitions, offsets and groups; not what the bytes mean, and not what runs on them. Reading
//! is by partition and never blocks; writing goes through an outbox whose cuts tie outputs, read positions and state
//! together. Next: `transport.rs` (the seam), `outbox.rs`, `embedded/mod.rs`, `kafka/mod.rs`.

pub mod embedded;
mod error;
pub mod kafka;
mod limit;
mod outbox;
mod partitioner;
mod record;
mod topics;
mod transport;

pub use error::{IO_CODES, IoError};
pub use limit::Limit;
pub use outbox::{Outbox, OutboxEvents};
pub use partitioner::partition_of;
pub use record::{Fetched, Headers, Outgoing, RawRecord};
pub use topics::{Topic, Topics};
pub use transport::{
    Committer, Cut, Ends, Instead, Owner, Polled, Position, Reader, Readers, Rejected, Start, Starts,
    Subscription, Transport, Visit, VisitNewest, Wake,
};
