//! The Confluent wire format: a zero byte, the schema id as 32 bits big-endian, the Avro datum.

use super::{DecodeError, SchemaId};

/// Bytes before the datum.
pub(super) const FRAME: usize = 5;

/// The schema id and the datum of a framed value.
pub(super) fn open(value: &[u8]) -> Result<(SchemaId, &[u8]), DecodeError> {
    match value.split_first_chunk::<FRAME>() {
        Some(([0, a, b, c, d], datum)) => Ok((SchemaId(u32::from_be_bytes([*a, *b, *c, *d])), datum)),
        _ => Err(DecodeError::NotFramed),
    }
}

/// The frame of a value written with the schema `id`.
pub(super) fn frame(id: SchemaId) -> [u8; FRAME] {
    let [a, b, c, d] = id.0.to_be_bytes();
    [0, a, b, c, d]
}
