//! The member of the group: subscribes the lead topic, and extends each assignment and revocation to what goes with the same
//! numbers of the other inputs. One thread polls; records never pass through it, each partition has a queue of its own.
//!
//! Subscribing several topics with cooperative-sticky was measured to co-assign none of twelve partitions; the lead
//! topic co-assigns all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::context::{GroupContext, Rebalance, siblings};
use super::positions::{self, POSITIONS_WITHIN};
use super::reader::QueueReader;
use super::topics::learn_leaders;
use crate::io::{IoError, Owner, Position, Reader, Readers, Start, Subscription, Topic, Topics};

/// The consumer of a group, shared by the polling thread, the readers and the committers.
pub(super) type Consumer = Arc<BaseConsumer<GroupContext>>;

/// How often the polling thread looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(200);

/// How long giving the partitions back may take at the end.
const LEAVE_WITHIN: u32 = 50;

/// The running subscription.
pub(super) struct Subscribed {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Subscribed {
    pub(super) fn start(
        consumer: Consumer,
        topics: Topics,
        inputs: Vec<Topic>,
        owner: Arc<dyn Owner>,
    ) -> Result<Self, IoError> {
        // One whose partitions are the numbers; by the dataflow alone, so that all members agree on it.
        let lead = inputs.iter().find(|input| !topics.is_free(**input));
        let lead = lead.map(|&lead| topics.name(lead)).ok_or(IoError::Stopped)?;
        consumer.subscribe(&[lead]).map_err(IoError::Read)?;
        let stop = Arc::new(AtomicBool::new(false));
        let member = Member { consumer, topics, inputs, owner, held: Vec::new() };
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("kafka-consumer".to_owned())
            .spawn(move || member.run(&stopped))
            .map_err(|_| IoError::Stopped)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Subscription for Subscribed {}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told by its message; there is nothing to add.
            let _ = thread.join();
        }
    }
}

struct Member {
    consumer: Consumer,
    topics: Topics,
    inputs: Vec<Topic>,
    owner: Arc<dyn Owner>,
    /// Numbers held now.
    held: Vec<u32>,
}

impl Member {
    fn run(mut self, stop: &AtomicBool) {
        // Meanwhile the group forms.
        learn_leaders(&self.consumer, &self.topics, &self.inputs);
        if let Err(error) = self.poll_until(|_| stop.load(Ordering::Acquire)) {
            self.owner.failed(error);
        }
        // Leaving asks for everything back; the group hears of it at once and does not wait for a timeout.
        self.consumer.unsubscribe();
        let mut looks = 0;
        let left = self.poll_until(|member| {
            looks += 1;
            member.held.is_empty() || looks > LEAVE_WITHIN
        });
        if let Err(error) = left {
            tracing::warn!(%error, "leaving the group");
        }
        self.consumer.context().close();
    }

    fn poll_until(&mut self, mut done: impl FnMut(&Self) -> bool) -> Result<(), IoError> {
        while !done(self) {
            match self.consumer.poll(LOOK) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Ok(message)) => {
                    // Queues are split before their partitions are assigned, so no record should come this way.
                    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
                    tracing::warn!(topic, partition, offset, "a record came past its partition's queue");
                    self.consumer
                        .seek(topic, partition, Offset::Offset(offset), POSITIONS_WITHIN)
                        .map_err(IoError::Read)?;
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(IoError::Read(error));
                }
                Some(Err(error)) => tracing::warn!(%error, "kafka consumer"),
            }
            while let Some(rebalance) = self.consumer.context().next_rebalance() {
                match rebalance {
                    Rebalance::Assigned(numbers) => self.assign(&numbers)?,
                    Rebalance::Revoked(numbers) => self.revoke(&numbers)?,
                }
            }
        }
        Ok(())
    }

    fn assign(&mut self, numbers: &[u32]) -> Result<(), IoError> {
        let mut list = siblings(&self.topics, &self.inputs, numbers);
        let committed = positions::committed(&self.consumer, &self.topics, &self.inputs, numbers)?;
        let mut opening = Vec::with_capacity(numbers.len());
        for &number in numbers {
            let places = self.topics.places(&self.inputs, &[number]);
            let find = |(topic, partition): (Topic, u32)| Position::find(&committed, topic, partition);
            let of_number = places.iter().filter_map(|place| find(*place).cloned());
            let starts = self.owner.assign(number, of_number.collect())?;
            let mut readers: Readers = Vec::with_capacity(places.len());
            for place @ (topic, partition) in places {
                let name = self.topics.name(topic);
                let offset = match starts.get(&place).copied().unwrap_or_else(|| Start::after(find(place))) {
                    Start::Earliest => Offset::Beginning,
                    Start::At(offset) => Offset::Offset(offset),
                };
                list.set_partition_offset(name, partition as i32, offset).map_err(IoError::Read)?;
                let queue = self.consumer.split_partition_queue(name, partition as i32);
                let queue = queue.ok_or(IoError::Stopped)?;
                let end = self.consumer.context().end(&self.topics, topic, partition);
                let reader: Box<dyn Reader> = Box::new(QueueReader::new(queue, end));
                readers.push((topic, partition, reader));
            }
            opening.push((number, readers));
        }
        self.consumer.incremental_assign(&list).map_err(IoError::Read)?;
        self.held.extend(numbers);
        // Only now: what a reader gives may be committed at once, and only what is assigned is.
        for (number, readers) in opening {
            self.owner.open(number, readers);
        }
        Ok(())
    }

    fn revoke(&mut self, numbers: &[u32]) -> Result<(), IoError> {
        self.owner.revoke(numbers);
        numbers.iter().for_each(|&number| self.consumer.context().give_up(number));
        let list = siblings(&self.topics, &self.inputs, numbers);
        self.consumer.incremental_unassign(&list).map_err(IoError::Read)?;
        self.held.retain(|held| !numbers.contains(held));
        Ok(())
    }
}
