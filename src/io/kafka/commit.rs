//! Writing to Kafka: an idempotent producer for each worker's outbox, and commits of the group's positions after all
//! that they cover is acknowledged. At least once: a crash between the two repeats outputs and loses none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::KafkaConfig;
use super::consume::Consumer;
use crate::io::{Committer, Cut, IoError, Outgoing, Position, Rejected, Topics};

/// How long to sleep while the client's queue is full or drains. `poll` with a timeout spins in this client.
const NAP: Duration = Duration::from_micros(500);

/// Writes and commits for one worker.
pub(super) struct GroupCommitter {
    producer: BaseProducer<Deliveries>,
    consumer: Consumer,
    topics: Topics,
}

impl GroupCommitter {
    pub(super) fn new(config: &KafkaConfig, topics: Topics, consumer: Consumer) -> Result<Self, IoError> {
        let producer =
            config.producer().create_with_context(Deliveries::default()).map_err(IoError::Settings)?;
        Ok(Self { producer, consumer, topics })
    }

    /// The first delivery that failed since the last call.
    fn delivered(&self) -> Result<(), IoError> {
        match self.producer.context().take_failure() {
            Some(source) => Err(IoError::Write { what: "a record", source }),
            None => Ok(()),
        }
    }

    fn drain(&self) -> Result<(), IoError> {
        loop {
            // A flush without waiting cancels the linger of what is queued.
            let flushed = self.producer.flush(Duration::ZERO).is_ok();
            self.producer.poll(Duration::ZERO);
            self.delivered()?;
            if flushed || self.producer.in_flight_count() == 0 {
                return Ok(());
            }
            std::thread::sleep(NAP);
        }
    }

    fn commit_positions(&self, positions: &[Position]) -> Result<(), IoError> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        let write = |source| IoError::Write { what: "offsets", source };
        for position in positions {
            let mut element = list.add_partition(self.topics.name(position.topic), position.partition as i32);
            element.set_offset(Offset::Offset(position.offset)).map_err(write)?;
            element.set_metadata(&position.metadata);
        }
        match self.consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => Ok(()),
            Err(KafkaError::ConsumerCommit(code)) if gone(code) => {
                // Somebody else owns these partitions now and repeats from the last commit.
                tracing::warn!(%code, "a commit came too late");
                Ok(())
            }
            Err(error) => Err(write(error)),
        }
    }
}

impl Committer for GroupCommitter {
    fn send(&mut self, records: Vec<Outgoing>) -> Result<Vec<Rejected>, IoError> {
        let mut rejected = Vec::new();
        for record in records {
            let topic = self.topics.name(record.topic);
            loop {
                match self.producer.send(to_client(topic, &record)).map_err(|(error, _)| error) {
                    Ok(()) => break,
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                        self.producer.poll(Duration::ZERO);
                        self.delivered()?;
                        std::thread::sleep(NAP);
                    }
                    Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                        let error =
                            IoError::TooLarge { topic: topic.to_owned(), bytes: record.record.bytes() };
                        rejected.push(Rejected { record, error });
                        break;
                    }
                    Err(source) => return Err(IoError::Write { what: "a record", source }),
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        self.delivered()?;
        Ok(rejected)
    }

    fn commit(&mut self, cut: Cut) -> Result<(), IoError> {
        self.drain()?;
        if !cut.positions.is_empty() {
            self.commit_positions(&cut.positions)?;
        }
        if let Some(state) = cut.state {
            state.write()?;
        }
        Ok(())
    }
}

fn to_client<'a>(topic: &'a str, outgoing: &'a Outgoing) -> BaseRecord<'a, [u8], [u8]> {
    let record = &outgoing.record;
    let mut to = BaseRecord::to(topic).partition(outgoing.partition as i32).timestamp(record.time);
    to.key = record.key.as_deref();
    to.payload = record.value.as_deref();
    if !record.headers.0.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.0.len());
        to =
            to.headers(record.headers.0.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(&value[..]) })
            }));
    }
    to
}

/// Whether a commit failed because the partitions are no longer ours.
fn gone(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::AssignmentLost
    )
}

/// Keeps the first delivery that failed.
#[derive(Default)]
struct Deliveries {
    failure: Arc<Mutex<Option<KafkaError>>>,
}

impl Deliveries {
    fn take_failure(&self) -> Option<KafkaError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, area: &str, message: &str) {
        super::context::log(level, area, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): Self::DeliveryOpaque) {
        if let Err((error, _)) = result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.clone());
        }
    }
}
