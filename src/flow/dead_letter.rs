//! What becomes of a record that cannot be read: its bytes as they came, in the topic of dead letters, with headers that
//! say where it was and what is wrong with it. The job goes on.

use std::sync::Arc;

use super::headers::{
    DEAD_CODE, DEAD_MESSAGE, DEAD_OFFSET, DEAD_PARTITION, DEAD_STAGE, DEAD_TIME, DEAD_TOPIC,
};
use crate::clock::SharedClock;
use crate::codec::DecodeError;
use crate::error::Coded as _;
use crate::io::{Outgoing, RawRecord, Rejected, Topic, Topics};
use crate::model::SubjectError;
use crate::telemetry::Meters;

/// Makes dead letters, and counts them.
#[derive(Clone)]
pub struct DeadLetters {
    topics: Topics,
    topic: Topic,
    meters: Arc<Meters>,
    clock: SharedClock,
}

/// Where a record was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: i64,
}

/// The codes of keys that are no subjects; part of the wire contract of dead letters.
pub const KEY_CODES: [(SubjectError, &str); 3] = [
    (SubjectError::Missing, "key-missing"),
    (SubjectError::NotText, "key-not-text"),
    (SubjectError::NotAnAddress, "key-not-an-address"),
];

impl DeadLetters {
    /// Dead letters to `topic`.
    pub fn new(topics: Topics, topic: Topic, meters: Arc<Meters>, clock: SharedClock) -> Self {
        Self { topics, topic, meters, clock }
    }

    /// For a key that is no subject.
    pub fn key(&self, stage: &str, place: Place, record: RawRecord, error: &SubjectError) -> Outgoing {
        let code = KEY_CODES.iter().find(|(known, _)| known == error).map_or("key-invalid", |(_, code)| code);
        self.letter(stage, place, record, code, &error.to_string())
    }

    /// For a value that cannot be read.
    pub fn value(&self, stage: &str, place: Place, record: RawRecord, error: &DecodeError) -> Outgoing {
        self.letter(stage, place, record, error.code().name, &error.to_string())
    }

    /// For a record that the transport refuses to take.
    pub fn rejected(&self, rejected: Rejected) -> Outgoing {
        let Rejected { record, error } = rejected;
        let place = Place { topic: record.topic, partition: record.partition, offset: -1 };
        let mut kept = record.record;
        // What was too large is too large here as well: the key and the reason must do.
        kept.value = None;
        self.letter("outbox", place, kept, error.code().name, &error.to_string())
    }

    fn letter(
        &self,
        stage: &str,
        place: Place,
        mut record: RawRecord,
        code: &'static str,
        why: &str,
    ) -> Outgoing {
        self.meters.dead_letter(code);
        let time = record.time.to_string();
        for (name, text) in [
            (DEAD_TOPIC, self.topics.name(place.topic)),
            (DEAD_PARTITION, &place.partition.to_string()),
            (DEAD_OFFSET, &place.offset.to_string()),
            (DEAD_TIME, &time),
            (DEAD_STAGE, stage),
            (DEAD_CODE, code),
            (DEAD_MESSAGE, why),
        ] {
            record.headers.push(name, text.to_owned());
        }
        record.time = self.clock.now();
        Outgoing { topic: self.topic, partition: place.partition % self.topics.partitions(), record }
    }
}
