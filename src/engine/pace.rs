//! How many calls may run at once: as many as the process keeps up with. A process that is short of processor time reads
//! replies late, and would report its own lateness as the silence of others; so it is measured how long a task waits for
//! its turn, and the number of calls shrinks and grows with it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Bell;

/// How often it is measured.
const TICK: Duration = Duration::from_millis(20);

/// Turns that come later than this tell of too much work.
const LATE: Duration = Duration::from_millis(15);

/// Calls that may run however late turns are, and with which a start begins.
const LEAST: usize = 16;
const FIRST: usize = 64;

/// Measures how well the process keeps up. Clones share it. Measures only while calls run.
#[derive(Clone)]
pub struct Pace(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ticks: AtomicU64,
    late: AtomicBool,
    working: AtomicBool,
    work: Notify,
    bells: Mutex<Vec<Bell>>,
}

impl Pace {
    /// Starts measuring on a runtime; ends with the last clone.
    pub fn start(tokio: &Handle) -> Self {
        let inner = Arc::new(Inner::default());
        let measured = Arc::downgrade(&inner);
        tokio.spawn(async move {
            loop {
                let Some(inner) = measured.upgrade() else { return };
                if !inner.working.swap(false, Ordering::AcqRel) {
                    // Nothing runs: whoever starts a call says so. The timeout lets the last clone go.
                    let _ = tokio::time::timeout(Duration::from_secs(60), inner.work.notified()).await;
                }
                drop(inner);
                let started = Instant::now();
                sleep(TICK).await;
                wait_for_turn().await;
                let late = started.elapsed().saturating_sub(TICK) > LATE;
                let Some(inner) = measured.upgrade() else { return };
                inner.late.store(late, Ordering::Release);
                inner.ticks.fetch_add(1, Ordering::AcqRel);
                for bell in inner.bells.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    bell.ring();
                }
            }
        });
        Self(inner)
    }

    /// Has an operator woken at every measurement.
    pub(super) fn wake(&self, bell: Bell) {
        self.0.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    /// Says that calls run.
    pub(super) fn working(&self) {
        if !self.0.working.swap(true, Ordering::AcqRel) {
            self.0.work.notify_one();
        }
    }
}

/// Returns after all tasks that could run before on this thread have run. A task that a timer wakes overtakes them: of
/// what one poll wakes, Tokio runs the last at once, and only the others queue.
async fn wait_for_turn() {
    let queues = tokio::spawn(async {});
    tokio::spawn(async {});
    // It cannot fail but with the runtime, and then nobody measures.
    let _ = queues.await;
}

/// The window of one operator: how many of its calls may run at once.
pub(super) struct Window {
    pace: Pace,
    size: usize,
    limit: usize,
    seen: u64,
    /// The window was full since the last measurement: only then is there a reason to widen it.
    full: bool,
}

impl Window {
    /// A window of at most `limit` calls.
    pub(super) fn new(pace: Pace, limit: usize) -> Self {
        Self { pace, size: FIRST.min(limit), limit, seen: 0, full: false }
    }

    /// Whether another call may start beside `running` ones.
    pub(super) fn open(&mut self, running: usize) -> bool {
        let inner = &self.pace.0;
        let ticks = inner.ticks.load(Ordering::Acquire);
        if ticks != self.seen {
            self.seen = ticks;
            if inner.late.load(Ordering::Acquire) {
                self.size = (self.size * 3 / 4).max(LEAST).min(self.limit);
            } else if self.full {
                self.size = (self.size + self.size / 4 + 1).min(self.limit);
            }
            self.full = false;
        }
        self.full |= running >= self.size;
        running < self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_widens_while_it_is_full_and_narrows_while_turns_are_late() {
        let pace = Pace(Arc::default());
        let mut window = Window::new(pace.clone(), 100);
        let mut tick = |late: bool, running: usize| {
            pace.0.late.store(late, Ordering::SeqCst);
            pace.0.ticks.fetch_add(1, Ordering::SeqCst);
            window.open(running);
            window.size
        };
        assert_eq!(tick(false, 64), 64);
        assert_eq!(tick(false, 64), 81);
        assert_eq!(tick(false, 0), 81, "not full");
        assert_eq!(tick(false, 81), 81);
        assert_eq!(tick(false, 100), 100);
        assert_eq!(tick(true, 100), 75);
        for _ in 0..20 {
            tick(true, 100);
        }
        assert_eq!(tick(true, 100), LEAST);
    }
}
