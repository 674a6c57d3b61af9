//! `demo`: the jobs of the lab, one after the other, from nothing: all records into one file, a summary for each job.
//!
//! What the jobs are is said by the lab's data. Next: `batch.rs` (one job), `crate::lab::Lab::jobs`.

use std::fs::File;

use serde::Serialize;

use super::args::{Demo, Format, Layers};
use super::show::{BOLD, styled};
use super::signal::Stop;
use super::{batch, show, start};
use crate::config::Loader;
use crate::embed::{BatchError, Input, Output, Summary};
use crate::error::{Exit, Failure};
use crate::lab::{Lab, LabOptions};

/// What came of all jobs.
#[derive(Serialize)]
struct All {
    /// Names of all lists.
    names: u64,
    /// Records in the file.
    joined: u64,
    /// Seconds that it took.
    seconds: f64,
    jobs: Vec<One>,
}

/// What came of one job.
#[derive(Serialize)]
struct One {
    about: String,
    #[serde(flatten)]
    summary: Summary,
}

/// Runs the jobs.
pub async fn run(layers: &Layers, args: Demo) -> Result<Exit, Failure> {
    let lab = Lab::start(LabOptions::default()).await?;
    let path = batch::made(args.output)?;
    let failed = |source| BatchError::Output { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    let stop = Stop::listen().asked();
    tokio::pin!(stop);
    let mut jobs = Vec::new();
    for (turn, job) in lab.jobs().into_iter().enumerate() {
        let mut loader = Loader::new();
        loader.overrides(&job.settings)?;
        let mut settings = start::settings(layers, loader)?;
        let state = tempfile::tempdir().map_err(failed)?;
        settings.state.dir = state.path().join("state");
        if turn == 0 {
            start::start(&settings, true);
            if args.format == Format::Text {
                greet(&settings.admin.listen);
            }
        } else {
            // The port of the job before may not be free yet, and these jobs are too short to be watched.
            settings.admin.listen.clear();
        }
        let output = Output::from(file.try_clone().map_err(failed)?);
        let run = (Input::names(job.names), output);
        let summary =
            batch::process(settings, "domainradar", run, Some(&lab), &job.requests, &mut stop).await?;
        if args.format == Format::Text {
            show::line(&format!("\n{}\n{}", styled(BOLD, &job.about), batch::text(&summary)));
        }
        jobs.push(One { about: job.about, summary });
    }
    let sum = |of: fn(&Summary) -> u64| jobs.iter().map(|job| of(&job.summary)).sum();
    let seconds = jobs.iter().map(|job| job.summary.seconds).sum();
    let all = All { names: sum(|job| job.names), joined: sum(|job| job.joined), seconds, jobs };
    show::either(args.format, &all, || {
        let (joined, path) = (styled(BOLD, all.joined), path.display());
        format!(
            "\n{joined} records are in {path}, one JSON object a line. Look at one with\n  head -1 {path} | jq ."
        )
    });
    Ok(Exit::Done)
}

fn greet(admin: &str) {
    show::line(
        "Everything runs in this process: topics, collectors, join, and a miniature internet (the lab).",
    );
    if !admin.is_empty() {
        show::line(&format!("While the first job runs: curl http://{admin}/status"));
    }
}
