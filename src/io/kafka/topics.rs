//! Topics on the broker: whether they are there as the flow needs them, and making them.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::KafkaConfig;
use super::context::LogContext;
use crate::io::{IoError, Topic, Topics};

/// How long a broker may take to answer at start.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How topics are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// Copies of each partition.
    pub replication: i32,
    /// How long records are kept.
    pub retention: Duration,
    /// The largest record, in bytes.
    pub max_record: u64,
}

/// Checks that the broker answers and has all topics, with the right number of partitions where they may have no other;
/// the table with the numbers that they have.
pub(super) fn counted(config: &KafkaConfig, topics: Topics) -> Result<Topics, IoError> {
    let found = Broker::connect(config)?.metadata()?;
    let partitions_of = |name: &str| {
        let topic = found.topics().iter().find(|known| known.name() == name)?;
        Some(topic.partitions().len() as u32).filter(|count| *count > 0)
    };
    let names = || topics.iter().map(|topic| topics.name(topic));
    let missing: Vec<String> =
        names().filter(|name| partitions_of(name).is_none()).map(str::to_owned).collect();
    if !missing.is_empty() {
        return Err(IoError::Missing(missing));
    }
    let expected = topics.partitions();
    let bound = topics.iter().filter(|topic| !topics.is_free(*topic)).map(|topic| topics.name(topic));
    let wrong: Vec<String> = bound
        .filter_map(|name| Some((name, partitions_of(name)?)))
        .filter(|(_, count)| *count != expected)
        .map(|(name, count)| format!("{name} has {count}, not {expected}"))
        .collect();
    if wrong.is_empty() { Ok(topics.counted(partitions_of)) } else { Err(IoError::Partitions(wrong)) }
}

/// Has a client know who leads the partitions of topics. One that is assigned partitions without knowing it waits for half a
/// second before it asks where they begin or end; so it also does if this fails.
pub(super) fn learn_leaders<C: ConsumerContext>(consumer: &BaseConsumer<C>, topics: &Topics, of: &[Topic]) {
    for topic in of {
        let topic = topics.name(*topic);
        if let Err(error) = consumer.fetch_metadata(Some(topic), ANSWER_WITHIN) {
            tracing::warn!(%error, topic, "asking who leads the partitions");
            break;
        }
    }
}

/// How often the brokers are asked whether new topics can be used.
const LOOK: Duration = Duration::from_millis(50);

/// Creates the topics of `topics` that do not exist, and waits until they can be used; gives the names of those it
/// created.
pub async fn create_topics(
    config: &KafkaConfig,
    topics: &Topics,
    settings: &TopicSettings,
) -> Result<Vec<String>, IoError> {
    // Asking first turns an unreachable broker into its own error.
    let broker = Broker::connect(config)?;
    broker.metadata()?;
    let client = config.with_properties(config.client());
    let admin: AdminClient<LogContext> = client.create_with_context(LogContext).map_err(IoError::Settings)?;
    let (retention, max_record) =
        (settings.retention.as_millis().to_string(), settings.max_record.to_string());
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| {
            let replication = TopicReplication::Fixed(settings.replication);
            NewTopic::new(topics.name(topic), topics.partitions() as i32, replication)
                .set("retention.ms", &retention)
                .set("max.message.bytes", &max_record)
        })
        .collect();
    let options =
        AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN)).request_timeout(Some(ANSWER_WITHIN));
    let results = admin.create_topics(&new, &options).await;
    let results = results.map_err(|source| IoError::Write { what: "new topics", source })?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(topic) => created.push(topic),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(IoError::Create { topic, why: code.to_string() }),
        }
    }
    let deadline = tokio::time::Instant::now() + ANSWER_WITHIN;
    loop {
        let known = broker.metadata()?;
        let usable =
            |name: &String| known.topics().iter().any(|topic| topic.name() == name && has_leaders(topic));
        match created.iter().find(|name| !usable(name)) {
            None => return Ok(created),
            Some(topic) if tokio::time::Instant::now() > deadline => {
                let why = "it was created, but no broker shows it yet".to_owned();
                return Err(IoError::Create { topic: topic.clone(), why });
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Whether every partition has a leader, and there are any.
fn has_leaders(topic: &MetadataTopic) -> bool {
    let partitions = topic.partitions();
    !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0)
}

/// A client that only asks what is there.
struct Broker {
    client: BaseConsumer<LogContext>,
    servers: String,
}

impl Broker {
    fn connect(config: &KafkaConfig) -> Result<Self, IoError> {
        let client = config.with_properties(config.client());
        let client = client.create_with_context(LogContext).map_err(IoError::Settings)?;
        Ok(Self { client, servers: config.bootstrap_servers.clone() })
    }

    fn metadata(&self) -> Result<Metadata, IoError> {
        let unreachable = |source| IoError::Unreachable { servers: self.servers.clone(), source };
        self.client.fetch_metadata(None, ANSWER_WITHIN).map_err(unreachable)
    }
}
