//! What the join of a worker needs from outside: its rules, its topics, where rows and unreadable results go.

use std::sync::Arc;
use std::time::Duration;

use super::rows::JoinRows;
use crate::clock::SharedClock;
use crate::codec::{PartKind, Splicer};
use crate::flow::dead_letter::DeadLetters;
use crate::flow::placement::Placement;
use crate::io::Topic;
use crate::join::Policy;
use crate::telemetry::Meters;

/// What the join of a worker needs.
#[derive(Clone)]
pub struct JoinSetup {
    /// Name of the node.
    pub name: String,
    /// The rules.
    pub policy: Policy,
    /// The inputs: what they carry, and their topics.
    pub inputs: Vec<(PartKind, Topic)>,
    /// Tells of results of an input that are not in the partitions of their names.
    pub placements: Vec<Placement>,
    /// Topic of the joined records.
    pub to: Topic,
    /// Makes joined records.
    pub splicer: Splicer,
    /// The rows.
    pub rows: JoinRows,
    /// Time between two writes of open names.
    pub flush_interval: Duration,
    /// Memory for parts beyond which they are let go of.
    pub memory: usize,
    /// Open names beyond which no new ones are asked for.
    pub max_open: usize,
    /// Where unreadable results go.
    pub dead_letters: DeadLetters,
    /// What is shown.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
}
