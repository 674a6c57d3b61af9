//! Avro data: reading and writing our records directly, reading foreign ones through schema resolution, and walking
//! encoded bytes without reading them. Which schemas go together is decided in `fit.rs`.

mod datum;
mod fit;
mod resolve;
mod shape;

pub(super) use datum::{Foreign, read_ours, write_ours};
pub(super) use fit::type_of;
pub use fit::{Breaks, Difference, differences};
pub(super) use shape::{Malformed, Shape, put_long, take_long, take_text};
