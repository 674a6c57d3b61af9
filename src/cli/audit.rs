//! `audit`: is everything there, once?

use std::time::UNIX_EPOCH;

use tokio::task::spawn_blocking;

use super::args::{Audit as Args, Layers};
use super::show::{BAD, GOOD, styled};
use super::{show, start};
use crate::clock::{Clock as _, Millis, SystemClock};
use crate::config::ConfigError;
use crate::embed::{Audit, AuditRange};
use crate::error::{Exit, Failure};
use crate::io::IoError;
use crate::units::Span;

/// Audits, and prints what was found.
pub async fn run(layers: &Layers, args: Args) -> Result<Exit, Failure> {
    let format = args.flow.format;
    let range = range(&args)?;
    let (settings, plan) = start::open(layers, &args.flow.spec)?;
    let Some(audit) = Audit::open(&settings, &plan)? else {
        return Err(ConfigError::Conflict {
            message: "this dataflow does not go from names to joined records".to_owned(),
            hint: "audit one that has the collectors zone and dns, and a join".to_owned(),
        }
        .into());
    };
    // Topics are read by calls that block.
    let report = spawn_blocking(move || audit.run(&range)).await.map_err(|_| IoError::Stopped)??;
    show::either(format, &report, || {
        let verdict = match report.is_whole() {
            true if report.open > 0 => styled(GOOD, "what is done is there, once"),
            true => styled(GOOD, "everything is there, once"),
            false => styled(BAD, format!("{} missing, {} twice", report.missing, report.twice)),
        };
        let counts = format!(
            "{} requests: {} with a joined record, {} ended with their first result, {} dead letters, {} open",
            report.requests, report.joined, report.ended_early, report.dead_letters, report.open
        );
        let named = report.named.iter().map(|finding| {
            let until = finding.until.map_or(String::new(), |until| format!(" until {}", show::time(until)));
            format!("{} ({}): {}, {}{until}", finding.key, finding.run, finding.what, finding.why)
        });
        [counts, verdict].into_iter().chain(named).collect::<Vec<_>>().join("\n")
    });
    Ok(if report.is_whole() { Exit::Done } else { Exit::Found })
}

/// The requests that are meant.
fn range(args: &Args) -> Result<AuditRange, ConfigError> {
    let time = |text: &Option<String>| text.as_deref().map(time).transpose();
    let offsets = args.offsets.iter().map(|text| {
        offsets(text).ok_or_else(|| ConfigError::Conflict {
            message: format!("`{text}` are no offsets of a partition"),
            hint: "write them as PARTITION:FROM..TO, such as 3:1000..2000; the last one is left out"
                .to_owned(),
        })
    });
    let offsets = offsets.collect::<Result<_, _>>()?;
    Ok(AuditRange { since: time(&args.since)?, until: time(&args.until)?, offsets })
}

fn offsets(text: &str) -> Option<(u32, std::ops::Range<i64>)> {
    let (partition, offsets) = text.split_once(':')?;
    let (from, to) = offsets.split_once("..")?;
    Some((partition.parse().ok()?, from.parse().ok()?..to.parse().ok()?))
}

/// A point in time, or a time before now.
fn time(text: &str) -> Result<Millis, ConfigError> {
    if let Ok(before) = text.parse::<Span>() {
        return Ok(SystemClock.now() - before.0.as_millis() as Millis);
    }
    let since =
        humantime::parse_rfc3339_weak(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map(|since| since.as_millis() as Millis).ok_or_else(|| ConfigError::Conflict {
        message: format!("`{text}` is no time"),
        hint: "write 2026-11-26T12:00:00Z, or 2h for two hours ago".to_owned(),
    })
}
