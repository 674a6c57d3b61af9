//! Bytes and values: the Confluent framing, Avro by writer schema, JSON, and the schema registry behind both.
//!
//! Decides how a record of `model` looks in a topic of either format, and how encoded parts become a joined record
//! without being decoded. Knows no topic but by its subject, and nothing of transports. Next: `topic.rs` (values),
//! `part.rs` and `splice.rs` (the join's side), `reference.rs` (its other reading), `page.rs` (records that are too large),
//! `registry/mod.rs`, `avro/mod.rs`.

mod avro;
mod error;
mod format;
mod framing;
mod page;
mod part;
mod reference;
mod registry;
mod schemas;
mod spelling;
mod splice;
mod topic;
mod wire;

pub use avro::{Breaks, Difference, differences};
pub use error::DecodeError;
pub use format::Format;
pub use page::PageCutter;
pub use part::{Part, PartKind, PartReader, Reading};
pub use registry::{
    Comparison, FolderRegistry, HttpRegistry, Registry, RegistryConfig, RegistryError, SchemaId, agree,
    compare,
};
pub use schemas::{Known, Schemas, subject};
pub use splice::{ByCollector, JoinedParts, Splicer};
pub use topic::TopicCodec;
pub use wire::{RECORDS, RecordSchema, Wire};

use crate::error::Code;

/// All codes of this component.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    error::CODES.iter().chain(registry::CODES).copied()
}

#[cfg(test)]
mod tests;
