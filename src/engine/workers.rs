//! The worker threads of a process: start, drain, abandon. A worker that panics ends the whole process, since timely's
//! other workers would wait for it for ever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use timely::WorkerConfig;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

/// Called with the message of a panic on a worker thread. It should end the process.
pub type OnPanic = Arc<dyn Fn(&str) + Send + Sync>;

/// The running workers.
pub struct Workers {
    guards: WorkerGuards<()>,
    abandon: Arc<AtomicBool>,
    ending: Ending,
}

/// Tells when all workers have ended. Clones share it.
#[derive(Clone)]
pub struct Ending {
    running: Arc<(Mutex<usize>, Condvar)>,
}

impl Workers {
    /// Starts `count` workers; each builds its dataflows with `build` and runs until all of them have drained.
    pub fn start<B>(count: usize, on_panic: OnPanic, build: B) -> Result<Self, String>
    where
        B: Fn(&mut Worker) + Send + Sync + 'static,
    {
        let abandon = Arc::new(AtomicBool::new(false));
        let abandoned = abandon.clone();
        let count = count.max(1);
        let ending = Ending { running: Arc::new((Mutex::new(count), Condvar::new())) };
        let ends = ending.clone();
        let mut config = timely::Config::process(count);
        config.worker = WorkerConfig::default();
        let guards = timely::execute(config, move |worker| {
            let _ends = Ends(ends.clone());
            let ran = catch_unwind(AssertUnwindSafe(|| {
                build(worker);
                while worker.has_dataflows() {
                    worker.step_or_park(None);
                    if abandoned.load(Ordering::Acquire) {
                        for dataflow in worker.installed_dataflows() {
                            worker.drop_dataflow(dataflow);
                        }
                    }
                }
            }));
            if let Err(panic) = ran {
                on_panic(message(panic.as_ref()));
            }
        })?;
        Ok(Self { guards, abandon, ending })
    }

    /// Lets go of all dataflows at the next step of each worker; calls under way are aborted.
    pub fn abandon(&self) {
        self.abandon.store(true, Ordering::Release);
        for guard in self.guards.guards() {
            guard.thread().unpark();
        }
    }

    /// Tells when all workers have ended.
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Waits until all workers have ended, and lets go of their threads.
    pub fn join(self) {
        self.ending.wait();
        // A panic has been reported by `on_panic` on its own thread.
        drop(self.guards.join());
    }
}

impl Ending {
    /// Blocks until all workers have ended.
    pub fn wait(&self) {
        let (running, changed) = &*self.running;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running > 0 {
            running = changed.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Counts a worker as ended when it is dropped, also by an unwind.
struct Ends(Ending);

impl Drop for Ends {
    fn drop(&mut self) {
        let (running, changed) = &*self.0.running;
        *running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        changed.notify_all();
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
