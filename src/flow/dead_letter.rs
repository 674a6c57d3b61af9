//! What becomes of a record that cannot be read: its bytes as they came, in the topic of dead letters, with headers that
//! say where it was and what is wrong with it. The job goes on.

use std::sync::Arc;

use bytes::Bytes;

use super::headers::{
    DEAD, DEAD_CODE, DEAD_CUT, DEAD_MESSAGE, DEAD_OFFSET, DEAD_PARTITION, DEAD_STAGE, DEAD_TIME, DEAD_TOPIC,
};
use crate::clock::{Millis, SharedClock};
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

/// A dead letter as it is read back.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its own place in the topic of dead letters.
    pub place: Place,
    /// When it was written.
    pub written: Millis,
    /// The topic of the record that it is about; empty if the letter does not tell.
    pub topic: String,
    /// That record's partition.
    pub partition: u32,
    /// That record's offset; -1 if it was to be written and refused.
    pub offset: i64,
    /// The node that could not read it.
    pub stage: String,
    /// A stable code.
    pub code: String,
    /// A message for people.
    pub message: String,
    /// What of the record was too large for the letter; empty if it is whole.
    pub cut: String,
    /// The record: key, value, headers and time as they came.
    pub record: RawRecord,
}

impl Letter {
    /// Reads a record of the topic of dead letters.
    pub fn read(place: Place, mut record: RawRecord) -> Self {
        let text = |name: &str| record.headers.text(name).unwrap_or_default().to_owned();
        let (topic, stage, code, message, cut) =
            (text(DEAD_TOPIC), text(DEAD_STAGE), text(DEAD_CODE), text(DEAD_MESSAGE), text(DEAD_CUT));
        let partition = text(DEAD_PARTITION).parse().unwrap_or(0);
        let offset = text(DEAD_OFFSET).parse().unwrap_or(-1);
        let time = text(DEAD_TIME).parse().unwrap_or(record.time);
        record.headers.0.retain(|(name, _)| !name.starts_with(DEAD));
        let written = std::mem::replace(&mut record.time, time);
        Self { place, written, topic, partition, offset, stage, code, message, cut, record }
    }

    /// The record, to be written where it came from. `None` if it has no place among `topics`, or if it is not whole.
    pub fn again(&self, topics: &Topics) -> Option<Outgoing> {
        let topic = topics.find(&self.topic).filter(|_| self.cut.is_empty())?;
        let partition = Some(self.partition).filter(|partition| *partition < topics.partitions_of(topic))?;
        Some(Outgoing::new(topic, partition, self.record.clone()))
    }
}

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

    /// For a record that is too large to be written. `None` for a letter of which nothing can be left out any more.
    pub fn rejected(&self, rejected: Rejected<'_>) -> Option<Outgoing> {
        let Rejected { record: Outgoing { topic, partition, record, .. }, error, .. } = rejected;
        if topic == self.topic {
            return Some(Outgoing::new(topic, partition, smaller(record)?));
        }
        let place = Place { topic, partition, offset: -1 };
        // What was too large is too large here as well.
        let record = smaller(record)?;
        Some(self.letter("outbox", place, record, error.code().name, &error.to_string()))
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
        let partition = place.partition % self.topics.partitions_of(self.topic);
        Outgoing::new(self.topic, partition, record)
    }
}

/// The record of a letter with less in it: without its value, then without all but what the letter itself says.
fn smaller(mut record: RawRecord) -> Option<RawRecord> {
    let ours = |(name, _): &(String, Bytes)| name.starts_with(DEAD);
    let cut = if record.value.take().is_some() {
        "value"
    } else if record.key.is_some() || !record.headers.0.iter().all(ours) {
        record.key = None;
        record.headers.0.retain(ours);
        "value, key, headers"
    } else {
        return None;
    };
    record.headers.0.retain(|(name, _)| name != DEAD_CUT);
    record.headers.push(DEAD_CUT, cut);
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::io::IoError;

    #[test]
    fn a_letter_gives_its_record_back_as_it_was() {
        let clock: SharedClock = Arc::new(ManualClock::at(99));
        // Each with a number of partitions of its own.
        let counts = |name: &str| Some(if name == "in" { 6 } else { 2 });
        let topics = Topics::new(["in", "dead"].map(str::to_owned), 4).letting(|_| true).counted(counts);
        let meters = Arc::new(Meters::new("f", [], clock.clone()));
        let letters = DeadLetters::new(topics.clone(), Topic(1), meters, clock);
        let mut record =
            RawRecord { key: Some("k".into()), value: Some("v".into()), time: 7, ..RawRecord::default() };
        record.headers.push("theirs", "kept");
        let place = Place { topic: Topic(0), partition: 5, offset: 12 };
        let own = Place { topic: Topic(1), partition: 1, offset: 0 };

        let written = letters.value("zone", place, record.clone(), &DecodeError::Missing);
        assert_eq!((written.topic, written.partition), (own.topic, own.partition));
        let letter = Letter::read(own, written.record);
        let told =
            (letter.topic.as_str(), letter.partition, letter.offset, letter.record.time, letter.written);
        assert_eq!(told, ("in", 5, 12, 7, 99));
        assert_eq!((letter.stage.as_str(), letter.code.as_str()), ("zone", "value-missing"));
        let again = Outgoing::new(Topic(0), 5, record.clone());
        assert_eq!(letter.again(&topics), Some(again));

        // What was refused has lost its value, and what is of another flow has no place in this one.
        let error = IoError::TooLarge { topic: "in".to_owned(), bytes: 9 };
        let reject = |record| letters.rejected(Rejected { record, room: None, error: &error });
        let refused = Outgoing::new(Topic(0), 5, record.clone());
        let letter = Letter::read(own, reject(refused).unwrap().record);
        assert_eq!((letter.record.value.clone(), letter.again(&topics)), (None, None));
        assert_eq!(
            (letter.offset, letter.code.as_str(), letter.cut.as_str()),
            (-1, "record-too-large", "value")
        );
        let foreign = Letter::read(own, record);
        assert_eq!((foreign.topic.as_str(), foreign.again(&topics)), ("", None));

        // A letter that is too large itself says less and less of its record, and always where it is and why.
        let mut written = letters.value("zone", place, letter.record, &DecodeError::NotFramed);
        written.record.value = Some("v".into());
        for (key, cut) in [(Some("k".into()), "value"), (None, "value, key, headers")] {
            written = reject(written).unwrap();
            let letter = Letter::read(own, written.record.clone());
            assert_eq!((&letter.record.key, letter.cut.as_str()), (&key, cut));
            let told = (letter.topic.as_str(), letter.partition, letter.offset, letter.code.as_str());
            assert_eq!((told, letter.again(&topics)), (("in", 5, 12, "value-not-framed"), None));
        }
        assert_eq!(reject(written), None, "nothing is left to leave out");
    }
}
