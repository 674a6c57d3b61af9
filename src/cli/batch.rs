//! `run SPEC --input`: a list of names to a file of records; what `demo` (`demo.rs`) shares with it.

use std::path::{Path, PathBuf};

use super::args::{Format, Layers, Run};
use super::progress::Shown;
use super::show::{BAD, BOLD, DIM, GOOD, styled, table};
use super::signal::Stop;
use super::{lab, show, start};
use crate::config::{Loader, Settings};
use crate::embed::{Batch, BatchError, Input, Output, Process, Summary};
use crate::error::{Exit, Failure};
use crate::lab::{Lab, LabRequest};
use crate::model::STATUSES;

/// Runs a flow on a list.
pub async fn run(layers: &Layers, args: Run) -> Result<Exit, Failure> {
    let mut loader = Loader::new();
    let lab = lab::behind(&mut loader, args.lab, args.lab_scale, &args.lab_slow).await?;
    let settings = start::settings(layers, loader)?;
    let input = match args.input {
        Some(path) if path.as_os_str() != "-" => Input::File(path),
        _ => Input::Stdin,
    };
    let output = match args.output {
        Some(path) if path.as_os_str() != "-" => Output::File(made(path)?),
        _ => Output::from(std::io::stdout()),
    };
    start::start(&settings, true);
    let stop = Stop::listen().asked();
    let summary = process(settings, &args.spec, (input, output), lab.as_ref(), &[], stop).await?;
    match args.format {
        // Standard output may hold the records.
        Format::Text => show::line_to_stderr(&text(&summary)),
        Format::Json => show::line_to_stderr(&serde_json::to_string(&summary).unwrap_or_default()),
    }
    Ok(Exit::Done)
}

/// Runs a flow on a list until it is done or `stop` ends.
pub async fn process(
    settings: Settings,
    spec: &str,
    (input, output): (Input, Output),
    lab: Option<&Lab>,
    beside: &[LabRequest],
    stop: impl Future<Output = ()>,
) -> Result<Summary, Failure> {
    let plan = start::plan(spec, &settings)?;
    let process = Process::embedded(settings, plan, lab.map(Lab::ping))?;
    let batch = Batch::start(process, input, output, beside).await?;
    let shown = Shown::start(batch.progress());
    let summary = batch.run(stop).await;
    drop(shown);
    summary
}

/// The path, whose folder is made if it is not there.
pub fn made(path: PathBuf) -> Result<PathBuf, BatchError> {
    match path.parent().filter(|parent| *parent != Path::new("")) {
        Some(parent) => match std::fs::create_dir_all(parent) {
            Ok(()) => Ok(path),
            Err(source) => Err(BatchError::Output { path, source }),
        },
        None => Ok(path),
    }
}

/// The summary for people.
pub fn text(summary: &Summary) -> String {
    let rate = summary.names as f64 / summary.seconds.max(0.001);
    let mut text = format!(
        "{} names, {} joined records ({} complete, {} incomplete, {} revisions) in {:.1} s, {rate:.0} names/s",
        styled(BOLD, summary.names),
        styled(BOLD, summary.joined),
        summary.complete,
        summary.partial,
        summary.revisions,
        summary.seconds,
    );
    let rows: Vec<[String; 4]> = summary
        .nodes
        .iter()
        .map(|node| {
            let ok = node.statuses.get("OK").copied().unwrap_or(0);
            let mut others: Vec<_> = node.statuses.iter().filter(|(name, _)| **name != "OK").collect();
            others.sort_by_key(|(name, _)| STATUSES.iter().position(|info| info.name == **name));
            let others = others.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>();
            [node.name.clone(), ok.to_string(), format!("{:.0} ms", node.mean_ms), others.join(", ")]
        })
        .collect();
    text.push_str("\n\n");
    text.push_str(&table(["collector", "OK", "mean", "other statuses"], &rows));
    if !summary.without_record.is_empty() {
        let counts = summary.without_record.iter().map(|(status, count)| format!("{status} {count}"));
        text.push_str(&format!(
            "\n\n{} {}",
            styled(BOLD, "without a record, by the status of their zone:"),
            counts.collect::<Vec<_>>().join(", ")
        ));
        for (name, status) in &summary.examples {
            text.push_str(&format!(
                "\n  {} {}",
                if name.is_empty() { "(empty)" } else { name },
                styled(DIM, status)
            ));
        }
    }
    if summary.cut_pages > 0 {
        text.push_str(&format!("\n\n{} pages were cut so that their records fit", summary.cut_pages));
    }
    let dead: u64 = summary.dead_letters.values().sum();
    if dead > 0 {
        let counts = summary.dead_letters.iter().map(|(code, count)| format!("{code} {count}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "\n\n{} {counts}",
            styled(BAD, "could not be read or written (dead letters):")
        ));
    } else if summary.without_record.is_empty() {
        text.push_str(&format!("\n\n{}", styled(GOOD, "every name has its record")));
    }
    text
}
