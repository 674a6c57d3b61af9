//! The public API: a process that runs a flow, or a batch that takes a list of names to a file of records.
//!
//! ```no_run
//! # async fn example() -> Result<(), domainflow::error::Failure> {
//! use domainflow::embed::{Batch, Input, Process};
//!
//! let settings = domainflow::config::Loader::new().finish()?;
//! let plan = domainflow::spec::parse("flow.yaml", "...", settings.topics.format)?;
//! let process = Process::embedded(settings, plan, None)?;
//! let input = Input::names(["example.com".to_owned()]);
//! let batch = Batch::start(process, input, std::io::stdout().into(), &[]).await?;
//! let summary = batch.run(std::future::pending()).await?;
//! println!("{} joined", summary.joined);
//! # Ok(())
//! # }
//! ```
//!
//! Next: `process.rs` (what a process is made of), `service.rs` (the long-lived job), `upkeep.rs` (what it
//! does beside), `batch/` (list in, file out), `ask.rs` (one collector, one name), `letters.rs` (dead letters),
//! `audit/` (is everything there, once).

mod answers;
mod ask;
mod audit;
mod batch;
mod lab;
mod letters;
mod process;
mod service;
mod upkeep;

pub use ask::{Ask, AskTarget};
pub use audit::{Audit, AuditRange, AuditReport};
pub use batch::{Batch, BatchError, EMBED_CODES, Input, Output, Progress, Summary};
pub use lab::with_lab;
pub use letters::Letters;
pub use process::{Process, ProcessError, collectors, topic_settings};
pub use service::Service;

#[cfg(test)]
mod tests;
