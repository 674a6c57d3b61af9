//! Answers of collectors in the state of the process, for those that shall survive a restart (`cache.disk`).
//!
//! The store drops the oldest when they are more than the configuration allows. What is no longer good is for the reader
//! to say: `collect/once`.

use crate::collect::once::Kept;
use crate::state::{Family, Store};

/// The answers in a store.
pub struct Answers(Store);

impl Answers {
    /// The answers in `store`.
    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }
}

impl Kept for Answers {
    fn get(&self, collector: &str, about: &str) -> Option<Vec<u8>> {
        let found = self.0.get(Family::Answers, &key(collector, about));
        found
            .inspect_err(|error| tracing::warn!(%error, collector, "an answer that was kept cannot be read"))
            .ok()?
    }

    fn put(&self, collector: &str, about: &str, answer: &[u8]) {
        let mut batch = self.0.batch();
        batch.put(Family::Answers, &key(collector, about), answer);
        if let Err(error) = batch.write() {
            tracing::warn!(%error, collector, "an answer is not kept");
        }
    }
}

fn key(collector: &str, about: &str) -> Vec<u8> {
    [collector.as_bytes(), b"\0", about.as_bytes()].concat()
}
