//! `state`: what a job holds, read beside it.

use tokio::task::spawn_blocking;

use super::args::{Layers, StateCommand};
use super::show::{BOLD, DIM, styled};
use super::{show, start};
use crate::embed::open_names;
use crate::error::{Exit, Failure};
use crate::flow::OpenName;
use crate::io::IoError;

/// Shows what is open of a name.
pub async fn run(layers: &Layers, command: StateCommand) -> Result<Exit, Failure> {
    let StateCommand::Get { name, flow } = command;
    let (settings, plan) = start::open(layers, &flow.spec)?;
    let key = name.clone();
    let open =
        spawn_blocking(move || open_names(&settings, &plan, &key)).await.map_err(|_| IoError::Stopped)??;
    show::either(flow.format, &open, || text(&name, &open));
    Ok(Exit::Done)
}

fn text(name: &str, open: &[OpenName]) -> String {
    if open.is_empty() {
        return format!(
            "{name} is not open: it is joined, did not come in time, never came, or was not written yet"
        );
    }
    let mut lines = vec![];
    for of in open {
        let run = of.run.as_deref().unwrap_or("without a run");
        let window =
            if of.window == "run" { String::new() } else { format!(", window of the {}", of.window) };
        lines.push(styled(BOLD, format!("{name} ({run}{window})")));
        let emitted = match of.revision {
            0 => "not emitted yet".to_owned(),
            revision => format!("emitted, revision {revision}"),
        };
        lines.push(format!("  since {}, until {}, {emitted}", show::time(of.since), show::time(of.deadline)));
        for part in &of.parts {
            lines.push(format!("  {} status {}, {}", part.part, part.status, show::time(part.attempt)));
        }
        let awaited = if of.awaited.is_empty() { "nothing".to_owned() } else { of.awaited.join(", ") };
        lines.push(styled(DIM, format!("  awaited: {awaited}")));
    }
    lines.join("\n")
}
