//! Reads one partition from its own librdkafka queue. A partition that is not polled is not fetched beyond its small
//! queue: that is the back-pressure.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
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
        let Self { queue, at_end, .. } = self;
        next(at_end, || Some(queue.poll(Duration::ZERO)?.map(|message| copy(&message))))
    }

    fn wake_by(&mut self, wake: Wake) {
        self.queue.set_nonempty_callback(wake);
    }

    fn end(&self) -> Arc<AtomicI64> {
        self.end.clone()
    }
}

/// The next record among the events of a queue. Says that there is none only when the queue is empty: it wakes nobody
/// while it holds something, so a record behind another event would stay there.
fn next(
    at_end: &mut bool,
    mut event: impl FnMut() -> Option<Result<Fetched, KafkaError>>,
) -> Result<Polled, IoError> {
    loop {
        match event() {
            Some(Ok(fetched)) => {
                *at_end = false;
                return Ok(Polled::Record(fetched));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => *at_end = true,
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(IoError::Read(error)),
            // The client goes on by itself: it tells of a lost leader and the like.
            Some(Err(error)) => tracing::warn!(%error, "reading a partition"),
            None if *at_end => return Ok(Polled::End),
            None => return Ok(Polled::Empty),
        }
    }
}

/// Copies a message out of the client's fetch buffer, which it would pin as a whole, into one piece of memory.
pub(super) fn copy(message: &BorrowedMessage<'_>) -> Fetched {
    let (key, value, headers) = (message.key(), message.payload(), message.headers());
    let headers = || headers.into_iter().flat_map(|headers| headers.iter());
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let in_headers: usize = headers().map(|header| length(header.value)).sum();
    let mut copy = BytesMut::with_capacity(length(key) + length(value) + in_headers);
    let mut take = |part: &[u8]| -> Bytes {
        copy.extend_from_slice(part);
        copy.split().freeze()
    };
    let (key, value) = (key.map(&mut take), value.map(&mut take));
    let headers = headers().map(|header| (header.key.to_owned(), take(header.value.unwrap_or_default())));
    let headers = Headers(headers.collect());
    Fetched {
        offset: message.offset(),
        record: RawRecord { key, value, headers, time: message.timestamp().to_millis().unwrap_or(0) },
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    /// Polls `events` until nothing is said to be there; the offsets that came, and the last word.
    fn polled(events: Vec<Result<i64, KafkaError>>) -> (Vec<i64>, Polled) {
        let mut events = events.into_iter();
        let (mut at_end, mut offsets) = (false, vec![]);
        loop {
            let polled = next(&mut at_end, || {
                Some(events.next()?.map(|offset| Fetched { offset, record: RawRecord::default() }))
            });
            match polled.unwrap() {
                Polled::Record(fetched) => offsets.push(fetched.offset),
                last => {
                    assert!(events.next().is_none(), "nothing would wake the reader for what is left");
                    return (offsets, last);
                }
            }
        }
    }

    #[test]
    fn a_record_behind_another_event_is_not_left_in_the_queue() {
        let lost_leader = KafkaError::MessageConsumption(RDKafkaErrorCode::NotLeaderForPartition);
        for event in [KafkaError::PartitionEOF(0), lost_leader] {
            let (offsets, last) = polled(vec![Ok(1), Err(event), Ok(2)]);
            assert_eq!(offsets, [1, 2]);
            assert!(matches!(last, Polled::Empty));
        }
        assert!(matches!(polled(vec![Ok(1), Err(KafkaError::PartitionEOF(0))]), (_, Polled::End)));
        assert!(matches!(polled(vec![Err(KafkaError::PartitionEOF(0))]), (_, Polled::End)));
    }
}
