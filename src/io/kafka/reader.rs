//! Reads one partition from its own librdkafka queue. A partition that is not polled is not fetched beyond its small
//! queue: that is the back-pressure.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message};

use super::context::GroupContext;
use crate::io::{Fetched, Headers, IoError, Polled, RawRecord, Reader, Wake};

/// A reader of one partition.
pub(super) struct QueueReader {
    queue: PartitionQueue<GroupContext>,
    end: Arc<AtomicI64>,
    /// Whether the end was reported and nothing came since.
    at_end: bool,
}

impl QueueReader {
    pub(super) fn new(queue: PartitionQueue<GroupContext>, end: Arc<AtomicI64>) -> Self {
        Self { queue, end, at_end: false }
    }
}

impl Reader for QueueReader {
    fn poll(&mut self) -> Result<Polled, IoError> {
        match self.queue.poll(Duration::ZERO) {
            Some(Ok(message)) => {
                self.at_end = false;
                Ok(Polled::Record(copy(&message)))
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                self.at_end = true;
                Ok(Polled::End)
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => Err(IoError::Read(error)),
            Some(Err(error)) => {
                // The client goes on by itself: it tells of a lost leader and the like.
                tracing::warn!(%error, "reading a partition");
                Ok(Polled::Empty)
            }
            None if self.at_end => Ok(Polled::End),
            None => Ok(Polled::Empty),
        }
    }

    fn wake_by(&mut self, wake: Wake) {
        self.queue.set_nonempty_callback(wake);
    }

    fn end(&self) -> Option<i64> {
        Some(self.end.load(Ordering::Relaxed)).filter(|end| *end >= 0)
    }
}

/// Copies a message out of the client's fetch buffer, which it would pin as a whole, into one piece of memory.
fn copy(message: &BorrowedMessage<'_>) -> Fetched {
    let (key, value) = (message.key(), message.payload());
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let mut copy = BytesMut::with_capacity(length(key) + length(value));
    let mut take = |part: Option<&[u8]>| -> Option<Bytes> {
        let part = part?;
        copy.extend_from_slice(part);
        Some(copy.split().freeze())
    };
    let (key, value) = (take(key), take(value));
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), Bytes::copy_from_slice(header.value.unwrap_or_default())))
            .collect()
    });
    Fetched {
        offset: message.offset(),
        record: RawRecord {
            key,
            value,
            headers: Headers(headers.unwrap_or_default()),
            time: message.timestamp().to_millis().unwrap_or(0),
        },
    }
}
