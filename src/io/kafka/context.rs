//! What librdkafka calls back: rebalances are queued for the consumer's thread, statistics tell the ends of partitions,
//! log lines go to our log.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::io::{Topic, Topics};
use crate::telemetry::READ_TO_END;

/// What to do about partitions that came in while the job runs.
const MORE: &str = "what is in the new ones is not read until the job is started again";

/// A change of the numbers that this member has: those of the partitions of the lead topic.
#[derive(Debug)]
pub(super) enum Rebalance {
    Assigned(Vec<u32>),
    Revoked(Vec<u32>),
}

/// The context of a group's consumer.
pub(super) struct GroupContext {
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// Nobody polls any more but the client itself as it closes, and it waits until all partitions are given back.
    closing: AtomicBool,
    /// How often each number was given up.
    given_up: Vec<AtomicU64>,
    ends: HashMap<String, Ends>,
}

/// The ends of the partitions of a topic.
struct Ends {
    known: Vec<Arc<AtomicI64>>,
    /// Whether it was told that there are more by now.
    more: AtomicBool,
}

impl GroupContext {
    pub(super) fn new(topics: Topics) -> Self {
        let ends_of = |topic| Ends {
            known: (0..topics.partitions_of(topic)).map(|_| Arc::new(AtomicI64::new(-1))).collect(),
            more: AtomicBool::new(false),
        };
        let ends = topics.iter().map(|topic| (topics.name(topic).to_owned(), ends_of(topic))).collect();
        let given_up = (0..topics.partitions()).map(|_| AtomicU64::new(0)).collect();
        Self { rebalances: Mutex::default(), closing: AtomicBool::new(false), given_up, ends }
    }

    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Notes that what goes with a number is nobody's work here any more.
    pub(super) fn give_up(&self, number: u32) {
        if let Some(times) = self.given_up.get(number as usize) {
            times.fetch_add(1, Ordering::AcqRel);
        }
    }

    pub(super) fn times_given_up(&self, number: u32) -> u64 {
        self.given_up.get(number as usize).map_or(0, |times| times.load(Ordering::Acquire))
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// The end of a partition as the last statistics told it; -1 before the first.
    pub(super) fn end(&self, topics: &Topics, topic: Topic, partition: u32) -> Arc<AtomicI64> {
        let of_topic = self.ends.get(topics.name(topic));
        of_topic.and_then(|ends| ends.known.get(partition as usize)).cloned().unwrap_or_default()
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, area: &str, message: &str) {
        log(level, area, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            let Some(ends) = self.ends.get(name) else { continue };
            for partition in topic.partitions.values() {
                // The client counts an "unassigned" partition -1 as well.
                let Ok(index) = usize::try_from(partition.partition) else { continue };
                let known = ends.known.get(index);
                if known.is_none() && !ends.more.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        topic = name,
                        hint = MORE,
                        "a topic has more partitions than at the start"
                    );
                }
                let last = if partition.ls_offset >= 0 { partition.ls_offset } else { partition.hi_offset };
                let read = partition.eof_offset >= last && partition.fetchq_cnt == 0;
                if let Some(end) = known
                    && last >= 0
                {
                    end.store(if read { READ_TO_END } else { last }, Ordering::Relaxed);
                }
            }
        }
    }
}

impl ConsumerContext for GroupContext {
    /// Runs inside of `poll`, where partition queues cannot be split: the thread that polls acts on it right after.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let numbers = partitions.elements().into_iter().map(|element| element.partition() as u32);
        // Partitions that came in after the start are not read.
        let numbers = numbers.filter(|number| (*number as usize) < self.given_up.len()).collect();
        let rebalance = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(numbers),
            _ => Rebalance::Revoked(numbers),
        };
        if self.closing.load(Ordering::Acquire) {
            if let Ok(held) = consumer.assignment()
                && let Err(error) = consumer.incremental_unassign(&held)
            {
                tracing::warn!(%error, "giving partitions back");
            }
            return;
        }
        tracing::debug!(?rebalance, lost = consumer.assignment_lost(), "rebalance");
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }
}

/// The context of clients that only ask or administrate.
pub(super) struct LogContext;

impl ConsumerContext for LogContext {}

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, area: &str, message: &str) {
        log(level, area, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        warn(&error, reason);
    }
}

fn warn(error: &KafkaError, reason: &str) {
    // The client tells the end of a partition here as well as to its reader.
    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
        tracing::warn!(%error, reason, "kafka client");
    }
}

pub(super) fn log(level: RDKafkaLogLevel, area: &str, message: &str) {
    match level {
        // A property of the consumer given to the producer as well is what `[kafka.properties]` means.
        _ if area == "CONFWARN" => {}
        // A broker that has just started is asked again until it knows; what lasts is an error of the call.
        _ if area == "GETPID" => tracing::debug!(area, "librdkafka: {message}"),
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(area, "librdkafka: {message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(area, "librdkafka: {message}"),
        RDKafkaLogLevel::Debug => tracing::debug!(area, "librdkafka: {message}"),
    }
}

/// A list of what goes with these numbers of all inputs, without offsets.
pub(super) fn siblings(topics: &Topics, inputs: &[Topic], numbers: &[u32]) -> TopicPartitionList {
    let places = topics.places(inputs, numbers);
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topics.name(topic), partition as i32).set_offset(Offset::Invalid).ok();
    }
    list
}
