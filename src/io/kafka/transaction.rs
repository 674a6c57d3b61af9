//! One transaction after another of one producer. What the open one holds is kept until it is committed: a transaction that
//! has to be aborted, because a broker died or took too long, is made again, and a record that the broker refuses is
//! replaced. Nobody who reads committed records sees any of that.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::io::{Ends, IoError, Limit, Outgoing, Topics};

/// How long to sleep while the client's queue is full or drains. `poll` with a timeout spins in this client.
const NAP: Duration = Duration::from_micros(500);
/// How long to sleep before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one call of the client may take; then it is made again.
const CALL: Duration = Duration::from_secs(10);
/// How long a producer may take to connect before it is told to go on.
const CONNECT: Duration = Duration::from_secs(1);
/// How long a call may take that the client does not end itself. Longer than a transaction lives on the broker: by then it
/// is lost anyway.
const HANGS: Duration = Duration::from_secs(45);
/// What becomes of it; the client itself gives no such error.
const HUNG: KafkaError = KafkaError::Global(RDKafkaErrorCode::OperationTimedOut);
/// How long a transaction may fail before that is a failure of the job.
const PATIENCE: Duration = Duration::from_secs(300);

/// The transactions of one worker.
pub(super) struct Transactions {
    producer: Arc<BaseProducer<Deliveries>>,
    topics: Topics,
    limit: Limit,
    /// The records of the open transaction, in their order.
    sent: Vec<Outgoing>,
    /// Where values are put together, one at a time.
    room: Vec<u8>,
    open: bool,
    /// Since when nothing could be committed; `None` while all is well.
    failing: Option<Instant>,
}

impl Transactions {
    /// The transactions of a producer with these settings. One that still has an open one under the same id is fenced off.
    pub(super) fn new(settings: &ClientConfig, topics: Topics, limit: Limit) -> Result<Self, IoError> {
        let producer: BaseProducer<Deliveries> =
            settings.create_with_context(Deliveries::default()).map_err(IoError::Settings)?;
        connect(&producer, &topics);
        let producer = Arc::new(producer);
        let made =
            Self { producer, topics, limit, sent: Vec::new(), room: Vec::new(), open: false, failing: None };
        made.insist(|| made.producer.init_transactions(CALL)).map_err(written)?;
        Ok(made)
    }

    /// Adds records to the open transaction.
    pub(super) fn add(&mut self, records: Vec<Outgoing>) -> Result<(), IoError> {
        self.begin()?;
        for record in records {
            self.sent.push(self.limit.fit(record)?);
            if let Err(trouble) = self.produce(self.sent.len() - 1) {
                self.again(trouble)?;
            }
        }
        self.producer.poll(Duration::ZERO);
        self.delivered().or_else(|trouble| self.again(trouble))
    }

