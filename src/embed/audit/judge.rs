//! What the traces of a run in the topics say about it. Pure.

use crate::clock::Millis;

/// What is there of one run.
#[derive(Default)]
pub struct Traces {
    /// The key of its request.
    pub key: Vec<u8>,
    /// Requests under this run.
    pub requests: u32,
    /// Whether the job is not done with one of them.
    pub unread: bool,
    /// Results of the first collector.
    pub outcomes: u32,
    /// Dead letters of requests.
    pub letters: u32,
    /// Whether there is a request for the next collector.
    pub goes_on: bool,
    /// Joined records, revisions left out.
    pub joined: u32,
    /// Whether a record without which the run goes no further was too large, and is a dead letter.
    pub refused: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has its record.
    Joined,
    /// Nothing follows from its outcome.
    Early,
    /// It is not done.
    Open(&'static str),
    /// It went on and has no record: its parts must tell.
    NotJoined,
    /// Something is not there.
    Missing(&'static str),
    /// Something is there twice.
    Twice(&'static str),
}

impl Traces {
    /// How the run ended.
    pub fn ending(&self) -> Ending {
        // A letter is an outcome; a request whose name can be read has a result as well.
        let outcomes = self.outcomes.max(self.letters);
        match outcomes {
            _ if self.outcomes > self.requests => Ending::Twice("more outcomes than requests"),
            _ if self.letters > self.requests => Ending::Twice("more dead letters than requests"),
            _ if self.joined > self.requests => Ending::Twice("more than one joined record"),
            _ if self.joined > 0 => Ending::Joined,
            _ if self.refused => Ending::Early,
            0 if self.unread => Ending::Open("its request is not done"),
            0 => Ending::Missing("no outcome of the request"),
            _ if self.goes_on => Ending::NotJoined,
            _ => Ending::Early,
        }
    }
}

/// What is there of the parts of a run that went on.
#[derive(Default)]
pub struct Parts {
    /// Time of the last.
    pub last: Millis,
    /// Whether one of them is not moved to its partition, or not read by the join.
    pub unread: bool,
    /// The time of the join's stream.
    pub clock: Millis,
}

impl Parts {
    /// When the join gives the run up; `None` if it has done so already.
    pub fn open_until(&self, patience: Millis) -> Option<Millis> {
        let until = self.last + patience;
        (self.unread || self.clock < until).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_missing_or_twice_is_told_apart() {
        use Ending::{Early, Joined, Missing, NotJoined, Open, Twice};
        for (case, (requests, unread, outcomes, letters, goes_on, joined), expected) in [
            ("joined", (1, false, 1, 0, true, 1), Joined),
            ("no zone", (1, false, 1, 0, false, 0), Early),
            ("a dead letter", (1, false, 0, 1, false, 0), Early),
            ("a dead letter and the outcome it goes with", (1, false, 1, 1, false, 0), Early),
            ("not read yet", (1, true, 0, 0, false, 0), Open("its request is not done")),
            ("no outcome", (1, false, 0, 0, false, 0), Missing("no outcome of the request")),
            ("not joined", (1, false, 1, 0, true, 0), NotJoined),
            ("too large: its outcome", (1, false, 0, 0, false, 0), Early),
            ("too large: its joined record", (1, false, 1, 0, true, 0), Early),
            ("too large: a revision of it", (1, false, 1, 0, true, 1), Joined),
            ("two outcomes", (1, false, 2, 0, true, 1), Twice("more outcomes than requests")),
            ("two dead letters", (1, false, 0, 2, false, 0), Twice("more dead letters than requests")),
            ("joined twice", (1, false, 1, 0, true, 2), Twice("more than one joined record")),
            ("asked twice under one run", (2, false, 2, 0, true, 1), Joined),
        ] {
            let refused = case.starts_with("too large");
            let traces =
                Traces { key: vec![], requests, unread, outcomes, letters, goes_on, joined, refused };
            assert_eq!(traces.ending(), expected, "{case}");
        }
    }

    #[test]
    fn a_run_is_open_until_its_patience_ends() {
        for (case, unread, clock, expected) in [
            ("waits", false, 159, Some(160)),
            ("given up", false, 160, None),
            ("not read", true, 200, Some(160)),
        ] {
            assert_eq!(Parts { last: 100, unread, clock }.open_until(60), expected, "{case}");
        }
    }
}
