//! Topics of a real Kafka, through librdkafka.
//!
//! Decides the client settings that the guarantees rest on; everything else can be set in `[kafka.properties]`. Next:
//! `consume.rs` (group and assignment), `commit.rs` (producer and commits), `positions.rs` (what is committed), `topics.rs` (checks, creation).

mod commit;
mod consume;
mod context;
mod positions;
mod reader;
mod scan;
mod topics;
mod transaction;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use self::commit::GroupCommitter;
use self::consume::{Consumer, Subscribed};
use self::context::GroupContext;
use super::{
    Committer, Instead, IoError, Limit, Owner, Position, Subscription, Topic, Topics, Transport, Visit,
    VisitNewest,
};
use crate::clock::Millis;

pub(super) use positions::VERSION as POSITIONS_VERSION;
pub use topics::{TopicSettings, create_topics};

/// Section `kafka`: where the brokers are, and how to talk to them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Brokers as `host:port,host:port`; empty: the embedded transport.
    pub bootstrap_servers: String,
    /// Consumer group; empty: `domainflow-` and the name of the dataflow.
    pub group_id: String,
    /// Settings passed to librdkafka as they are: TLS, SASL, limits.
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The settings every client shares.
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap_servers).set("client.id", "domainflow");
        client
    }

    fn with_properties(&self, mut client: ClientConfig) -> ClientConfig {
        for (name, value) in &self.properties {
            client.set(name, value);
        }
        client
    }

    /// The settings of a consumer that reads `queues` partitions at most.
    fn consumer(&self, group: &str, queues: usize) -> ClientConfig {
        // Partition queues are apart, so librdkafka's limits hold for each of them. What is fetched counts packed, what waits
        // in a queue unpacked.
        let fetch = (READ_AHEAD / queues.max(1)).clamp(*FETCH.start(), *FETCH.end());
        let wait = (queues * 1000 / ASKED).clamp(*WAIT.start(), *WAIT.end());
        let mut client = self.client();
        client
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A group without offsets starts at the first record: what was asked before it existed counts as well.
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("session.timeout.ms", "10000")
            .set("queued.max.messages.kbytes", ((2 * fetch).max(QUEUE) / 1024).to_string())
            .set("fetch.message.max.bytes", fetch.to_string())
            // How long a partition with a full queue is left out: with less, most requests fetch of one partition only.
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.wait.max.ms", wait.to_string())
            .set("statistics.interval.ms", "5000");
        self.with_properties(client)
    }

    fn producer(&self, id: &str, max_record: usize) -> ClientConfig {
        let mut client = self.client();
        client
            .set("transactional.id", id)
            // What a killed process leaves open holds readers back for so long, unless it starts again before.
            .set("transaction.timeout.ms", "30000")
            .set("partitioner", "murmur2_random")
            .set("compression.type", "lz4")
            // A cut sends what lingers; until then larger requests cost everybody less.
            .set("linger.ms", "20")
            .set("retry.backoff.ms", "5")
            .set("queue.buffering.max.kbytes", "16384")
            // Of batches as well as of records.
            .set("message.max.bytes", max_record.to_string());
        self.with_properties(client)
    }
}

/// Packed bytes that are fetched at once, of all partitions together (`benches/README.md` has what more or less costs).
const READ_AHEAD: usize = 7 << 20;

/// Where a queue holds so many bytes and two fetches, no more is fetched. Producers may write a few records at once, of which a
/// fetch then holds one batch; with 64 kB the workers waited for the next.
const QUEUE: usize = 256 << 10;

/// What is fetched of one partition, in bytes. A batch that is larger comes alone.
const FETCH: RangeInclusive<usize> = (32 << 10)..=(512 << 10);

/// Partitions a second that brokers are asked for while nothing comes (about 20 us each).
const ASKED: usize = 4000;

/// How long a broker may wait for a first record, in ms. It is asked once at a time: when all queues that have something to
/// come are full, those that are at their end are asked for alone, and until the answer the full ones may run empty.
const WAIT: RangeInclusive<usize> = 10..=100;

/// The Kafka transport, for one group.
pub struct Kafka {
    config: KafkaConfig,
    topics: Topics,
    consumer: Consumer,
    writer: String,
    max_record: usize,
}

impl Kafka {
    /// Connects, and checks that the topics of `topics` exist, with the flow's number of partitions where they may have no
    /// other. `writer` begins the names of the transactions: one that no other process has, and the same after a restart.
    /// Records of more than `max_record` bytes are not written.
    pub fn connect(
        config: KafkaConfig,
        group: &str,
        topics: Topics,
        writer: String,
        max_record: usize,
    ) -> Result<Self, IoError> {
        let topics = self::topics::counted(&config, topics)?;
        let queues = topics.iter().map(|topic| topics.partitions_of(topic) as usize).sum();
        let consumer = config
            .consumer(group, queues)
            .create_with_context(GroupContext::new(topics.clone()))
            .map_err(IoError::Settings)?;
        Ok(Self { config, topics, consumer: Arc::new(consumer), writer, max_record })
    }

    /// The topics, with the numbers of partitions that they have.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }
}

impl Transport for Kafka {
    fn subscribe(&self, inputs: &[Topic], owner: Arc<dyn Owner>) -> Result<Box<dyn Subscription>, IoError> {
        let subscribed =
            Subscribed::start(self.consumer.clone(), self.topics.clone(), inputs.to_vec(), owner)?;
        Ok(Box::new(subscribed))
    }

    fn scan(&self, topic: Topic, since: Option<Millis>, visit: Visit<'_>) -> Result<(), IoError> {
        scan::scan(&self.config, &self.topics, topic, since, visit)
    }

    fn newest(&self, topics: &[Topic], count: i64, visit: VisitNewest<'_>) -> Result<(), IoError> {
        scan::newest(&self.config, &self.topics, topics, count, visit)
    }

    fn tail(&self, topic: Topic, partition: u32, from: i64, visit: Visit<'_>) -> Result<(), IoError> {
        scan::tail(&self.config, &self.topics, topic, partition, from, visit)
    }

    fn positions(&self, topics: &[Topic]) -> Result<Vec<Position>, IoError> {
        let numbers: Vec<u32> = (0..self.topics.partitions()).collect();
        positions::committed(&self.consumer, &self.topics, topics, &numbers)
    }

    fn committer(&self, slot: usize, instead: Instead) -> Result<Box<dyn Committer>, IoError> {
        let id = format!("{}-{slot}", self.writer);
        let (topics, consumer) = (self.topics.clone(), self.consumer.clone());
        let limit = Limit::new(self.max_record, topics.clone(), instead);
        let producer = self.config.producer(&id, self.max_record);
        Ok(Box::new(GroupCommitter::new(&producer, topics, consumer, limit)?))
    }
}
