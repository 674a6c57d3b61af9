//! Reads what a topic holds now, without being a member of a group: for commands, for a glance before the flow starts, and
//! for a join that starts again.

use std::ops::{ControlFlow, Deref};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::KafkaConfig;
use super::context::LogContext;
use super::positions::{POSITIONS_WITHIN, ask};
use super::reader::copy;
use super::topics::learn_leaders;
use crate::clock::Millis;
use crate::io::{IoError, Topic, Topics, Visit, VisitNewest};

/// How long the broker may be silent before the end of every partition.
const SILENCE: Duration = Duration::from_secs(30);

/// How long to wait before an open transaction is looked at again.
const PAUSE: Duration = Duration::from_millis(100);

/// A partition has no leader just now, or another than the client knows.
const LEADER_AWAY: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::LeaderNotAvailable,
    RDKafkaErrorCode::NotLeaderForPartition,
];

/// How long one look for a record takes at most.
const LOOK: Duration = Duration::from_millis(500);

/// How often a consumer is asked whether it is closed.
const CLOSED: Duration = Duration::from_millis(1);

/// How long a look at the newest records takes at most: what is not seen by then is not looked at.
const GLANCE: Duration = Duration::from_secs(5);

/// Shows the committed records of a topic, from `since` on; of transactions that are open, nothing.
pub(super) fn scan(
    config: &KafkaConfig,
    topics: &Topics,
    topic: Topic,
    since: Option<Millis>,
    visit: Visit<'_>,
) -> Result<(), IoError> {
    let consumer = Scanner::new(config, "read_committed", topics.partitions_of(topic) as usize)?;
    let name = topics.name(topic);
    let mut list = TopicPartitionList::new();
    for partition in 0..topics.partitions_of(topic) {
        list.add_partition_offset(name, partition as i32, Offset::Beginning).map_err(IoError::Read)?;
    }
    if let Some(since) = since {
        // Asked for by its time, an offset is that of the first record that is not older; past all of them, the end.
        list.set_all_offsets(Offset::Offset(since)).map_err(IoError::Read)?;
        list = consumer.offsets_for_times(list, SILENCE).map_err(IoError::Read)?;
    }
    read(&consumer, name, &list, visit)
}

/// Shows the committed records of a partition, from an offset on. A transaction that a killed process left open hides what
/// others committed behind it, until the broker ends it; that is waited for.
pub(super) fn tail(
    config: &KafkaConfig,
    topics: &Topics,
    topic: Topic,
    partition: u32,
    from: i64,
    visit: Visit<'_>,
) -> Result<(), IoError> {
    let (consumer, name) = (Scanner::new(config, "read_committed", 1)?, topics.name(topic));
    let started = Instant::now();
    let end = |consumer: &Scanner| {
        let marks = || consumer.fetch_watermarks(name, partition as i32, SILENCE);
        ask(started, &LEADER_AWAY, marks).map(|(_, end)| end)
    };
    let now = end(&Scanner::new(config, "read_uncommitted", 1)?)?;
    // What is committed ends where a transaction is open.
    while end(&consumer)? < now {
        if started.elapsed() > POSITIONS_WITHIN {
            let open = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
            return Err(IoError::Read(open));
        }
        std::thread::sleep(PAUSE);
    }
    let mut list = TopicPartitionList::with_capacity(1);
    let place = list.add_partition_offset(name, partition as i32, Offset::Offset(from));
    place.map_err(IoError::Read)?;
    if from < now { read(&consumer, name, &list, visit) } else { Ok(()) }
}

/// A consumer that is a member of no group.
struct Scanner(BaseConsumer<LogContext>);

impl Scanner {
    fn new(config: &KafkaConfig, isolation: &str, partitions: usize) -> Result<Self, IoError> {
        // The client wants the name of a group for any consumer; nothing is ever committed under it.
        let mut settings = config.consumer("domainflow-scan", partitions);
        settings.set("isolation.level", isolation);
        // The end of a partition is told when there was nothing behind it for so long.
        settings.set("fetch.wait.max.ms", "5");
        settings.create_with_context(LogContext).map(Self).map_err(IoError::Settings)
    }
}

impl Deref for Scanner {
    type Target = BaseConsumer<LogContext>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        // Left to itself, a consumer looks every tenth of a second whether it is closed. It does so after this as well, so an
        // error has its place there.
        let closing = Instant::now();
        if self.0.close_queue().is_ok() {
            while !self.0.closed() && closing.elapsed() < LOOK {
                self.0.poll(CLOSED);
            }
        }
    }
}

/// Shows the partitions of `list`, each from its offset to its end.
fn read(consumer: &Scanner, name: &str, list: &TopicPartitionList, visit: Visit<'_>) -> Result<(), IoError> {
    consumer.assign(list).map_err(IoError::Read)?;
    let (mut open, mut heard) = (list.count(), Instant::now());
    while open > 0 {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                if let ControlFlow::Break(()) = visit(message.partition() as u32, copy(&message)) {
                    return Ok(());
                }
            }
            // Each partition tells its end once, unless records come in behind it.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                consumer.incremental_unassign(&one(name, partition)).map_err(IoError::Read)?;
                open -= 1;
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(IoError::Read(error)),
            Some(Err(error)) => tracing::warn!(%error, "reading a topic"),
            None if heard.elapsed() > SILENCE => {
                let silence = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                return Err(IoError::Read(silence));
            }
            None => continue,
        }
        heard = Instant::now();
    }
    Ok(())
}

/// Shows the last `last` records of each partition of several topics, or what can be had of them soon. The ends of
/// transactions count as records.
pub(super) fn newest(
    config: &KafkaConfig,
    topics: &Topics,
    of: &[Topic],
    last: i64,
    visit: VisitNewest<'_>,
) -> Result<(), IoError> {
    let mut list = TopicPartitionList::new();
    for &topic in of {
        for partition in 0..topics.partitions_of(topic) {
            let (name, tail) = (topics.name(topic), Offset::OffsetTail(last));
            list.add_partition_offset(name, partition as i32, tail).map_err(IoError::Read)?;
        }
    }
    let mut open = list.count();
    let consumer = Scanner::new(config, "read_committed", open)?;
    learn_leaders(&consumer, topics, of);
    consumer.assign(&list).map_err(IoError::Read)?;
    let deadline = Instant::now() + GLANCE;
    while open > 0 && Instant::now() < deadline {
        match consumer.poll(LOOK) {
            Some(Ok(message)) => {
                if let Some(topic) = topics.find(message.topic()) {
                    visit(topic, message.partition() as u32, copy(&message));
                }
            }
            // A partition that grows may tell its end more than once; then another is not seen to its end.
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(IoError::Read(error)),
            Some(Err(error)) => tracing::warn!(%error, "reading the newest records"),
            None => {}
        }
    }
    Ok(())
}

fn one(name: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(name, partition);
    list
}
