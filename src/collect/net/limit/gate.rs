//! The queue of one server. At its head is one request at a time; it waits until it may be sent, the others behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Queue, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::rate::Log;
use super::{LimitError, ServerLimits};

/// The first pause after a refusal without `Retry-After`; every further one in a row is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, whatever a server says: it may have meant another unit.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The requests of one server: those that pass hold a permit of `open`, and all of them one of `room`.
#[derive(Debug)]
pub(super) struct Gate {
    open: Arc<Semaphore>,
    room: Arc<Semaphore>,
    all: usize,
    wait: Duration,
    /// Fair: whoever came first gets it first.
    head: Queue<()>,
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    logs: Vec<Log>,
    /// Requests that wait for their turn.
    waiting: usize,
    /// Until when the server wants to be left alone.
    paused: Option<Instant>,
    refusals: u32,
}

/// The leave to have one request open; given back when dropped.
#[derive(Debug)]
#[must_use = "the request counts as ended when this is dropped"]
pub struct Pass {
    _open: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Gate {
    pub fn new(limits: &ServerLimits) -> Self {
        let most = Semaphore::MAX_PERMITS / 2;
        let open = limits.open.unwrap_or(1).clamp(1, most);
        let all = open + limits.waiting.unwrap_or_default().min(most);
        let logs = limits.rates.iter().flatten().copied().map(Log::new).collect();
        Self {
            open: Arc::new(Semaphore::new(open)),
            room: Arc::new(Semaphore::new(all)),
            all,
            wait: limits.wait.unwrap_or_default().0,
            head: Queue::default(),
            times: Mutex::new(Times { logs, waiting: 0, paused: None, refusals: 0 }),
        }
    }

    pub async fn pass(&self, share: f64, deadline: Instant) -> Result<Pass, LimitError> {
        let late = if self.wait.is_zero() { LimitError::Refused } else { LimitError::Late };
        let room = self.room.clone().try_acquire_owned().map_err(|_| LimitError::Refused)?;
        let now = Instant::now();
        let until = deadline.min(now + self.wait);
        let _waiting = {
            let mut times = self.times();
            if times.turn(times.waiting, share, now) > until {
                return Err(late);
            }
            times.waiting += 1;
            Waiting(&self.times)
        };
        let turn = async {
            let _head = self.head.lock().await;
            // The semaphore is never closed.
            let open = self.open.clone().acquire_owned().await.map_err(|_| late)?;
            loop {
                let now = Instant::now();
                let turn = {
                    let mut times = self.times();
                    let turn = times.turn(0, share, now);
                    if turn <= now {
                        times.logs.iter_mut().for_each(|log| log.send(now));
                        return Ok(open);
                    }
                    turn
                };
                // A pause may have begun after the request had been let into the queue.
                if turn > until {
                    return Err(late);
                }
                sleep_until(turn).await;
            }
        };
        let open = timeout_at(until, turn).await.unwrap_or(Err(late))?;
        Ok(Pass { _open: open, _room: room })
    }

    /// Begins a pause; its length.
    pub fn refused(&self, retry_after: Option<Duration>) -> Duration {
        let mut times = self.times();
        let growing = FIRST_PAUSE * 2_u32.pow(times.refusals.min(10));
        times.refusals = times.refusals.saturating_add(1);
        let pause = retry_after.unwrap_or(growing).min(LONGEST_PAUSE);
        let until = Instant::now() + pause;
        times.paused = Some(times.paused.map_or(until, |paused| paused.max(until)));
        pause
    }

    pub fn answered(&self) {
        self.times().refusals = 0;
    }

    /// Whether nothing is lost when this is forgotten.
    pub fn idle(&self, share: f64, now: Instant) -> bool {
        let times = self.times();
        self.room.available_permits() == self.all
            && times.paused.is_none_or(|paused| paused <= now)
            && times.logs.iter().all(|log| log.idle(share, now))
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    /// When a request may be sent that has `ahead` others before it.
    fn turn(&self, ahead: usize, share: f64, now: Instant) -> Instant {
        let start = self.paused.map_or(now, |paused| paused.max(now));
        self.logs.iter().map(|log| log.turn(ahead, share, start)).fold(start, Instant::max)
    }
}

/// Counts a request as waiting until it is dropped.
struct Waiting<'a>(&'a Mutex<Times>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }
}
