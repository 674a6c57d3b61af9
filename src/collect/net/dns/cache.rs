//! What was found out lately, kept for as long as it holds, and one flight for all who ask the same at the same time.
//!
//! Failures are kept for some seconds too (RFC 9520), so that a dead name server is not asked anew for each of its
//! zones. What is asked, and of whom, is for the user to say. The memory and its bounds: `recent.rs`.

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::{Name, RecordType};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::AskError;
use super::name::write_wire;
use super::recent::Recent;

/// How long a failure is remembered (RFC 9520 section 3.2: at least one second).
const FAILURE_LIFE: Duration = Duration::from_secs(5);
/// About how many bytes a question takes besides its answer.
const ENTRY: usize = 256;

/// The type and the name on the wire, lower case: one comparison of octets in place of one by label and letter.
pub(super) type Key = Box<[u8]>;

pub(super) type Outcome<T> = Result<Arc<T>, AskError>;

/// What can be kept.
pub(super) trait Keep {
    /// How long it holds from now on.
    fn life(&self) -> Duration;
    /// About how many bytes it takes.
    fn size(&self) -> usize;
}

/// A bounded memory of outcomes.
#[derive(Debug)]
pub(super) struct Cache<T> {
    entries: Recent<Key, Arc<Flight<T>>>,
    /// In bytes.
    room: usize,
}

/// One question and its outcome, which is missing while the question is on its way.
#[derive(Debug)]
pub(super) struct Flight<T>(OnceCell<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    outcome: Outcome<T>,
    /// When it no longer counts.
    until: Instant,
    size: usize,
}

impl<T: Keep> Cache<T> {
    /// A memory of `room` bytes.
    pub fn new(room: usize) -> Self {
        let weigh = |flight: &Arc<Flight<T>>| ENTRY + flight.0.get().map_or(0, |kept| kept.size);
        Self { entries: Recent::new(room, weigh), room }
    }

    /// The flight of a question: one that is on its way, or whose outcome still counts, or a new one.
    pub fn flight(&self, key: Key) -> Arc<Flight<T>> {
        let now = Instant::now();
        // One that is on its way is for all who ask meanwhile.
        let fresh = |flight: &Arc<Flight<T>>| flight.0.get().is_none_or(|kept| now < kept.until);
        self.entries.get_or_insert_with(key, fresh, || Arc::new(Flight(OnceCell::new())))
    }

    /// What is known and still counts.
    pub fn known(&self, key: Key) -> Option<Arc<T>> {
        let now = Instant::now();
        let fresh = |flight: &Arc<Flight<T>>| flight.0.get().is_some_and(|kept| now < kept.until);
        self.entries.get(key, fresh)?.outcome()?.ok()
    }

    /// Puts in what was found out by the way.
    pub fn learn(&self, key: Key, found: Arc<T>) {
        let kept = self.keep(Ok(found));
        self.entries.get_or_insert_with(key, |_| false, || Arc::new(Flight(OnceCell::from(kept))));
    }

    /// The outcome of a flight. The first who wants it asks; if that one gives up, the next one asks anew.
    pub async fn outcome<F>(&self, flight: &Flight<T>, ask: impl FnOnce() -> F) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        // In a box, so that those who find an answer do not carry the room for asking.
        let fill = || {
            Box::pin(async {
                let kept = self.keep(ask().await);
                self.entries.grow(kept.size);
                kept
            })
        };
        flight.0.get_or_init(fill).await.outcome.clone()
    }

    fn keep(&self, outcome: Outcome<T>) -> Kept<T> {
        let size = outcome.as_ref().map_or(0, |found| found.size());
        let now = Instant::now();
        // One that would push out all others is only for those who wait for it.
        let until = if ENTRY + size > self.room / 2 { now } else { now + life(&outcome) };
        Kept { outcome, until, size }
    }
}

impl<T> Flight<T> {
    /// What came of it, if it has ended.
    pub fn outcome(&self) -> Option<Outcome<T>> {
        self.0.get().map(|kept| kept.outcome.clone())
    }
}

/// The key of a question.
pub(super) fn key(name: &Name, rr_type: RecordType) -> Key {
    let mut key = Vec::with_capacity(2 + name.len() + 1);
    key.extend_from_slice(&u16::from(rr_type).to_be_bytes());
    write_wire(name, &mut key);
    key[2..].make_ascii_lowercase();
    key.into()
}

fn life<T: Keep>(outcome: &Outcome<T>) -> Duration {
    match outcome {
        Ok(found) => found.life(),
        // These are ours, not the name's.
        Err(AskError::Busy | AskError::Io(_) | AskError::Session(_)) => Duration::ZERO,
        Err(_) => FAILURE_LIFE,
    }
}
