//! Conservation, proven from the topics of a flow alone: every request has its outcome, every name that goes on has its
//! joined record, and nothing is there twice. Runs tell what belongs together (`flow/headers.rs`).
//!
//! Holds one small entry for each run; reads records of all partitions, so a run may change its partition.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::letters::Letters;
use super::process::connect;
use crate::config::Settings;
use crate::error::Failure;
use crate::flow::headers::{REVISION, RUN};
use crate::flow::{Place, run_of};
use crate::io::{IoError, RawRecord, Topic, Topics, Transport};
use crate::spec::Plan;

/// Findings that are named; all are counted.
const NAMED: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Requests at the entry of the flow.
    pub requests: usize,
    /// Runs with a joined record.
    pub joined: usize,
    /// Runs that ended without a joined record, as names without a zone do, and those with a record that was too large.
    pub ended_early: usize,
    /// Requests that are dead letters, and records too large to be written.
    pub dead_letters: usize,
    /// Requests without an outcome, and runs that went on without a joined record: lost, or still open.
    pub missing: usize,
    /// Outcomes and joined records that are there twice.
    pub twice: usize,
    /// Up to 100 of what is missing or twice: key and run with what is wrong.
    pub named: Vec<String>,
}

impl AuditReport {
    /// Whether everything is there, once.
    pub fn is_whole(&self) -> bool {
        self.missing == 0 && self.twice == 0
    }
}

/// What is there of one run.
#[derive(Default)]
struct Traces {
    key: Vec<u8>,
    requests: u32,
    outcomes: u32,
    goes_on: bool,
    joined: u32,
    /// A record of it was too large to be written.
    refused: bool,
}

/// The topics of a flow, for an audit.
pub struct Audit {
    transport: Arc<dyn Transport>,
    topics: Topics,
    letters: Letters,
    entry: Topic,
    outcomes: Topic,
    next: Topic,
    joined: Topic,
}

impl Audit {
    /// An audit of `plan` on the configured transport; `None` if the plan does not go from names to joined records. On
    /// embedded topics the job must not run.
    pub fn open(settings: &Settings, plan: &Plan) -> Result<Option<Self>, Failure> {
        let from = |collector: &str| plan.collects.iter().find(|node| node.collector.name == collector);
        let (Some(entry), Some(next), Some(join)) = (from("zone"), from("dns"), &plan.join) else {
            return Ok(None);
        };
        let (transport, topics) = connect(settings, plan, "audit")?;
        let letters = Letters::on(transport.clone(), topics.clone(), plan)?;
        let find = |name: &str| topics.find(name).ok_or(IoError::Stopped);
        let (entry, outcomes, next, joined) =
            (find(&entry.from)?, find(&entry.to)?, find(&next.from)?, find(&join.to)?);
        Ok(Some(Self { transport, topics, letters, entry, outcomes, next, joined }))
    }

    /// Reads the topics and compares. Blocks.
    pub fn run(&self) -> Result<AuditReport, IoError> {
        let (mut runs, mut report) = (HashMap::<Vec<u8>, Traces>::new(), AuditReport::default());
        // In the order of the flow, so that what comes in meanwhile is only looked at if its request was.
        self.each(self.entry, |run, record| {
            report.requests += 1;
            let traces = runs.entry(run).or_default();
            traces.requests += 1;
            traces.key = record.key.as_deref().unwrap_or_default().to_vec();
        })?;
        self.each(self.outcomes, |run, _| runs.entry(run).or_default().outcomes += 1)?;
        self.each(self.next, |run, _| runs.entry(run).or_default().goes_on = true)?;
        self.each(self.joined, |run, record| {
            if record.headers.text(REVISION).is_none_or(|revision| revision == "1") {
                runs.entry(run).or_default().joined += 1;
            }
        })?;
        self.letters.read(|letter| {
            if letter.offset < 0 {
                // It was never in its topic; without it the run may go no further.
                if let Some(traces) =
                    letter.record.headers.text(RUN).and_then(|run| runs.get_mut(run.as_bytes()))
                {
                    report.dead_letters += 1;
                    traces.refused = true;
                }
            } else if letter.topic == self.topics.name(self.entry) {
                let place = Place { topic: self.entry, partition: letter.partition, offset: letter.offset };
                let run = run_of(&letter.record, place, true).unwrap_or_default();
                if let Some(traces) = runs.get_mut(&run[..]) {
                    report.dead_letters += 1;
                    // A letter is an outcome; a request whose name can be read has a result as well.
                    traces.outcomes = traces.outcomes.max(traces.requests);
                }
            }
            ControlFlow::Continue(())
        })?;
        judge(runs, &mut report);
        Ok(report)
    }

