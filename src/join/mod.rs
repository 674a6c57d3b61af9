//! The join as a pure state machine: parts of a name arrive, time passes, joined records leave.
//!
//! No I/O and no clock: time is given. It does not look into payloads: what a step needs of a result (status, attempt
//! time, the addresses of a DNS result) arrives beside it. Generic over the payload, so that tests join numbers and the
//! job joins bytes that stay in RocksDB. Rules: seed "Merging the data", with the corrections of its target reading:
//! one deadline rule whatever the order of arrival, an unexpected address delays nothing, a late or better result gives
//! a revision. The policy may ask for the rules of the reference system instead, with all that follows from them.
//!
//! Next: `policy.rs` (the rules as data), `part.rs` (what arrives), `entry.rs` (one run of one name), `stages.rs` (the
//! reference reading), `missing.rs` (what a record has not), `names.rs` (all of a partition), `resting.rs` (most of them).

mod entry;
mod missing;
mod names;
mod outages;
mod part;
mod policy;
mod resting;
mod stages;

pub use entry::{Awaited, Emitted, End, Entry, Ignored, Slot, Step, Window};
pub use missing::Why;
pub use names::Names;
pub use outages::Outages;
pub use part::{Arrival, DnsFacts, LeftOut, PartId};
pub use policy::{Policy, Reading, Windows};
pub use stages::Aggregate;

#[cfg(test)]
mod tests;
