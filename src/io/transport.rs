//! The seam between a flow and the topics it works on.
//!
//! Ownership goes by number (`topics.rs`): whoever owns number 3 owns partition 3 of all inputs, so that everything about
//! one name meets in one place. The transport says which numbers are assigned and takes them back; the owner says where to
//! start.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::{Fetched, IoError, Outgoing, Topic};
use crate::clock::Millis;
use crate::state::Batch;

/// A group's place in one partition: all before `offset` is done, and what `metadata` says above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// The offset to go on from.
    pub offset: i64,
    /// Text of at most 4080 characters that is kept with the offset.
    pub metadata: String,
}

impl Position {
    /// That of one partition among `positions`.
    pub fn find(positions: &[Self], topic: Topic, partition: u32) -> Option<&Self> {
        positions.iter().find(|position| (position.topic, position.partition) == (topic, partition))
    }
}

/// Where to start reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record that is still there.
    Earliest,
    /// At this offset.
    At(i64),
}

impl Start {
    /// The offset, or what is not after any.
    pub fn offset(self) -> i64 {
        match self {
            Start::Earliest => 0,
            Start::At(offset) => offset,
        }
    }

    /// Where a group goes on that has committed this.
    pub fn after(committed: Option<&Position>) -> Self {
        committed.map_or(Start::Earliest, |position| Start::At(position.offset))
    }
}

/// Where to start reading partitions. One that is left out starts where the group is.
pub type Starts = BTreeMap<(Topic, u32), Start>;

/// Readers of partitions, in the order of the subscription.
pub type Readers = Vec<(Topic, u32, Box<dyn Reader>)>;

/// How far partitions are written: the offset after the last record of each.
pub type Ends = BTreeMap<(Topic, u32), i64>;

/// Called, from any thread, when a reader that had nothing may have something.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// What a reader has.
#[derive(Debug)]
pub enum Polled {
    /// The next record.
    Record(Fetched),
    /// Nothing now; more may be on its way.
    Empty,
    /// Nothing: the partition is read to its end.
    End,
}

/// Reads one partition of one topic, in the order of the offsets.
pub trait Reader: Send {
    /// What is next. Never blocks.
    fn poll(&mut self) -> Result<Polled, IoError>;

    /// Has `wake` called when there may be something after `Empty` or `End`.
    fn wake_by(&mut self, wake: Wake);

    /// The offset after the last record of the partition, kept up to date; -1 as long as it is not known;
    /// [`READ_TO_END`](crate::telemetry::READ_TO_END).
    fn end(&self) -> Arc<AtomicI64>;
}

/// Who works on the partitions of a subscription. Called on a thread of the transport.
pub trait Owner: Send + Sync + 'static {
    /// The partitions that go with `number` come in; `committed` are the group's positions in them, where it has any. Says
    /// where to start reading.
    fn assign(&self, number: u32, committed: Vec<Position>) -> Result<Starts, IoError>;

    /// The readers of the partitions that go with an assigned number.
    fn open(&self, number: u32, readers: Readers);

    /// Numbers go away: returns when everything of their partitions is handed back or given up.
    fn revoke(&self, numbers: &[u32]);

    /// The transport cannot go on.
    fn failed(&self, error: IoError);
}

/// A running subscription. It ends, and gives its partitions back, when it is dropped.
pub trait Subscription: Send {}

/// What is made durable together: all that was sent before, the positions it came from, and the state behind it.
pub struct Cut {
    /// Positions of the inputs.
    pub positions: Vec<Position>,
    /// Rows to be written, after the outputs are safe.
    pub state: Option<Batch>,
}

/// A record that the transport will not take, since it is too large.
#[derive(Debug)]
pub struct Rejected<'a> {
    /// The record.
    pub record: Outgoing,
    /// Bytes that it may have; `None` if the broker has refused it and does not say.
    pub room: Option<usize>,
    /// What is wrong with it.
    pub error: &'a IoError,
}

/// Makes a smaller record that is written in place of one that was rejected, and may be rejected again; `None` if there
/// is none.
pub type Instead = Arc<dyn Fn(Rejected<'_>) -> Option<Outgoing> + Send + Sync>;

/// Writes records and commits positions. Used by one outbox thread; may block.
pub trait Committer: Send {
    /// Hands records to the transport. They can be read only after the next [`Committer::commit`].
    fn send(&mut self, records: Vec<Outgoing>) -> Result<(), IoError>;

    /// Makes everything sent so far and the positions durable, all or nothing, then the state. Tells how far partitions are
    /// written now; one that is left out is at least as far as was told before.
    fn commit(&mut self, cut: Cut) -> Result<Ends, IoError>;
}

/// Sees a record and its partition; says whether there is more to see.
pub type Visit<'a> = &'a mut dyn FnMut(u32, Fetched) -> ControlFlow<()>;

/// Sees a record, its topic and its partition.
pub type VisitNewest<'a> = &'a mut dyn FnMut(Topic, u32, Fetched);

/// Topics to read from and write to.
pub trait Transport: Send + Sync {
    /// Starts reading `inputs` as a member of a group; the first that has the flow's number of partitions decides the
    /// ownership of the others.
    fn subscribe(&self, inputs: &[Topic], owner: Arc<dyn Owner>) -> Result<Box<dyn Subscription>, IoError>;

    /// Shows what `topic` holds now, the records of each partition in their order, to nobody's account. What was written
    /// before `since` may be left out. Blocks.
    fn scan(&self, topic: Topic, since: Option<Millis>, visit: Visit<'_>) -> Result<(), IoError>;

    /// Shows about `count` of the newest records of each partition of `topics`, to nobody's account, and no more than can
    /// be had within a few seconds. Blocks.
    fn newest(&self, topics: &[Topic], count: i64, visit: VisitNewest<'_>) -> Result<(), IoError>;

    /// Shows what was committed to one partition of `topic` from the offset `from` on, up to what is there now. What is
    /// still open there is waited for. Blocks.
    fn tail(&self, topic: Topic, partition: u32, from: i64, visit: Visit<'_>) -> Result<(), IoError>;

    /// How far the group is in all partitions of these topics; those in which it has not begun are left out. Blocks.
    fn positions(&self, topics: &[Topic]) -> Result<Vec<Position>, IoError>;

    /// A writer for the outbox of worker `slot`. What is too large for the transport is replaced by `instead`.
    fn committer(&self, slot: usize, instead: Instead) -> Result<Box<dyn Committer>, IoError>;
}
