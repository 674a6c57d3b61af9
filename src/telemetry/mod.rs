//! What a running process shows of itself: counts, progress and health, over HTTP and in the log.
//!
//! The meters are plain atomics that the flow moves; everything that is shown (`/status`, `/metrics`, the progress line)
//! is read from them. Labels are bounded sets: nodes, statuses, topics, partitions, codes; never a name or an address.
//!
//! Next: `meters.rs` (what is counted), `status.rs`, `metrics.rs`, `http.rs` (how it is shown).

mod http;
mod log;
mod meters;
mod metrics;
mod status;

pub use http::{Admin, AdminConfig, AdminError, Domains, TELEMETRY_CODES};
pub use log::{LogConfig, LogFormat, init_log};
pub use meters::{ByTopic, Health, JoinMeter, Meters, NodeMeter, PartitionMeter, READ_TO_END};
pub use status::{JoinStatus, NodeStatus, PartitionStatus, StatusReport};
