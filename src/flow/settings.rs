//! What of the configuration concerns the flow itself: workers and budgets, state, join, topics, stopping.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::codec::Format;
use crate::join::Reading;
use crate::state::StoreOptions;
use crate::units::{Size, Span};

/// Section `engine`: threads and budgets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Worker threads of the dataflow; 0: half of the processors, at least one.
    pub workers: u32,
    /// Requests under way for each input topic and worker.
    pub in_flight: u32,
    /// Bytes of requests under way for each input topic and worker.
    pub in_flight_bytes: Size,
    /// Calls of one collector at once on each worker, unless the dataflow file says otherwise.
    pub concurrency: u32,
    /// Longest time of any call: a safety net behind the collectors' own timeouts.
    pub call_limit: Span,
    /// Time between two cuts under load, and before a cut that has positions only. When caught up, a cut follows each output at
    /// once.
    pub cut_interval: Span,
    /// Bytes that may wait in front of the broker or disk, for each worker.
    pub outbox: Size,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            in_flight: 4000,
            in_flight_bytes: Size::mib(32),
            concurrency: 1000,
            call_limit: Span::secs(300),
            cut_interval: Span::millis(250),
            outbox: Size::mib(24),
        }
    }
}

impl EngineConfig {
    /// Worker threads to start.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
            workers => workers as usize,
        }
    }
}

/// Section `state`: where the state is, and how much of it stays in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateConfig {
    /// Directory of the state.
    pub dir: PathBuf,
    /// Time between two writes of open names.
    pub flush_interval: Span,
    /// Memory for parts of open names; beyond it they are read back from disk, and their names rest as a few bytes each.
    pub memory: Size,
    /// Cache of blocks read from disk.
    pub block_cache: Size,
    /// Memory of one write buffer.
    pub write_buffer: Size,
}

impl Default for StateConfig {
    fn default() -> Self {
        let StoreOptions { block_cache, write_buffer, .. } = StoreOptions::default();
        Self {
            dir: PathBuf::from(".domainflow/state"),
            flush_interval: Span::secs(2),
            memory: Size::mib(40),
            block_cache,
            write_buffer,
        }
    }
}

/// Section `join`: the rules of the join, unless the dataflow file says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JoinConfig {
    /// Which rules hold.
    pub policy: Reading,
    /// How long after its last part an incomplete name is given up and emitted as it is. Time in which requests of its
    /// partition wait in front of collectors of the same process, or are worked on, does not count.
    pub patience: Span,
    /// How long after a complete record its parts are kept for revisions, if memory is not short.
    pub grace: Span,
    /// Names that a process holds open; with so many, requests wait where names come in, until some are joined. At least 1.
    pub max_open: u32,
}

impl Default for JoinConfig {
    fn default() -> Self {
        Self { policy: Reading::Target, patience: Span::secs(60), grace: Span::secs(5), max_open: 1_000_000 }
    }
}

/// Section `topics`: how topics are made and written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TopicsConfig {
    /// Format of the values, unless the dataflow file says otherwise for a topic.
    pub format: Format,
    /// Partitions of a flow: of its requests, of the results that its join reads, and of joined records. What a node
    /// `repartition` reads, and what is only written, may have another number.
    pub partitions: u32,
    /// Copies of each partition, for `topics create`.
    pub replication: u32,
    /// How long records are kept, for `topics create` and for the embedded transport.
    pub retention: Span,
    /// Largest record that is written; also the largest that topics made by `topics create` take.
    pub max_record: Size,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self {
            format: Format::Avro,
            partitions: 8,
            replication: 1,
            retention: Span::secs(24 * 60 * 60),
            max_record: Size::mib(4),
        }
    }
}

/// Section `shutdown`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownConfig {
    /// How long calls under way may take to finish after a stop; then they are handed back, to be made again.
    pub deadline: Span,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { deadline: Span::secs(10) }
    }
}

/// All of the above.
#[derive(Clone, Debug, Default)]
pub struct FlowSettings {
    /// Section `engine`.
    pub engine: EngineConfig,
    /// Section `state`.
    pub state: StateConfig,
    /// Section `join`.
    pub join: JoinConfig,
}
