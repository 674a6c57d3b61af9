//! One result topic of one partition: the record in front of it, and how far it is behind its group. What is taken next is
//! decided in `../feed.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Millis;
use crate::codec::{DecodeError, Part};
use crate::engine::align::Head;
use crate::io::{Fetched, Reader};
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
    /// What is shown.
    pub meter: Arc<PartitionMeter>,
}

/// What of an input is read, and not taken in yet.
pub enum Front {
    /// A record and what was read of it.
    Ready(Box<(Fetched, Result<Part, DecodeError>)>),
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

impl Input {
    /// Whether a muted input has come to where its group was. Control records leave gaps, so the end counts as well.
    pub fn caught_up(&self) -> bool {
        self.next >= self.live_from
            || match &self.front {
                Front::Ready(ready) => ready.0.offset >= self.live_from,
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
            Front::Ready(ready) => Head::At(ready.0.record.time),
            Front::Learning(fetched, _) => Head::At(fetched.record.time),
            Front::Empty { last, since } => Head::Empty { last: *last, since: *since },
            Front::End => Head::End,
        }
    }
}
