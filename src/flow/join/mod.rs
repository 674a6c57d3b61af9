//! The join as operators: results are read in the order of their times (`feed.rs`), taken into the keyed state of their
//! partition (`arrivals.rs`, `keyed.rs`), emitted as spliced records (`emit.rs`), and written to rows late (`rows.rs`). `show.rs`: what is
//! told of an open name.
//!
//! The rules are those of `crate::join`; here is only what they need of the outside.

mod arrivals;
mod emit;
mod feed;
mod given_up;
mod keyed;
mod origins;
mod resume;
mod rows;
mod setup;
mod show;

pub use arrivals::subject;
pub use feed::{FeedSetup, Look, ResultFeed, ResultMessage};
pub use keyed::joined;
pub use resume::stream_time;
pub use rows::{JoinRows, Opening};
pub use setup::JoinSetup;
pub use show::{OpenName, OpenPart};

use crate::io::Position;
use crate::state::Batch;

/// The join's share of a cut.
#[derive(Default)]
pub struct JoinCut {
    /// Positions of its inputs.
    pub positions: Vec<Position>,
    /// Rows to be written behind the outputs.
    pub state: Option<Batch>,
    /// Nothing of the join comes behind it.
    pub last: bool,
}
