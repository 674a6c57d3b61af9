//! A dataflow file: text to a checked plan. No I/O; every mistake is told with its place and a hint before anything
//! starts.
//!
//! ```yaml
//! version: 1
//! name: domainradar
//! nodes:
//!   zone: { collector: zone, from: to_process_zone, to: processed_zone, follow_ups: { dns: to_process_DNS } }
//! ```
//!
//! Next: `document.rs` (the shape of the file), `check.rs` and `repartition.rs` (document to plan), `plan.rs`, `graph.rs` (drawings).

mod check;
mod diagnose;
mod document;
mod graph;
mod many;
mod plan;
mod repartition;

pub use diagnose::{SPEC_CODES, SpecError, nearest};
pub use graph::{Drawing, draw};
pub use plan::{CollectNode, JoinNode, Plan, RepartitionNode, TopicPlan};

use crate::codec::Format;

/// Reads and checks the text of a dataflow file. `file` names it in errors; `format` is that of topics the file says
/// nothing about.
pub fn parse(file: &str, text: &str, format: Format) -> Result<Plan, SpecError> {
    match serde_saphyr::from_str(text) {
        Ok(document) => check::check(file, document, format),
        Err(error) => {
            // What looks like a mistake may be right in another version.
            if let Ok(check::Head { version }) = serde_saphyr::from_str(text) {
                check::version(file, &version)?;
            }
            Err(diagnose::syntax(file, &error))
        }
    }
}

#[cfg(test)]
mod tests;
