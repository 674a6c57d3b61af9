//! Topics on the broker: whether they are there as the flow needs them, and making them.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::KafkaConfig;
use super::context::LogContext;
use crate::io::{IoError, Topics};

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

/// Checks that the broker answers and has all topics with the right number of partitions.
pub(super) fn check(config: &KafkaConfig, topics: &Topics) -> Result<(), IoError> {
    let found = metadata(config)?;
    let partitions_of = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, count)| *count);
    let names = || topics.iter().map(|topic| topics.name(topic));
    let missing: Vec<String> =
        names().filter(|name| partitions_of(name).is_none()).map(str::to_owned).collect();
    if !missing.is_empty() {
        return Err(IoError::Missing(missing));
    }
    let expected = topics.partitions() as usize;
    let wrong: Vec<String> = names()
        .filter_map(|name| Some((name, partitions_of(name)?)))
        .filter(|(_, count)| *count != expected)
        .map(|(name, count)| format!("{name} has {count}, not {expected}"))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(IoError::Partitions(wrong)) }
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
    metadata(config)?;
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
        let known = metadata(config)?;
        let there = |name: &String| known.iter().any(|(topic, partitions)| topic == name && *partitions > 0);
        match created.iter().find(|name| !there(name)) {
            None => return Ok(created),
            Some(topic) if tokio::time::Instant::now() > deadline => {
                let why = "it was created, but no broker shows it yet".to_owned();
                return Err(IoError::Create { topic: topic.clone(), why });
            }
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The topics of the broker with their numbers of partitions that have a leader.
fn metadata(config: &KafkaConfig) -> Result<Vec<(String, usize)>, IoError> {
    let client = config.with_properties(config.client());
    let consumer: BaseConsumer<LogContext> =
        client.create_with_context(LogContext).map_err(IoError::Settings)?;
    let unreachable =
        |source: KafkaError| IoError::Unreachable { servers: config.bootstrap_servers.clone(), source };
    let client: &Client<LogContext> = consumer.client();
    let found: Metadata = client.fetch_metadata(None, ANSWER_WITHIN).map_err(unreachable)?;
    let led =
        |topic: &MetadataTopic| topic.partitions().iter().filter(|partition| partition.leader() >= 0).count();
    Ok(found.topics().iter().map(|topic| (topic.name().to_owned(), led(topic))).collect())
}
