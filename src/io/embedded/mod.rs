//! Topics inside the process: partitions, offsets and groups in RocksDB, with atomic writes. Survives a restart.
//!
//! Not a broker: no sockets, one process. What Kafka gives in a transaction (outputs, positions, state) is here one
//! batch. Offsets have no gaps. Next: `log.rs` (rows and appends), `reader.rs`, `group.rs` (subscriptions, commits).

mod group;
mod log;
mod reader;

pub use group::Embedded;
pub use log::Log;

#[cfg(test)]
mod tests;
