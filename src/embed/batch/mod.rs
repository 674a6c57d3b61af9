//! List in, file out: names from a file or a stream go through a flow on embedded topics; joined records come out as JSON
//! lines; it ends when the list is done. A batch that was stopped or killed goes on where it was.
//!
//! Next: `input.rs` (names into the first topic), `output.rs` (records into the file), `job.rs` (what survives).

mod beside;
mod input;
mod job;
mod output;
mod summary;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinHandle;

use self::job::Job;
use self::output::Exporter;
use super::Process;
use super::open_names::domains;
use crate::error::{Code, Coded, Exit, Failure};
use crate::flow::Flow;
use crate::io::embedded::Log;
use crate::io::{IoError, Topic};
use crate::lab::LabRequest;
use crate::telemetry::{Admin, Meters};

pub use input::Input;
pub use output::Output;
pub use summary::{Progress, Summary};

/// How often a batch looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// What is wrong with a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The list cannot be read.
    #[error("the list of names {} cannot be read", .path.display())]
    Input {
        /// The list.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The records cannot be written.
    #[error("the records cannot be written to {}", .path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The state is of another batch.
    #[error("the state in {} is of an unfinished batch: {other}", .dir.display())]
    Unfinished {
        /// The state's directory.
        dir: PathBuf,
        /// The other batch.
        other: String,
    },
    /// The flow takes no names, or joins nothing.
    #[error("the flow {0} does not take names to joined records")]
    Flow(String),
    /// A joined record of our own cannot be read back.
    #[error("a joined record cannot be read")]
    Record(#[source] crate::codec::DecodeError),
    /// The batch was stopped before it was done.
    #[error("stopped before the list was done; the same command goes on from here")]
    Stopped,
}

static INPUT: Code = Code {
    name: "batch-input",
    exit: Exit::Usage,
    about: "The list of names cannot be read.",
    hint: "one name a line; `-` reads standard input",
};
static OUTPUT: Code = Code {
    name: "batch-output",
    exit: Exit::Unreachable,
    about: "The file of records cannot be written.",
    hint: "check the path and the room on the disk; the same command goes on from here",
};
static UNFINISHED: Code = Code {
    name: "batch-unfinished",
    exit: Exit::State,
    about: "The state directory holds another batch that is not finished.",
    hint: "finish it with its own command, delete the directory, or give another with --set state.dir=DIR",
};
static FLOW: Code = Code {
    name: "batch-flow",
    exit: Exit::Usage,
    about: "The flow does not lead from names to joined records.",
    hint: "use dataflows/domainradar.yaml, or a flow with a zone collector and a join",
};
static RECORD: Code = Code {
    name: "batch-record",
    exit: Exit::Internal,
    about: "A joined record cannot be read back.",
    hint: "please report this",
};
static STOPPED: Code = Code {
    name: "batch-stopped",
    exit: Exit::Interrupted,
    about: "The batch was stopped before it was done.",
    hint: "the same command goes on from here",
};

/// All codes of this component.
pub static EMBED_CODES: &[&Code] = &[&INPUT, &OUTPUT, &UNFINISHED, &FLOW, &RECORD, &STOPPED];

impl Coded for BatchError {
    fn code(&self) -> &'static Code {
        match self {
            BatchError::Input { .. } => &INPUT,
            BatchError::Output { .. } => &OUTPUT,
            BatchError::Unfinished { .. } => &UNFINISHED,
            BatchError::Flow(_) => &FLOW,
            BatchError::Record(_) => &RECORD,
            BatchError::Stopped => &STOPPED,
        }
    }
}

/// A running batch.
pub struct Batch {
    flow: Flow,
    meters: Arc<Meters>,
    log: Log,
    group: String,
    inputs: Vec<Topic>,
    feeding: JoinHandle<Result<u64, Failure>>,
    exporter: Exporter,
    job: Job,
    deadline: Duration,
    /// Names of the list, if it can be counted before.
    total: Option<u64>,
    _admin: Option<Admin>,
}

impl Batch {
    /// Starts a batch on `process`, whose topics must be embedded. The requests of a lab go to single collectors, beside
    /// the list.
    pub async fn start(
        process: Process,
        input: Input,
        output: Output,
        beside: &[LabRequest],
    ) -> Result<Self, Failure> {
        let flow_name = || BatchError::Flow(process.plan.name.clone());
        let log = process.log.clone().ok_or_else(flow_name)?;
        let entry =
            process.plan.entry().and_then(|entry| process.topics.find(entry)).ok_or_else(flow_name)?;
        let join = process.plan.join.as_ref().ok_or_else(flow_name)?;
        let inputs = process.plan.inputs().iter().filter_map(|input| process.topics.find(input)).collect();
        let total = input.count()?;
        let job = Job::open(&process.store, &input, &output)?;
        let exporter = Exporter::open(&process, &join.to, output, &job).await?;
        let admin = Admin::open(&process.settings.admin, process.meters.clone()).await?;
        beside::write(&process, beside).await?;
        let flow = process.start().await?;
        if let Some(admin) = &admin {
            admin.knows(domains(flow.lookout()));
        }
        let feeding =
            input.feed(log.clone(), process.group.clone(), entry, job.clone(), process.clock.clone());
        Ok(Self {
            flow,
            meters: process.meters,
            log,
            group: process.group,
            inputs,
            feeding,
            exporter,
            job,
            deadline: process.settings.shutdown.deadline.0,
            total,
            _admin: admin,
        })
    }

    /// How far it is; may be read from anywhere while the batch runs.
    pub fn progress(&self) -> Progress {
        Progress::new(self.meters.clone(), self.job.clone(), self.exporter.counts(), self.total)
    }

    /// Runs until the list is done, or until `stop` ends: then it stops cleanly and can be taken up again.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Summary, Failure> {
        let Self {
            flow,
            meters,
            log,
            group,
            inputs,
            mut feeding,
            mut exporter,
            job,
            deadline,
            total: _,
            _admin,
        } = self;
        let failed = flow.failed();
        let done = async {
            let fed = match (&mut feeding).await {
                Ok(fed) => fed?,
                Err(_) => return Err(IoError::Stopped.into()),
            };
            // Nothing under way and nothing more to come: what is still awaited will never arrive.
            wait_for(|| Ok(log.lag(&group, &inputs)? == 0)).await?;
            flow.end_of_time();
            wait_for(|| Ok(meters.join.open.load(Ordering::Relaxed) == 0 && log.lag(&group, &inputs)? == 0))
                .await?;
            Ok::<u64, Failure>(fed)
        };
        let ended = tokio::select! {
            done = done => Some(done),
            () = failed => None,
            () = stop => Some(Err(BatchError::Stopped.into())),
        };
        if !feeding.is_finished() {
            feeding.abort();
            // It holds the store, which is to be closed when this returns.
            let _ = feeding.await;
        }
        let stopped = flow.stop(deadline).await;
        // Everything that was joined is in the log by now.
        let written = exporter.finish().await;
        stopped?;
        match ended {
            Some(Ok(names)) => {
                let counts = written?;
                job.finish(log.store())?;
                Ok(Summary::new(names, counts, &meters.report()))
            }
            Some(Err(error)) => Err(error),
            None => Err(IoError::Stopped.into()),
        }
    }
}

async fn wait_for(mut done: impl FnMut() -> Result<bool, IoError>) -> Result<(), IoError> {
    while !done()? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