    /// Commits the open transaction with `offsets` of the group that `group` tells; how far partitions are written now.
    pub(super) fn commit(
        &mut self,
        offsets: &TopicPartitionList,
        group: impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<Ends, IoError> {
        self.begin()?;
        while let Err(trouble) = self.try_commit(offsets, &group) {
            self.again(trouble)?;
        }
        let ends = self.ends();
        self.sent.clear();
        (self.open, self.failing) = (false, None);
        Ok(ends)
    }

    fn ends(&self) -> Ends {
        let mut ends = Ends::new();
        for (index, offset) in self.producer.context().take_offsets() {
            let Outgoing { topic, partition, .. } = self.sent[index];
            let end = ends.entry((topic, partition)).or_default();
            *end = (*end).max(offset + 1);
        }
        ends
    }

    fn begin(&mut self) -> Result<(), IoError> {
        if !self.open {
            self.producer.begin_transaction().map_err(written)?;
            self.open = true;
        }
        Ok(())
    }

    fn try_commit(
        &self,
        offsets: &TopicPartitionList,
        group: &impl Fn() -> Option<ConsumerGroupMetadata>,
    ) -> Result<(), Trouble> {
        self.drain()?;
        if offsets.count() > 0 {
            let Some(group) = group() else { return Err(Trouble::Fenced) };
            let group = Arc::new(group);
            self.insist(|| self.send_offsets(offsets.clone(), group.clone()))?;
        }
        Ok(self.insist(|| self.producer.commit_transaction(CALL))?)
    }

    /// Adds the group's offsets to the transaction. The client ignores its time limit when the group's coordinator is gone
    /// (librdkafka issues 5456 and 5511) and may never come back; then the process has to start again.
    fn send_offsets(
        &self,
        offsets: TopicPartitionList,
        group: Arc<ConsumerGroupMetadata>,
    ) -> KafkaResult<()> {
        let producer = self.producer.clone();
        within(HANGS, move || producer.send_offsets_to_transaction(&offsets, &group, CALL))
            .unwrap_or(Err(HUNG))
    }

    /// Waits until everything sent is acknowledged.
    fn drain(&self) -> Result<(), Trouble> {
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

    /// The first delivery that failed since the last call.
    fn delivered(&self) -> Result<(), Trouble> {
        self.producer.context().take_failure().map_or(Ok(()), Err)
    }

    fn produce(&mut self, index: usize) -> Result<(), Trouble> {
        let mut room = std::mem::take(&mut self.room);
        let done = self.hand_over(index, self.sent[index].value(&mut room));
        self.room = room;
        done
    }

    /// Gives the client a record and its value, which it copies.
    fn hand_over(&self, index: usize, value: Option<&[u8]>) -> Result<(), Trouble> {
        let outgoing = &self.sent[index];
        loop {
            let record = to_client(self.topics.name(outgoing.topic), outgoing, value, index);
            match self.producer.send(record).map_err(|(error, _)| error) {
                Ok(()) => return Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    self.producer.poll(Duration::ZERO);
                    self.delivered()?;
                    std::thread::sleep(NAP);
                }
                Err(error) => return Err(Trouble::of_record(index, error)),
            }
        }
    }

    /// Aborts the transaction and makes it again, for as long as that has a chance.
    fn again(&mut self, trouble: Trouble) -> Result<(), IoError> {
        let mut trouble = Some(trouble);
        while let Some(cause) = trouble.take() {
            match cause {
                Trouble::Refused(index) => self.replace(index)?,
                Trouble::Passing(error) => {
                    let since = *self.failing.get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE {
                        return Err(written(error));
                    }
                    tracing::warn!(%error, "a transaction is made again");
                    std::thread::sleep(PAUSE);
                }
                Trouble::Fenced => return Err(IoError::Fenced),
                Trouble::Lasting(error) => return Err(written(error)),
            }
            trouble = self.restart().err();
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Trouble> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(Duration::ZERO);
            std::thread::sleep(NAP);
        }
        // What was purged was to fail, and what was written is void.
        self.producer.context().take_failure();
        self.producer.context().take_offsets();
        self.insist(|| self.producer.abort_transaction(CALL))?;
        self.producer.begin_transaction()?;
        (0..self.sent.len()).try_for_each(|index| self.produce(index))
    }

    /// Replaces what made the broker refuse a record. It refuses batches, and tells of all records in one: the largest is
    /// the one that can be meant.
    fn replace(&mut self, index: usize) -> Result<(), IoError> {
        let Outgoing { topic, partition, .. } = self.sent[index];
        let batch = self.sent.iter_mut().filter(|sent| (sent.topic, sent.partition) == (topic, partition));
        if let Some(largest) = batch.max_by_key(|sent| sent.bytes()) {
            *largest = self.limit.refused(largest.clone())?;
        }
        Ok(())
    }

    /// Makes a call again while the client says that this is all it takes.
    fn insist(&self, call: impl Fn() -> KafkaResult<()>) -> KafkaResult<()> {
        let start = Instant::now();
        loop {
            match call() {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && start.elapsed() < PATIENCE => {
                    tracing::debug!(%error, "a call of a transaction is made again");
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}

/// Has a producer be connected to a broker that stays: one that is not waits for half a second before it looks for its
/// coordinator. So it also does if this fails.
fn connect(producer: &BaseProducer<Deliveries>, topics: &Topics) {
    let Some(topic) = topics.iter().next().map(|topic| topics.name(topic)) else { return };
    // The broker that answers first is left for those it tells of, of which a partition's leader is one.
    if let Err(error) = producer.client().fetch_watermarks(topic, 0, CONNECT) {
        tracing::debug!(%error, topic, "connecting a producer");
    }
}

/// What `call` gives; `None` if it takes longer than `limit`. Then its thread, and what it holds, is left to itself.
fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = sync_channel(1);
    let thread = std::thread::Builder::new().name("kafka-offsets".to_owned());
    // Nobody may wait for it any more.
    thread.spawn(move || drop(sender.send(call()))).ok()?;
    receiver.recv_timeout(limit).ok()
}

fn written(source: KafkaError) -> IoError {
    IoError::Write { what: "a transaction", source }
}

/// What can be wrong with a transaction.
#[derive(Debug)]
enum Trouble {
    /// The record of this number is larger than the topic takes.
    Refused(usize),
    /// The transaction has to be aborted; it may succeed when it is made again.
    Passing(KafkaError),
    /// The partitions, or the transactions of this id, are somebody else's now.
    Fenced,
    /// Nothing helps.
    Lasting(KafkaError),
}

impl Trouble {
    fn of_record(index: usize, error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Self::Refused(index),
            _ => error.into(),
        }
    }
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        let fatal = match &error {
            KafkaError::Transaction(error) => error.is_fatal(),
            _ => false,
        };
        match error.rdkafka_error_code() {
            Some(
                // A generation that has passed is not among them: the group may only be dividing the partitions anew.
                // Whether these are still our own is looked at before the next attempt.
                RDKafkaErrorCode::FencedInstanceId
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::InvalidProducerEpoch
                | RDKafkaErrorCode::AssignmentLost,
            ) => Self::Fenced,
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition,
            ) => Self::Lasting(error),
            // A client that hangs takes no further calls.
            _ if fatal || error == HUNG => Self::Lasting(error),
            _ => Self::Passing(error),
        }
    }
}

/// Keeps the first delivery that failed, and the offsets of the others.
#[derive(Default)]
struct Deliveries {
    failure: Mutex<Option<Trouble>>,
    offsets: Mutex<Vec<(usize, i64)>>,
}

impl Deliveries {
    fn take_failure(&self) -> Option<Trouble> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Number and offset of each record that was delivered since the last call.
    fn take_offsets(&self) -> Vec<(usize, i64)> {
        std::mem::take(&mut self.offsets.lock().unwrap_or_else(PoisonError::into_inner))
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
    /// The number of the record in its transaction.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Ok(message) => {
                let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
                offsets.push((index, message.offset()));
            }
            Err((error, _)) => {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| Trouble::of_record(index, error.clone()));
            }
        }
    }
}

fn to_client<'a>(
    topic: &'a str,
    outgoing: &'a Outgoing,
    value: Option<&'a [u8]>,
    index: usize,
) -> BaseRecord<'a, [u8], [u8], usize> {
    let record = &outgoing.record;
    let mut to =
        BaseRecord::with_opaque_to(topic, index).partition(outgoing.partition as i32).timestamp(record.time);
    to.key = record.key.as_deref();
    to.payload = value;
    if !record.headers.0.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.0.len());
        to =
            to.headers(record.headers.0.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(&value[..]) })
            }));
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_never_comes_back_holds_nobody_up() {
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
        let (never, waits) = sync_channel::<()>(1);
        assert_eq!(within(Duration::from_millis(1), move || waits.recv().is_ok()), None);
        assert!(matches!(Trouble::from(HUNG), Trouble::Lasting(_)), "the job ends, to be started again");
        drop(never);
    }
}
