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
        let partitions: Vec<u32> = (0..self.log.topics().partitions()).collect();
        for &partition in &partitions {
            let committed = inputs
                .iter()
                .map(|&topic| self.log.position(&self.group, topic, partition))
                .collect::<Result<Vec<_>, _>>()?;
            let starts = owner.assign(partition, committed)?;
            let readers = inputs.iter().zip(starts).map(|(&topic, start)| {
                let start = match start {
                    Start::Earliest => 0,
                    Start::At(offset) => offset,
                };
                let reader = PartitionReader::new(self.log.clone(), topic, partition, start);
                (topic, Box::new(reader) as Box<dyn Reader>)
            });
            owner.open(partition, readers.collect());
        }
        Ok(Box::new(Subscribed { owner, partitions }))
    }

    fn scan(&self, topic: Topic, _since: Option<Millis>, visit: Visit<'_>) -> Result<(), IoError> {
        for partition in 0..self.log.topics().partitions() {
            if self.show(topic, partition, 0, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn newest(&self, topics: &[Topic], count: i64, visit: VisitNewest<'_>) -> Result<(), IoError> {
        for &topic in topics {
            for partition in 0..self.log.topics().partitions() {
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
        let partitions = 0..self.log.topics().partitions();
        let each = topics.iter().flat_map(|&topic| partitions.clone().map(move |number| (topic, number)));
        each.filter_map(|(topic, number)| self.log.position(&self.group, topic, number).transpose()).collect()
    }

    fn committer(&self, _slot: usize, instead: Instead) -> Result<Box<dyn Committer>, IoError> {
        let (log, group) = (self.log.clone(), self.group.clone());
        let limit = Limit::new(self.max_record, log.topics().clone(), instead);
        Ok(Box::new(BatchCommitter { log, group, limit, outputs: Vec::new() }))
    }
}

struct Subscribed {
    owner: Arc<dyn Owner>,
    partitions: Vec<u32>,
}

impl Subscription for Subscribed {}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.owner.revoke(&self.partitions);
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
