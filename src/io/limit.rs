//! How large a record may be. What is larger is replaced before it is written, by something smaller that its writer has for
//! the case; so a record that is too large stops nothing, and no transaction fails because of it.

use super::{Instead, IoError, Outgoing, RawRecord, Rejected, Topics};

/// Bytes that a transport may add to those of a record: the frame of a batch of one, its lengths and numbers.
const FRAME: usize = 128;

/// The same for each header.
const HEADER: usize = 10;

/// What is kept free for a header that says what has become of a record.
const NOTE: usize = 64;

/// The limit of one writer.
pub struct Limit {
    max: usize,
    topics: Topics,
    instead: Instead,
}

impl Limit {
    /// Records of at most `max` bytes, with all that the transport adds; larger ones are replaced by `instead`.
    pub fn new(max: usize, topics: Topics, instead: Instead) -> Self {
        Self { max, topics, instead }
    }

    /// The record, or what is written in its place.
    pub fn fit(&self, mut outgoing: Outgoing) -> Result<Outgoing, IoError> {
        loop {
            let frame = frame(&outgoing.record);
            if outgoing.bytes() + frame <= self.max {
                return Ok(outgoing);
            }
            outgoing = self.replace(outgoing, Some(self.max.saturating_sub(frame + NOTE)))?;
        }
    }

    /// What is written in place of a record that the broker has refused as too large.
    pub fn refused(&self, outgoing: Outgoing) -> Result<Outgoing, IoError> {
        self.replace(outgoing, None)
    }

    fn replace(&self, record: Outgoing, room: Option<usize>) -> Result<Outgoing, IoError> {
        let too_large =
            IoError::TooLarge { topic: self.topics.name(record.topic).to_owned(), bytes: record.bytes() };
        let record = record.whole();
        match (self.instead)(Rejected { record, room, error: &too_large }) {
            Some(smaller) => Ok(smaller),
            None => Err(too_large),
        }
    }
}

fn frame(record: &RawRecord) -> usize {
    FRAME + HEADER * record.headers.0.len()
}
