//! A flow: the one place where transports, codecs, collectors, the join and timely are named together.
//!
//! A checked plan becomes the same dataflow on every worker (`worker.rs`); partitions are brought to the workers
//! (`assign.rs`), requests become calls (`requests.rs`, `node.rs`), results are brought to where they belong
//! (`repartition.rs`, `placement.rs`) and joined (`join/`), and everything leaves through one end that decides when to cut (`deliver.rs`). What is known of a name: `look.rs`. Start with `run.rs`.

mod assign;
mod dead_letter;
mod deliver;
mod follow_up;
pub mod headers;
mod join;
mod look;
mod node;
mod oversize;
mod parts;
mod placement;
mod repartition;
mod requests;
mod run;
mod settings;
mod shared;
mod waiting;
mod worker;

pub use dead_letter::{DeadLetters, KEY_CODES, Letter, Place};
pub use follow_up::{LeadsTo, Next};
pub use join::{OpenName, OpenPart, stream_time};
pub use look::{Looked, Lookout, stored};
pub use node::run_of;
pub use parts::Collectors;
pub use placement::PLACEMENT_CODES;
pub use run::{Flow, FlowParts, topics};
pub use settings::{EngineConfig, FlowSettings, JoinConfig, ShutdownConfig, StateConfig, TopicsConfig};
