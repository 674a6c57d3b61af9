//! The opt-out list, for every collector: nothing is asked about a name whose owner wants to be left alone.
//!
//! The result says so (DISABLED), so that the name is not lost. Where the list comes from: `net/deny.rs`. A page that
//! leads to such a name is not followed there: `net/dial.rs`.

use std::sync::Arc;

use super::Collector;
use super::net::AddressPolicy;
use crate::clock::SharedClock;
use crate::model::{Outcome as _, Status, Subject, Verdict};

/// The list, as part of a policy.
#[derive(Clone)]
pub struct OptOutList {
    policy: AddressPolicy,
    clock: SharedClock,
}

/// A collector that obeys the list.
pub struct OptOut<C> {
    collector: C,
    list: OptOutList,
}

impl OptOutList {
    /// The list of `policy`.
    pub fn new(policy: AddressPolicy, clock: SharedClock) -> Self {
        Self { policy, clock }
    }

    /// The collector, obeying the list.
    pub fn over<C>(&self, collector: C) -> Arc<OptOut<C>> {
        Arc::new(OptOut { collector, list: self.clone() })
    }
}

impl<C: Collector> Collector for OptOut<C> {
    const NAME: &'static str = C::NAME;
    type Request = C::Request;
    type Record = C::Record;

    async fn collect(&self, subject: &Subject, request: Option<Self::Request>) -> Self::Record {
        match self.list.policy.check_host(&subject.name) {
            Ok(()) => self.collector.collect(subject, request).await,
            Err(refusal) => {
                let now = self.list.clock.now();
                let verdict = Verdict::failed(Status::DISABLED, refusal.to_string(), now);
                C::Record::without_data(verdict, subject, Self::NAME)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::ManualClock;
    use crate::collect::net::deny::Names;
    use crate::collect::net::file::Reloaded;
    use crate::model::{ZoneRequest, ZoneResult};

    struct Counts(Arc<AtomicU32>);

    impl Collector for Counts {
        const NAME: &'static str = "counts";
        type Request = ZoneRequest;
        type Record = ZoneResult;

        async fn collect(&self, subject: &Subject, _: Option<ZoneRequest>) -> ZoneResult {
            self.0.fetch_add(1, Ordering::Relaxed);
            ZoneResult::without_data(Verdict::ok(7), subject, Self::NAME)
        }
    }

    #[tokio::test]
    async fn names_of_the_list_get_a_result_and_no_question() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opt-out");
        std::fs::write(&path, "left-alone.cz\n").unwrap();
        let names = Arc::new(Reloaded::open(&path, Names::parse).unwrap());
        let policy = AddressPolicy::public().without(None, Some(names));
        let calls = Arc::new(AtomicU32::new(0));
        let list = OptOutList::new(policy, Arc::new(ManualClock::at(9)));
        let collector = list.over(Counts(calls.clone()));
        for (name, status, so_far) in [
            ("a.cz", Status::OK, 1),
            ("left-alone.cz", Status::DISABLED, 1),
            ("WWW.Left-Alone.CZ.", Status::DISABLED, 1),
            ("not-left-alone.cz", Status::OK, 2),
        ] {
            let record = collector.collect(&Subject::pair(name, "192.0.2.1"), None).await;
            assert_eq!((record.status_code, calls.load(Ordering::Relaxed)), (status, so_far), "{name}");
        }
    }
}
