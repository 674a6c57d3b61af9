//! Whether the results that a join reads are in the partitions of their names. Where they are not, a name's parts never
//! meet, and nothing else would say so: its records are incomplete and late. So a flow does not start on topics that look
//! like that, and tells where it meets one later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::join::subject;
use crate::codec::PartKind;
use crate::error::{Code, Coded, Exit, Failure};
use crate::io::{IoError, Position, Topic, Topics, Transport, partition_of};
use crate::spec::Plan;
use crate::telemetry::Meters;

/// Records of each partition that are looked at before the start.
const NEWEST: i64 = 16;

/// So many records with one that is elsewhere are taken for good: somebody has written a single one by hand. Producers
/// with another partitioner put all but one of a partition count elsewhere.
const STRAY: u32 = 10;

/// Longest text of a key that is shown.
const SHOWN: usize = 100;

/// A result that is not where its name belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    topic: String,
    key: String,
    found: u32,
    owner: u32,
}

impl Misplaced {
    /// What to say of a record of `topic` with this key in partition `found`, whose name belongs to `owner`.
    pub fn new(topic: &str, key: Option<&Bytes>, found: u32, owner: u32) -> Self {
        let key = String::from_utf8_lossy(key.map_or(&[], |key| &key[..])).chars().take(SHOWN).collect();
        Self { topic: topic.to_owned(), key, found, owner }
    }
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, key, found, owner } = self;
        write!(
            f,
            "results of {topic} are not in the partitions of their names: {key} is in partition {found}, \
             its name belongs to partition {owner}"
        )
    }
}

/// Results are in the wrong partitions.
#[derive(Debug, thiserror::Error)]
#[error("{example} ({elsewhere} of the {seen} newest results are elsewhere)")]
pub struct PlacementError {
    example: Misplaced,
    elsewhere: u32,
    seen: u32,
}

static PLACEMENT: Code = Code {
    name: "results-misplaced",
    exit: Exit::Config,
    about: "Results that a join shall read are not in the partitions of their names, so that a name's results would never meet: their producers use another partitioner than murmur2, or a key with more in it than the name.",
    hint: "add a node `{ repartition: TOPIC }` to the dataflow file and let the join read TOPIC_by_name; docs/reference/dataflow.md has an example",
};

/// All codes of this component.
pub static PLACEMENT_CODES: &[&Code] = &[&PLACEMENT];

/// What to do about it, for those who are told while the job runs.
const REMEDY: &str = PLACEMENT.hint;

impl Coded for PlacementError {
    fn code(&self) -> &'static Code {
        &PLACEMENT
    }
}

/// Watches one input of a running join.
#[derive(Clone)]
pub struct Placement {
    topic: Arc<str>,
    partitions: u32,
    misplaced: Arc<AtomicU64>,
}

impl Placement {
    /// Watches `topic`.
    pub fn new(topic: &str, partitions: u32, meters: &Meters) -> Self {
        Self { topic: topic.into(), partitions, misplaced: meters.join.misplaced.of(topic) }
    }

    /// Counts a result that is not in the partition of its name. The first one of a topic is told.
    pub fn see(&self, key: Option<&Bytes>, name: &[u8], found: u32) {
        let owner = partition_of(name, self.partitions);
        if owner != found && self.misplaced.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(hint = REMEDY, "{}", Misplaced::new(&self.topic, key, found, owner));
        }
    }
}

/// What was seen of a topic.
#[derive(Debug, Default)]
struct Seen {
    records: u32,
    elsewhere: u32,
    example: Option<Misplaced>,
}

/// Refuses a flow whose join would read results in the wrong partitions, by the newest that its group has not read. A few
/// of many are only told. The look begins with this call, on a thread of its own; what comes back waits for it.
pub fn check_placement(
    plan: &Plan,
    topics: &Topics,
    transport: Arc<dyn Transport>,
) -> impl Future<Output = Result<(), Failure>> + use<> {
    // What a way of the flow writes is in its place.
    let foreign = |topic: &str| plan.repartitions.iter().all(|way| way.to != topic);
    let inputs = plan.join.iter().flat_map(|join| &join.from).filter(|(_, topic)| foreign(topic));
    let inputs: BTreeMap<Topic, PartKind> =
        inputs.filter_map(|(kind, topic)| Some((topics.find(topic)?, *kind))).collect();
    let of = topics.clone();
    let looking = tokio::task::spawn_blocking(move || look(&inputs, &of, transport.as_ref()));
    async move {
        for seen in looking.await.map_err(|_| IoError::Stopped)??.into_values() {
            let Seen { records, elsewhere, example: Some(example) } = seen else { continue };
            if elsewhere * STRAY > records {
                return Err(PlacementError { example, elsewhere, seen: records }.into());
            }
            tracing::warn!(hint = REMEDY, "{example}");
        }
        Ok(())
    }
}

fn look(
    inputs: &BTreeMap<Topic, PartKind>,
    topics: &Topics,
    transport: &dyn Transport,
) -> Result<BTreeMap<Topic, Seen>, IoError> {
    let (mut seen, of) = (BTreeMap::<Topic, Seen>::new(), inputs.keys().copied().collect::<Vec<_>>());
    if of.is_empty() {
        return Ok(seen);
    }
    let positions = transport.positions(&of)?;
    transport.newest(&of, NEWEST, &mut |topic, partition, fetched| {
        let position = Position::find(&positions, topic, partition);
        let read = position.is_some_and(|position| fetched.offset < position.offset);
        let Some(kind) = inputs.get(&topic).filter(|_| !read) else { return };
        let key = fetched.record.key.as_ref();
        // What cannot be read becomes a dead letter, wherever it is.
        let Ok((name, _)) = subject(*kind, key) else { return };
        let (of_topic, owner) = (seen.entry(topic).or_default(), partition_of(&name, topics.partitions()));
        of_topic.records += 1;
        if owner != partition {
            of_topic.elsewhere += 1;
            let example = || Misplaced::new(topics.name(topic), key, partition, owner);
            of_topic.example.get_or_insert_with(example);
        }
    })?;
    Ok(seen)
}
