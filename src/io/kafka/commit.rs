//! Writing to Kafka: the outputs of a cut and the group's positions are one transaction, so that what was read has its
//! outputs exactly once for everybody who reads committed records. A member whose partitions were taken away cannot
//! commit: the broker checks its generation.

use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer as _;

use super::consume::Consumer;
use super::positions::to_commit;
use super::transaction::Transactions;
use crate::io::{Committer, Cut, Ends, IoError, Limit, Outgoing, Position, Topics};
use crate::state::Batch;

/// Writes and commits for one worker.
pub(super) struct GroupCommitter {
    transactions: Transactions,
    consumer: Consumer,
    topics: Topics,
    /// How often each number had been given up when what is to be committed next began to be sent.
    before: Option<Vec<u64>>,
}

impl GroupCommitter {
    pub(super) fn new(
        producer: &ClientConfig,
        topics: Topics,
        consumer: Consumer,
        limit: Limit,
    ) -> Result<Self, IoError> {
        let transactions = Transactions::new(producer, topics.clone(), limit)?;
        Ok(Self { transactions, consumer, topics, before: None })
    }

    fn begin(&mut self) {
        let times = |number| self.consumer.context().times_given_up(number);
        self.before.get_or_insert_with(|| (0..self.topics.partitions()).map(times).collect());
    }
}

impl Committer for GroupCommitter {
    fn send(&mut self, records: Vec<Outgoing>) -> Result<(), IoError> {
        self.begin();
        self.transactions.add(records)
    }

    fn commit(&mut self, cut: Cut) -> Result<Ends, IoError> {
        let offsets = to_commit(&self.topics, &cut.positions)
            .map_err(|source| IoError::Write { what: "offsets", source })?;
        self.begin();
        let Self { transactions, consumer, topics, before } = self;
        let before = before.take().unwrap_or_default();
        let ends = transactions.commit(&offsets, || {
            // Partitions that were away meanwhile may be further than these positions.
            let same = |position: &Position| {
                let number = topics.number(position.partition);
                before.get(number as usize) == Some(&consumer.context().times_given_up(number))
            };
            let same = cut.positions.iter().all(same);
            consumer.group_metadata().filter(|_| same && owns(consumer, topics, &cut.positions))
        })?;
        cut.state.map_or(Ok(()), Batch::write)?;
        Ok(ends)
    }
}

/// Whether the partitions of all positions are assigned to this member. The broker checks its generation, but not which
/// partitions are its own.
fn owns(consumer: &Consumer, topics: &Topics, positions: &[Position]) -> bool {
    let Ok(assigned) = consumer.assignment() else { return false };
    let is_assigned = |position: &Position| {
        assigned.find_partition(topics.name(position.topic), position.partition as i32).is_some()
    };
    !consumer.assignment_lost() && positions.iter().all(is_assigned)
}
