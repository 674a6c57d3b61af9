//! Which names were emitted, as the joined topic tells it to a join that starts again.
//!
//! When a name is given up depends on the clock. A replay has none: it takes a result that came too late for one in time, and
//! would emit the name anew. So each cut commits from where on the joined topic has records that were given up and still
//! matter; they are looked at before a replay (`resume.rs`), and nothing is if there are none. A replay without rows begins
//! in the middle of names that were done before the oldest open one: it looks at all that was emitted since.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use compact_str::CompactString;

use crate::flow::headers::{COMPLETE, REVISION, RUN};
use crate::io::RawRecord;
use crate::join::Emitted;

/// The last revision of each run that was emitted.
#[derive(Debug, Default)]
pub struct LastRevisions(HashMap<(Bytes, Option<CompactString>), Emitted>);

impl LastRevisions {
    /// Adds what a joined record tells. To be called in the order of the records.
    pub fn see(&mut self, record: &RawRecord) {
        let revision = record.headers.text(REVISION).and_then(|revision| revision.parse().ok());
        let (Some(name), Some(revision)) = (&record.key, revision) else { return };
        // The key shares its memory with the value.
        let run = (Bytes::copy_from_slice(name), record.headers.text(RUN).map(CompactString::from));
        let complete = record.headers.text(COMPLETE) == Some("true");
        self.0.insert(run, Emitted { revision, complete });
    }

    /// Name and run of each.
    pub fn take(&mut self) -> impl Iterator<Item = (Bytes, Option<CompactString>, Emitted)> {
        std::mem::take(&mut self.0).into_iter().map(|((name, run), emitted)| (name, run, emitted))
    }
}

/// From where on a partition of the joined topic has records that were given up.
#[derive(Default)]
pub struct GivenUp(VecDeque<i64>);

impl GivenUp {
    /// What was committed of them.
    pub fn new(first: Option<i64>) -> Self {
        Self(first.into_iter().collect())
    }

    /// Notes that a record was given up, while the topic was known to be written up to `end`.
    pub fn note(&mut self, end: i64) {
        if self.0.back() != Some(&end) {
            self.0.push_back(end);
        }
    }

    /// The offset behind which all lie that still matter: those of names that are open came after `origin`.
    pub fn first(&mut self, origin: i64) -> Option<i64> {
        let over = self.0.iter().take_while(|end| **end < origin).count();
        self.0.drain(..over);
        self.0.front().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_each_run_tells() {
        let mut last = LastRevisions::default();
        for (name, run, revision, complete) in [
            ("late", "r", "1", "missing: tls (deadline)"),
            ("late", "r", "2", "missing: rdap-dn (deadline)"),
            ("late", "other", "1", "true"),
            ("strange", "r", "first", "missing: tls (deadline)"),
        ] {
            let mut record = RawRecord { key: Some(name.into()), ..RawRecord::default() };
            for (header, value) in [(RUN, run), (REVISION, revision), (COMPLETE, complete)] {
                record.headers.push(header, value.to_owned());
            }
            last.see(&record);
        }
        let mut told: Vec<_> = last.take().collect();
        told.sort_by_key(|(_, run, _)| run.clone());
        let late = |run: &str, revision, complete| {
            (Bytes::from("late"), Some(run.into()), Emitted { revision, complete })
        };
        assert_eq!(told, [late("other", 1, true), late("r", 2, false)]);
    }

    #[test]
    fn what_lies_before_the_open_names_is_forgotten() {
        let mut given_up = GivenUp::new(Some(4));
        [7, 7, 9].into_iter().for_each(|end| given_up.note(end));
        for (origin, first) in [(3, Some(4)), (4, Some(4)), (5, Some(7)), (9, Some(9)), (10, None)] {
            assert_eq!(given_up.first(origin), first, "{origin}");
        }
    }
}
