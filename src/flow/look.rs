//! What the join knows of a name: asked of a running flow, or read from the rows of one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::timeout;

use super::assign::Assignments;
use super::join::{JoinRows, OpenName};
use super::run::{Flow, policy, topics};
use super::settings::FlowSettings;
use crate::io::partition_of;
use crate::spec::Plan;
use crate::state::{StateError, Store};

/// How long a worker may take to answer. It answers between two batches of records.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a running flow knows of a name.
#[derive(Debug, PartialEq)]
pub enum Looked {
    /// Its open runs, oldest first; none if it is joined, or never came.
    Open(Vec<OpenName>),
    /// Its partition is with another process, or the flow has no join.
    Elsewhere,
    /// The worker did not answer in time.
    NoAnswer,
}

/// Asks a running flow. Clones ask the same. A flow that has stopped is not kept, nor is its store.
#[derive(Clone)]
pub struct Lookout(Weak<Assignments>);

impl Flow {
    /// Tells what the join knows of a name, for as long as the flow runs.
    pub fn lookout(&self) -> Lookout {
        Lookout(Arc::downgrade(&self.assignments))
    }
}

impl Lookout {
    /// What the join knows of `name`.
    pub async fn look(&self, name: &str) -> Looked {
        let answer = self.0.upgrade().and_then(|flow| flow.look(name));
        let Some(answer) = answer else { return Looked::Elsewhere };
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(open)) => Looked::Open(open),
            Ok(Err(_)) | Err(_) => Looked::NoAnswer,
        }
    }
}

/// What the rows in `store` tell of `name`, as they were last written.
pub fn stored(
    store: Store,
    group: &str,
    plan: &Plan,
    partitions: u32,
    settings: &FlowSettings,
    name: &str,
) -> Result<Vec<OpenName>, StateError> {
    let Some(join) = &plan.join else { return Ok(Vec::new()) };
    let rows = JoinRows::new(store, group, topics(plan, partitions));
    let entries = rows.look(partition_of(name.as_bytes(), partitions), name.as_bytes())?;
    let policy = policy(join, settings);
    Ok(entries.iter().map(|entry| OpenName::of(entry, &policy)).collect())
}
