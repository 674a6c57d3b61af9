//! A record as it lies in a topic: bytes, headers, a time, coordinates.

use std::fmt;

use bytes::Bytes;

use super::Topic;
use crate::clock::Millis;

/// Headers of a record. Few, so a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, Bytes)>);

impl Headers {
    /// The value of the last header called `name`, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// Adds a header.
    pub fn push(&mut self, name: &str, value: impl Into<Bytes>) {
        self.0.push((name.to_owned(), value.into()));
    }
}

/// A record without its coordinates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRecord {
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a null.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
    /// The record's time.
    pub time: Millis,
}

impl RawRecord {
    /// Bytes of key, value and headers.
    pub fn bytes(&self) -> usize {
        let part = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        part(&self.key) + part(&self.value) + headers
    }
}

/// A record that was read, with its offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its offset in its partition.
    pub offset: i64,
    /// The record.
    pub record: RawRecord,
}

/// A record to be written to a partition.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub topic: Topic,
    /// Which partition; always told, so that no client's partitioner decides.
    pub partition: u32,
    /// The record.
    pub record: RawRecord,
    /// What follows the record's value. It lies where it was read until the record is written: much may wait for that.
    pub rest: Vec<Bytes>,
}

impl Outgoing {
    /// A record whose value is in one piece.
    pub fn new(topic: Topic, partition: u32, record: RawRecord) -> Self {
        Self { topic, partition, record, rest: Vec::new() }
    }

    /// Bytes of key, value and headers.
    pub fn bytes(&self) -> usize {
        self.record.bytes() + self.rest.iter().map(Bytes::len).sum::<usize>()
    }

    /// The whole value; if it is in pieces, they are put together in `room`.
    pub fn value<'a>(&'a self, room: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let first = self.record.value.as_deref()?;
        if self.rest.is_empty() {
            return Some(first);
        }
        room.clear();
        room.extend_from_slice(first);
        self.rest.iter().for_each(|piece| room.extend_from_slice(piece));
        Some(room)
    }

    /// The same record with its value in one piece.
    pub fn whole(mut self) -> Self {
        if !self.rest.is_empty() {
            let mut room = Vec::with_capacity(self.bytes());
            let value = self.value(&mut room).map(Bytes::copy_from_slice);
            (self.record.value, self.rest) = (value, Vec::new());
        }
        self
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}[{}] {} bytes", self.topic, self.partition, self.bytes())
    }
}
