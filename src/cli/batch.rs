//! `run SPEC --input` and `demo`: a list of names to a file of records.

use std::path::{Path, PathBuf};

use super::args::{Demo, Format, Layers, Run};
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
    let summary = process(settings, &args.spec, input, output, lab.as_ref(), &[]).await?;
    match args.format {
        // Standard output may hold the records.
        Format::Text => show::line_to_stderr(&text(&summary)),
        Format::Json => show::line_to_stderr(&serde_json::to_string(&summary).unwrap_or_default()),
    }
    Ok(Exit::Done)
}

/// Runs everything on the lab's names, each run from nothing.
pub async fn demo(layers: &Layers, args: Demo) -> Result<Exit, Failure> {
    let mut loader = Loader::new();
    let lab = lab::behind(&mut loader, true, 0, &[]).await?;
    let mut settings = start::settings(layers, loader)?;
    let path = made(args.output)?;
    let state = tempfile::tempdir().map_err(|source| BatchError::Output { path: path.clone(), source })?;
    settings.state.dir = state.path().join("state");
    let names = lab.iter().flat_map(|lab| {
        let without = lab.names_without_record();
        lab.names().into_iter().chain(without.into_iter().map(|(name, _)| name))
    });
    let input = Input::names(names);
    if args.format == Format::Text {
        show::line(
            "Everything runs in this process: topics, collectors, join, and a miniature internet (the lab).",
        );
        if !settings.admin.listen.is_empty() {
            show::line(&format!("While it runs: curl http://{}/status", settings.admin.listen));
        }
    }
    let output = Output::File(path.clone());
    let beside = lab.as_ref().map(Lab::requests).unwrap_or_default();
    let summary = process(settings, "domainradar", input, output, lab.as_ref(), &beside).await?;
    show::either(args.format, &summary, || {
        format!(
            "{}\n\nThe records are in {path}, one JSON object a line. Look at one with\n  head -1 {path} | jq .",
            text(&summary),
            path = path.display()
        )
    });
    Ok(Exit::Done)
}

async fn process(
    settings: Settings,
    spec: &str,
    input: Input,
    output: Output,
    lab: Option<&Lab>,
    beside: &[LabRequest],
) -> Result<Summary, Failure> {
    let stop = Stop::listen();
    start::start(&settings, true);
    let plan = start::plan(spec, &settings)?;
    let process = Process::embedded(settings, plan, lab.map(Lab::ping))?;
    let batch = Batch::start(process, input, output, beside).await?;
    let shown = Shown::start(batch.progress());
    let summary = batch.run(stop.asked()).await;
    drop(shown);
    summary
}

/// The path, whose folder is made if it is not there.
fn made(path: PathBuf) -> Result<PathBuf, BatchError> {
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
    let dead: u64 = summary.dead_letters.values().sum();
    if dead > 0 {
        let counts = summary.dead_letters.iter().map(|(code, count)| format!("{code} {count}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        text.push_str(&format!("\n\n{} {counts}", styled(BAD, "could not be read (dead letters):")));
    } else if summary.without_record.is_empty() {
        text.push_str(&format!("\n\n{}", styled(GOOD, "every name has its record")));
    }
    text
}
