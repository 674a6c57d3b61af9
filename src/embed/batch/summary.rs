//! How far a batch is, and what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::job::Job;
use super::output::Counts;
use crate::model::Status;
use crate::telemetry::{Meters, NodeStatus, StatusReport};

/// How far a batch is.
#[derive(Clone)]
pub struct Progress {
    meters: Arc<Meters>,
    job: Job,
    counts: Arc<Mutex<Counts>>,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn new(meters: Arc<Meters>, job: Job, counts: Arc<Mutex<Counts>>, total: Option<u64>) -> Self {
        Self { meters, job, counts, total }
    }

    /// Names of the list, if it can be counted before.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Names that have entered.
    pub fn fed(&self) -> u64 {
        self.job.fed()
    }

    /// Whether the batch was begun before.
    pub fn resumed(&self) -> bool {
        self.job.resumed()
    }

    /// Names that are done: with a record, or with a zone that says there will be none.
    pub fn done(&self) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.records + counts.without_record.values().sum::<u64>()
    }

    /// The state of the process.
    pub fn report(&self) -> StatusReport {
        self.meters.report()
    }
}

/// What came of a batch.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Names of the list.
    pub names: u64,
    /// Records written by this run of the process.
    pub joined: u64,
    /// Of them: complete at once, given up incomplete, revisions.
    pub complete: u64,
    /// See `complete`.
    pub partial: u64,
    /// See `complete`.
    pub revisions: u64,
    /// Names without a record, by the status of their zone.
    pub without_record: BTreeMap<String, u64>,
    /// The first of them.
    pub examples: Vec<(String, String)>,
    /// Pages that were cut so that their records fit.
    pub cut_pages: u64,
    /// Names that could not even be asked for, and records that could not be written, by code.
    pub dead_letters: BTreeMap<&'static str, u64>,
    /// The collectors.
    pub nodes: Vec<NodeStatus>,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Summary {
    pub(super) fn new(names: u64, counts: Counts, report: &StatusReport) -> Self {
        let text = |status: &Status| status.to_string();
        Self {
            names,
            joined: counts.records,
            complete: report.join.complete,
            partial: report.join.partial,
            revisions: report.join.revisions,
            without_record: counts
                .without_record
                .iter()
                .map(|(status, count)| (text(status), *count))
                .collect(),
            examples: counts.examples.iter().map(|(name, status)| (name.clone(), text(status))).collect(),
            cut_pages: report.cut_pages,
            dead_letters: report.dead_letters.clone(),
            nodes: report.nodes.clone(),
            seconds: report.uptime,
        }
    }
}
