//! One result topic of one partition: the record in front of it, and how far it is behind its group. What is taken next is
//! decided in `../feed.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use crate::clock::Millis;
use crate::codec::{DecodeError, Part, PartReader, Reading};
use crate::engine::Bell;
use crate::engine::align::Head;
use crate::io::{Fetched, IoError, Polled, Reader};
use crate::telemetry::PartitionMeter;

/// An input of a partition.
pub struct Input {
    /// Where it is read.
    pub reader: Box<dyn Reader>,
    /// The offset before which everything was emitted.
    pub live_from: i64,
    /// The offset that is read next.
    pub next: i64,
    /// The record in front.
    pub front: Front,
    /// Tells when there may be something behind an end.
    pub rung: Rung,
    /// What is shown.
    pub meter: Arc<PartitionMeter>,
}

/// A record that can be taken in.
#[derive(Clone)]
pub struct Ready {
    /// The record.
    pub fetched: Fetched,
    /// What was read of it.
    pub part: Result<Part, DecodeError>,
}

/// What of an input is read, and not taken in yet.
pub enum Front {
    /// A record and what was read of it.
    Ready(Box<Ready>),
    /// Its schema is being learned; the flag says when it is.
    Learning(Box<Fetched>, Arc<AtomicBool>),
    /// Nothing, as far as is known.
    Empty {
        /// Time of the record before.
        last: Option<Millis>,
        /// Since when.
        since: Millis,
    },
    /// The partition is read to its end.
    End,
}

/// Tells that an input may have something, and its partition with it: of many partitions only those are looked at.
#[derive(Clone)]
pub struct Rung {
    /// The input may have something: it rang, or had something when it was looked at last.
    pub input: Arc<AtomicBool>,
    /// One of the inputs of the partition may.
    pub partition: Arc<AtomicBool>,
    /// Wakes the source.
    pub bell: Bell,
}

impl Rung {
    /// Called by whoever brings something.
    pub fn ring(&self) {
        self.input.store(true, Ordering::Release);
        self.partition.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl Input {
    /// What comes next, unless nothing came since there was nothing.
    pub fn poll(&mut self) -> Option<Result<Polled, IoError>> {
        // Before the look: what comes during it is told again.
        if !self.rung.input.swap(false, Ordering::AcqRel) {
            return None;
        }
        let polled = self.reader.poll();
        if matches!(polled, Ok(Polled::Record(_))) {
            self.rung.input.store(true, Ordering::Release);
        }
        Some(polled)
    }

    /// Whether a muted input has come to where its group was. Control records leave gaps, so the end counts as well.
    pub fn caught_up(&self) -> bool {
        self.next >= self.live_from
            || match &self.front {
                Front::Ready(ready) => ready.fetched.offset >= self.live_from,
                Front::Learning(fetched, _) => fetched.offset >= self.live_from,
                Front::Empty { .. } => false,
                Front::End => true,
            }
    }

    /// Shows how far a muted input is.
    pub fn show_again(&self, muted: bool) {
        let again = if muted { (self.live_from - self.next).max(0) } else { 0 };
        self.meter.again.store(again, Ordering::Relaxed);
    }

    /// What the order of reading goes by.
    pub fn head(&self, muted: bool) -> Head {
        if muted && self.caught_up() {
            // It waits for its siblings.
            return Head::End;
        }
        match &self.front {
            Front::Ready(ready) => Head::At(ready.fetched.record.time),
            Front::Learning(fetched, _) => Head::At(fetched.record.time),
            Front::Empty { last, since } => Head::Empty { last: *last, since: *since },
            Front::End => Head::End,
        }
    }
}

/// Reads a value; one whose schema is not known is learned in the background.
pub fn read(parts: &PartReader, fetched: Fetched, tokio: &Handle, rung: &Rung) -> Front {
    let part = match fetched.record.value.as_ref().filter(|value| !value.is_empty()) {
        None => Err(DecodeError::Missing),
        Some(value) => match parts.read(value) {
            Ok(Reading::Part(part)) => Ok(part),
            Err(error) => Err(error),
            Ok(Reading::Learn(id)) => {
                let (parts, rung) = (parts.clone(), rung.clone());
                let learned = Arc::new(AtomicBool::new(false));
                let done = learned.clone();
                tokio.spawn(async move {
                    parts.learn(id).await;
                    done.store(true, Ordering::Release);
                    rung.ring();
                });
                return Front::Learning(Box::new(fetched), learned);
            }
        },
    };
    Front::Ready(Box::new(Ready { fetched, part }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize};

    use super::*;
    use crate::clock::ManualClock;
    use crate::io::{RawRecord, Wake};
    use crate::telemetry::Meters;

    /// Has records until `left` is zero, and rings while it says that there are none, as a queue into which one just comes.
    struct Queue {
        left: Arc<AtomicUsize>,
        looks: Arc<AtomicUsize>,
        rings: Option<Rung>,
    }

    impl Reader for Queue {
        fn poll(&mut self) -> Result<Polled, IoError> {
            self.looks.fetch_add(1, Ordering::SeqCst);
            if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
            {
                return Ok(Polled::Record(Fetched { offset: 0, record: RawRecord::default() }));
            }
            if let Some(rung) = self.rings.take() {
                self.left.store(1, Ordering::SeqCst);
                rung.ring();
            }
            Ok(Polled::Empty)
        }

        fn wake_by(&mut self, _: Wake) {}

        fn end(&self) -> Arc<AtomicI64> {
            Arc::default()
        }
    }

    #[test]
    fn an_empty_queue_is_looked_at_again_when_it_rang_and_no_ring_is_lost() {
        timely::execute_directly(|worker| {
            let rung = Rung {
                input: Arc::new(AtomicBool::new(true)),
                partition: Arc::default(),
                bell: Bell::new(worker.sync_activator_for(vec![0])),
            };
            let (left, looks) = (Arc::new(AtomicUsize::new(2)), Arc::new(AtomicUsize::new(0)));
            let meters = Meters::new("f", [], Arc::new(ManualClock::at(1)));
            let queue = Queue { left: left.clone(), looks: looks.clone(), rings: Some(rung.clone()) };
            let mut input = Input {
                reader: Box::new(queue),
                live_from: 0,
                next: 0,
                front: Front::End,
                rung: rung.clone(),
                meter: meters.open_partition("t", 0, Arc::default()),
            };
            let mut polled = || match input.poll() {
                Some(Ok(Polled::Record(_))) => "record",
                Some(Ok(_)) => "nothing",
                Some(Err(_)) => "error",
                None => "not looked at",
            };
            // The third look meets nothing, while a record comes in; the ring brings it.
            let taken: Vec<_> = (0..7).map(|_| polled()).collect();
            let expected =
                ["record", "record", "nothing", "record", "nothing", "not looked at", "not looked at"];
            assert_eq!(taken, expected);
            assert!(rung.partition.load(Ordering::SeqCst), "its partition has a turn");
            left.store(1, Ordering::SeqCst);
            assert_eq!(polled(), "not looked at", "it has not rung");
            rung.ring();
            assert_eq!([polled(), polled(), polled()], ["record", "nothing", "not looked at"]);
            assert_eq!(looks.load(Ordering::SeqCst), 7);
        });
    }
}
