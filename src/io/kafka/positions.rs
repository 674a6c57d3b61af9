//! The positions of a group as they lie on the broker: offsets, each with a text that says what is done above it. The text
//! begins with the version of its format, so that one of another version is refused and never misread.
//!
//! What the text says is decided by the flow (`flow/shared.rs`, `flow/join/resume.rs`); where that changes, so does the
//! version. On embedded topics the format of the store covers it.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::consume::Consumer;
use super::context::siblings;
use crate::io::{IoError, Position, Topic, Topics};

/// Version of the texts.
pub const VERSION: &str = "v2";

/// How long the broker may take to tell the group's positions. It waits for the transactions of a killed process, which end
/// after 30 s at most.
pub const POSITIONS_WITHIN: Duration = Duration::from_secs(60);

/// How long to wait before a broker is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest version that an error shows; what is longer is none.
const SHOWN: usize = 16;

/// What the group has committed in the partitions of these topics that go with these numbers; where it has not, there is
/// nothing.
pub fn committed(
    consumer: &Consumer,
    topics: &Topics,
    inputs: &[Topic],
    numbers: &[u32],
) -> Result<Vec<Position>, IoError> {
    let list = siblings(topics, inputs, numbers);
    let committed = ask(Instant::now(), &[RDKafkaErrorCode::NotCoordinator], || {
        consumer.committed_offsets(list.clone(), POSITIONS_WITHIN)
    })?;
    let position = |(topic, partition): (Topic, u32)| {
        let element = committed.find_partition(topics.name(topic), partition as i32)?;
        let offset = element.offset().to_raw().filter(|offset| *offset >= 0)?;
        let position = |metadata| Position { topic, partition, offset, metadata };
        let place = || format!("{} [{partition}]", topics.name(topic));
        Some(
            read(element.metadata())
                .map(position)
                .map_err(|found| IoError::Positions { place: place(), found }),
        )
    };
    topics.places(inputs, numbers).into_iter().filter_map(position).collect()
}

/// Asks again while the answer is one of `moved`, for some time since `started`: who has to answer has just moved to another
/// broker, and the client looks for it.
pub fn ask<T>(
    started: Instant,
    moved: &[RDKafkaErrorCode],
    question: impl Fn() -> KafkaResult<T>,
) -> Result<T, IoError> {
    loop {
        match question() {
            Err(error)
                if error.rdkafka_error_code().is_some_and(|code| moved.contains(&code))
                    && started.elapsed() < POSITIONS_WITHIN =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return done.map_err(IoError::Read),
        }
    }
}

/// The list by which positions are committed.
pub fn to_commit(topics: &Topics, positions: &[Position]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for position in positions {
        let mut element = list.add_partition(topics.name(position.topic), position.partition as i32);
        element.set_offset(Offset::Offset(position.offset))?;
        element.set_metadata(format!("{VERSION} {}", position.metadata));
    }
    Ok(list)
}

/// What a text says behind its version, or the version that it has instead. One that was set by Kafka's own tools has no
/// text, and says nothing but its offset.
fn read(text: &str) -> Result<String, String> {
    let (version, rest) = text.split_once(' ').unwrap_or((text, ""));
    match version {
        "" | VERSION => Ok(rest.to_owned()),
        other if other.len() <= SHOWN => Err(other.to_owned()),
        _ => Err("none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_other_versions_are_not_read() {
        for (text, expected) in [
            ("v2 17 4", Ok("17 4")),
            ("v2 ", Ok("")),
            ("v2", Ok("")),
            ("", Ok("")),
            ("v1 17 4", Err("v1")),
            ("v10 17 4", Err("v10")),
            ("17 4", Err("17")),
            ("zone:AQEBAQEBAQEBAQEBAQEB", Err("none")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
