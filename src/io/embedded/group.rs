//! Subscribing to embedded topics and committing to them: all partitions belong to the one process.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::Log;
use super::reader::PartitionReader;
use crate::clock::Millis;
use crate::io::{
    Committer, Cut, Ends, Instead, IoError, Limit, Outgoing, Owner, Position, Reader, Start, Subscription,
    Topic, Transport, Visit, VisitNewest,
};

/// Bytes of records that a scan holds at once.
const SCAN: usize = 1 << 20;

/// The embedded transport, for one group.
pub struct Embedded {
    log: Log,
    group: String,
    max_record: usize,
}

impl Embedded {
    /// The transport of `group` on the topics of `log`, which takes records of at most `max_record` bytes.
    pub fn new(log: Log, group: impl Into<String>, max_record: usize) -> Self {
        Self { log, group: group.into(), max_record }
    }

    /// The topics.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Where the group is in these partitions, where it has begun.
    fn committed(&self, places: &[(Topic, u32)]) -> Result<Vec<Position>, IoError> {
        let position = |&(topic, partition): &(Topic, u32)| self.log.position(&self.group, topic, partition);
        places.iter().filter_map(|place| position(place).transpose()).collect()
    }

    /// Shows one partition from an offset on.
    fn show(
        &self,
        topic: Topic,
        partition: u32,
        mut next: i64,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, IoError> {
        loop {
            let records = self.log.read(topic, partition, next, SCAN)?;
            let Some(last) = records.last() else { return Ok(ControlFlow::Continue(())) };
            next = last.offset + 1;
            for fetched in records {
                if visit(partition, fetched).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
}

impl Transport for Embedded {
    fn subscribe(&self, inputs: &[Topic], owner: Arc<dyn Owner>) -> Result<Box<dyn Subscription>, IoError> {
        let topics = self.log.topics();
        let numbers: Vec<u32> = (0..topics.partitions()).collect();
        for &number in &numbers {
            let places = topics.places(inputs, &[number]);
            let committed = self.committed(&places)?;
            let starts = owner.assign(number, committed.clone())?;
            let readers = places.into_iter().map(|(topic, partition)| {
                let group = || Start::after(Position::find(&committed, topic, partition));
                let start = starts.get(&(topic, partition)).copied().unwrap_or_else(group);
                let reader = PartitionReader::new(self.log.clone(), topic, partition, start.offset());
                (topic, partition, Box::new(reader) as Box<dyn Reader>)
            });
            owner.open(number, readers.collect());
        }
        Ok(Box::new(Subscribed { owner, numbers }))
    }

    fn scan(&self, topic: Topic, _since: Option<Millis>, visit: Visit<'_>) -> Result<(), IoError> {
        for partition in 0..self.log.topics().partitions_of(topic) {
            if self.show(topic, partition, 0, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn newest(&self, topics: &[Topic], count: i64, visit: VisitNewest<'_>) -> Result<(), IoError> {
        for &topic in topics {
            for partition in 0..self.log.topics().partitions_of(topic) {
                let from = (self.log.end(topic, partition) - count).max(0);
                for fetched in self.log.read(topic, partition, from, SCAN)? {
                    visit(topic, partition, fetched);
                }
            }
        }
        Ok(())
    }

    fn tail(&self, topic: Topic, partition: u32, from: i64, visit: Visit<'_>) -> Result<(), IoError> {
        self.show(topic, partition, from, visit).map(drop)
    }

    fn positions(&self, topics: &[Topic]) -> Result<Vec<Position>, IoError> {
        let numbers: Vec<u32> = (0..self.log.topics().partitions()).collect();
        self.committed(&self.log.topics().places(topics, &numbers))
    }

    fn committer(&self, _slot: usize, instead: Instead) -> Result<Box<dyn Committer>, IoError> {
        let (log, group) = (self.log.clone(), self.group.clone());
        let limit = Limit::new(self.max_record, log.topics().clone(), instead);
        Ok(Box::new(BatchCommitter { log, group, limit, outputs: Vec::new() }))
    }
}

struct Subscribed {
    owner: Arc<dyn Owner>,
    numbers: Vec<u32>,
}

impl Subscription for Subscribed {}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.owner.revoke(&self.numbers);
    }
}

/// Collects the outputs of a cut and writes them with it, in one batch.
struct BatchCommitter {
    log: Log,
    group: String,
    limit: Limit,
    outputs: Vec<Outgoing>,
}

impl Committer for BatchCommitter {
    fn send(&mut self, records: Vec<Outgoing>) -> Result<(), IoError> {
        for record in records {
            self.outputs.push(self.limit.fit(record)?);
        }
        Ok(())
    }

    fn commit(&mut self, cut: Cut) -> Result<Ends, IoError> {
        let mut batch = cut.state.unwrap_or_else(|| self.log.store().batch());
        for position in &cut.positions {
            self.log.put_position(&self.group, position, &mut batch);
        }
        let ends = self.log.append(&self.outputs, batch)?;
        self.outputs.clear();
        Ok(ends)
    }
}
