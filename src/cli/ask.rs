//! `collect NAME…`: all stages and the joined record, or one collector and its result.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write};
use std::path::Path;

use serde_json::Value;

use super::args::{Collect, Format, Layers};
use super::signal::Stop;
use super::{lab, show, start, view};
use crate::collect::catalogue::{Described, described};
use crate::config::{Loader, Settings};
use crate::embed::{Ask, AskTarget, Batch, BatchError, Input, Output, Process, collectors};
use crate::error::{Exit, Failure};
use crate::lab::Lab;

/// Collects and prints.
pub async fn run(layers: &Layers, args: Collect) -> Result<Exit, Failure> {
    let mut loader = Loader::new();
    let lab = lab::behind(&mut loader, args.lab, 0, &[]).await?;
    let mut settings = start::settings(layers, loader)?;
    // Several of these may run beside a job.
    settings.admin.listen = String::new();
    start::start(&settings, true);
    let text = match args.format {
        Some(format) => format == Format::Text,
        None => std::io::stdout().is_terminal(),
    };
    // A collector's name before other names is a collector; alone it is a name like any other.
    let (collector, names) = match args.what.as_slice() {
        [first, rest @ ..] if !rest.is_empty() && described(first).is_some() => (described(first), rest),
        names => (None, names),
    };
    match collector {
        Some(collector) => one(&settings, lab.as_ref(), collector, names, text).await,
        None => all(settings, lab.as_ref(), names, text).await,
    }
}

/// All stages, on topics that are gone afterwards.
async fn all(
    mut settings: Settings,
    lab: Option<&Lab>,
    names: &[String],
    text: bool,
) -> Result<Exit, Failure> {
    let stop = Stop::listen();
    let state =
        tempfile::tempdir().map_err(|source| BatchError::Output { path: std::env::temp_dir(), source })?;
    settings.state.dir = state.path().join("state");
    let input = match names {
        [only] if only == "-" => Input::Stdin,
        [only] if Path::new(only).is_file() => Input::File(only.into()),
        names => Input::names(read(names)?),
    };
    let output = if text { Output::from(Viewed) } else { Output::from(std::io::stdout()) };
    let plan = start::plan("domainradar", &settings)?;
    let process = Process::embedded(settings, plan, lab.map(Lab::ping))?;
    let batch = Batch::start(process, input, output, &[]).await?;
    let summary = batch.run(stop.asked()).await?;
    for (name, status) in &summary.examples {
        show::line_to_stderr(&format!("{name}: no record, the zone says {status}"));
    }
    let missing: u64 = summary.dead_letters.values().sum();
    if missing > 0 {
        show::line_to_stderr(&format!("{missing} lines could not be read as names"));
    }
    Ok(Exit::Done)
}

/// One collector.
async fn one(
    settings: &Settings,
    lab: Option<&Lab>,
    collector: &'static Described,
    names: &[String],
    text: bool,
) -> Result<Exit, Failure> {
    let clock: crate::clock::SharedClock = std::sync::Arc::new(crate::clock::SystemClock);
    let ask = Ask::new(collectors(settings, lab.map(Lab::ping), None, &clock)?);
    for name in read(names)? {
        for result in ask.ask(collector, &AskTarget::parse(&name)).await {
            if text {
                show::line(&format!("{}\n{}", show::styled(show::BOLD, &name), view::value(&result)));
            } else {
                show::json(&result);
            }
        }
    }
    Ok(Exit::Done)
}

/// Names as given; `-` and files stand for the names in them.
fn read(names: &[String]) -> Result<Vec<String>, BatchError> {
    let mut all = Vec::new();
    for name in names {
        let lines: Box<dyn std::io::BufRead> = match name.as_str() {
            "-" => Box::new(std::io::stdin().lock()),
            path if Path::new(path).is_file() => {
                let file = std::fs::File::open(path);
                let file = file.map_err(|source| BatchError::Input { path: path.into(), source })?;
                Box::new(BufReader::new(file))
            }
            name => {
                all.push(name.to_owned());
                continue;
            }
        };
        for line in lines.lines() {
            let line = line.map_err(|source| BatchError::Input { path: name.into(), source })?;
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                all.push(line.to_owned());
            }
        }
    }
    Ok(all)
}

/// A stream of JSON lines that people see as views of records.
struct Viewed;

impl Write for Viewed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // The exporter writes whole lines.
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Value>(line) {
                Ok(record) => show::line(&view::record(&record)),
                Err(_) => show::line(&String::from_utf8_lossy(line)),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
