//! `audit`: is everything there, once?

use tokio::task::spawn_blocking;

use super::args::{FlowSpec, Layers};
use super::show::{BAD, GOOD, styled};
use super::{show, start};
use crate::config::ConfigError;
use crate::embed::Audit;
use crate::error::{Exit, Failure};
use crate::io::IoError;

/// Audits, and prints what was found.
pub async fn run(layers: &Layers, args: FlowSpec) -> Result<Exit, Failure> {
    let (settings, plan) = start::open(layers, &args.spec)?;
    let Some(audit) = Audit::open(&settings, &plan)? else {
        return Err(ConfigError::Conflict {
            message: "this dataflow does not go from names to joined records".to_owned(),
            hint: "audit one that has the collectors zone and dns, and a join".to_owned(),
        }
        .into());
    };
    // Topics are read by calls that block.
    let report = spawn_blocking(move || audit.run()).await.map_err(|_| IoError::Stopped)??;
    show::either(args.format, &report, || {
        let verdict = match report.is_whole() {
            true => styled(GOOD, "everything is there, once"),
            false => styled(BAD, format!("{} missing, {} twice", report.missing, report.twice)),
        };
        let counts = format!(
            "{} requests: {} with a joined record, {} ended with their first result, {} dead letters",
            report.requests, report.joined, report.ended_early, report.dead_letters
        );
        [counts, verdict].into_iter().chain(report.named.iter().cloned()).collect::<Vec<_>>().join("\n")
    });
    Ok(if report.is_whole() { Exit::Done } else { Exit::Found })
}