    fn each(&self, topic: Topic, mut see: impl FnMut(Vec<u8>, &RawRecord)) -> Result<(), IoError> {
        self.transport.scan(topic, &mut |partition, fetched| {
            let place = Place { topic, partition, offset: fetched.offset };
            if let Some(run) = run_of(&fetched.record, place, topic == self.entry) {
                see(run.to_vec(), &fetched.record);
            }
            ControlFlow::Continue(())
        })
    }
}

fn judge(runs: HashMap<Vec<u8>, Traces>, report: &mut AuditReport) {
    // In the order of the runs, so that a report is the same each time.
    for (run, traces) in runs.into_iter().collect::<BTreeMap<_, _>>() {
        // Requests that are no longer in their topic are nobody's to judge.
        if traces.requests == 0 {
            continue;
        }
        let (count, wrong) = match traces.outcomes {
            0 if !traces.refused => (&mut report.missing, Some("no outcome of the request")),
            outcomes if outcomes > traces.requests => {
                (&mut report.twice, Some("more outcomes than requests"))
            }
            _ if traces.goes_on && traces.joined == 0 && !traces.refused => {
                (&mut report.missing, Some("no joined record"))
            }
            _ if traces.joined > traces.requests => (&mut report.twice, Some("more than one joined record")),
            _ if traces.joined > 0 => (&mut report.joined, None),
            _ => (&mut report.ended_early, None),
        };
        *count += 1;
        if let Some(wrong) = wrong
            && report.named.len() < NAMED
        {
            let (key, run) = (traces.key.escape_ascii(), run.escape_ascii());
            report.named.push(format!("{key} ({run}): {wrong}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_twice_is_named() {
        for (case, (requests, outcomes, goes_on, joined), expected) in [
            ("joined", (1, 1, true, 1), [1, 0, 0, 0]),
            ("no zone", (1, 1, false, 0), [0, 1, 0, 0]),
            ("no outcome", (1, 0, false, 0), [0, 0, 1, 0]),
            ("not joined", (1, 1, true, 0), [0, 0, 1, 0]),
            ("two outcomes", (1, 2, true, 1), [0, 0, 0, 1]),
            ("joined twice", (1, 1, true, 2), [0, 0, 0, 1]),
            ("asked twice under one run", (2, 2, true, 1), [1, 0, 0, 0]),
            ("too large: its zone result", (1, 0, false, 0), [0, 1, 0, 0]),
            ("too large: its joined record", (1, 1, true, 0), [0, 1, 0, 0]),
            ("too large: a part of it", (1, 1, true, 1), [1, 0, 0, 0]),
            ("the request is gone", (0, 1, true, 2), [0, 0, 0, 0]),
        ] {
            let refused = case.starts_with("too large");
            let traces = Traces { key: b"a.cz".to_vec(), requests, outcomes, goes_on, joined, refused };
            let mut report = AuditReport::default();
            judge(HashMap::from([(b"r".to_vec(), traces)]), &mut report);
            let found = [report.joined, report.ended_early, report.missing, report.twice];
            assert_eq!(found, expected, "{case}: {report:?}");
            assert_eq!(report.is_whole(), report.named.is_empty(), "{case}");
        }
    }
}
