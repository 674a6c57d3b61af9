//! Avro data: reading and writing our records directly, reading foreign ones through schema resolution, and walking
//! encoded bytes without reading them.

mod datum;
mod shape;

pub(super) use datum::{Foreign, read_ours, write_ours};
pub(super) use shape::{Malformed, Shape, put_long, take_long, take_text};
