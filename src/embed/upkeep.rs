//! What a long-lived job does now and then beside its flow: it deletes old records of embedded topics, and gives back the
//! memory and disk that ended names have left in the store. What is kept is decided elsewhere (`io::embedded`,
//! `flow::join`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Process;
use crate::clock::SharedClock;
use crate::io::IoError;
use crate::io::embedded::Log;
use crate::state::{StateError, Store};
use crate::telemetry::Meters;

/// How often the store is looked at. It is quiet if nothing was written between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks until old records are looked for again.
const TRIM_EVERY: u32 = 12;

/// The running upkeep of a job.
pub struct Upkeep {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Upkeep {
    /// Starts the upkeep of `process` on the current Tokio runtime.
    pub fn start(process: &Process) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let mut trimming = process.log.clone().map(|log| Trimming {
            log,
            group: process.group.clone(),
            retention: process.settings.topics.retention.0,
            clock: process.clock.clone(),
        });
        let mut settling = Settling::new(process.store.clone(), process.meters.clone());
        let task = tokio::spawn(async move {
            for look in 1_u32.. {
                if tokio::time::timeout(LOOK_EVERY, &mut stopped).await.is_ok() {
                    return;
                }
                // RocksDB blocks.
                let done = spawn_blocking(move || {
                    if let Some(trimming) = trimming.as_ref().filter(|_| look.is_multiple_of(TRIM_EVERY))
                        && let Err(error) = trimming.trim()
                    {
                        tracing::warn!(%error, "old records were not deleted");
                    }
                    if let Err(error) = settling.look() {
                        tracing::warn!(%error, "the store did not give back what it does not need");
                    }
                    (trimming, settling)
                });
                // A panic was told by its thread; the flow goes on without upkeep.
                let Ok(done) = done.await else { return };
                (trimming, settling) = done;
            }
        });
        Self { stop, task }
    }

    /// Stops it; when this returns, it does not hold the store any more.
    pub async fn stop(self) {
        drop(self.stop);
        // What it was at is finished.
        let _ = self.task.await;
    }
}

/// Deletes old records of embedded topics.
struct Trimming {
    log: Log,
    group: String,
    retention: Duration,
    clock: SharedClock,
}

impl Trimming {
    /// Deletes records that are older than the retention, unless the group has still to read them.
    fn trim(&self) -> Result<(), IoError> {
        let horizon = self.clock.now() - self.retention.as_millis() as i64;
        for topic in self.log.topics().iter() {
            for partition in 0..self.log.topics().partitions_of(topic) {
                self.log.trim_before(&self.group, topic, partition, horizon)?;
            }
        }
        Ok(())
    }
}

/// Settles the store once no name is open and nothing is being written: what it holds of names is deletions by then.
struct Settling {
    store: Store,
    meters: Arc<Meters>,
    /// Writes at the last look, and when the store was settled.
    seen: u64,
    settled: u64,
}

impl Settling {
    fn new(store: Store, meters: Arc<Meters>) -> Self {
        let seen = store.writes();
        Self { store, meters, seen, settled: seen }
    }

    fn look(&mut self) -> Result<(), StateError> {
        let writes = self.store.writes();
        let quiet = std::mem::replace(&mut self.seen, writes) == writes;
        if quiet && writes != self.settled && self.meters.join.open.load(Ordering::Relaxed) == 0 {
            self.settled = writes;
            self.store.settle()?;
        }
        Ok(())
    }
}
