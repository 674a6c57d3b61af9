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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StoreOptions;
    use crate::units::Size;

    /// What was put is there after a restart, by collector; the oldest make room, and the disk stays bounded.
    #[test]
    fn answers_survive_a_restart_in_bounded_space() {
        const MOST: u64 = 4 << 20;
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { answers: Size(MOST), ..StoreOptions::default() };
        let mut rng = fastrand::Rng::with_seed(1);
        let answer = |number: u32| [&number.to_be_bytes()[..], &[7]].concat();
        {
            let answers = Answers::new(&Store::open(dir.path(), options).unwrap());
            for number in 0..1000 {
                // What cannot be compressed.
                let ballast: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(32 << 10).collect();
                answers.put("rdap-ip", &format!("192.0.2.{number}"), &[answer(number), ballast].concat());
                answers.put("rtt", "192.0.2.1", &answer(number));
            }
        }
        let store = Store::open(dir.path(), options).unwrap();
        let answers = Answers::new(&store);
        let first_bytes = |collector, about| answers.get(collector, about).map(|found| found[..5].to_vec());
        assert_eq!(first_bytes("rdap-ip", "192.0.2.999"), Some(answer(999)));
        assert_eq!(first_bytes("rtt", "192.0.2.1"), Some(answer(999)));
        assert_eq!(first_bytes("rdap-ip", "192.0.2.0"), None, "the oldest are gone");
        assert_eq!(first_bytes("nerd", "192.0.2.999"), None, "of another collector");
        store.settle().unwrap();
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
        let tables = files.filter(|file| file.file_name().to_string_lossy().ends_with(".sst"));
        let size: u64 = tables.map(|file| file.metadata().unwrap().len()).sum();
        assert!(size <= MOST + MOST / 4, "{size} bytes");
    }
}
