//! Reads one partition of an embedded topic, a bounded piece at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::Log;
use crate::io::{Fetched, IoError, Polled, Reader, Topic, Wake};

/// Bytes read ahead of the worker, for each partition.
const PIECE: usize = 256 << 10;

/// A reader of one partition.
pub(super) struct PartitionReader {
    log: Log,
    topic: Topic,
    partition: u32,
    next: i64,
    ahead: VecDeque<Fetched>,
    /// Held so that the log knows whom to wake.
    wake: Option<Arc<Wake>>,
}

impl PartitionReader {
    pub(super) fn new(log: Log, topic: Topic, partition: u32, start: i64) -> Self {
        Self { log, topic, partition, next: start, ahead: VecDeque::new(), wake: None }
    }
}

impl Reader for PartitionReader {
    fn poll(&mut self) -> Result<Polled, IoError> {
        if self.ahead.is_empty() && self.next < self.log.end(self.topic, self.partition) {
            self.ahead = self.log.read(self.topic, self.partition, self.next, PIECE)?.into();
        }
        Ok(match self.ahead.pop_front() {
            Some(fetched) => {
                self.next = fetched.offset + 1;
                Polled::Record(fetched)
            }
            None => Polled::End,
        })
    }

    fn wake_by(&mut self, wake: Wake) {
        let wake = Arc::new(wake);
        self.log.watch(self.topic, self.partition, wake.clone());
        self.wake = Some(wake);
    }

    fn end(&self) -> Arc<AtomicI64> {
        self.log.end_cell(self.topic, self.partition)
    }
}
