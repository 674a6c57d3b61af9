//! The worker threads of a process: start, drain, abandon. A worker that panics ends the whole process, since timely's
//! other workers would wait for it for ever.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::sync::atomic::{AtomicBool, Ordering};

use timely::WorkerConfig;
use timely::communication::WorkerGuards;
use timely::worker::Worker;

/// Called with the message of a panic on a worker thread. It should end the process.
pub type OnPanic = Arc<dyn Fn(&str) + Send + Sync>;

/// The running workers.
pub struct Workers {
    guards: WorkerGuards<()>,
    abandon: Arc<AtomicBool>,
    count: usize,
    ended: Arc<(Mutex<usize>, Condvar)>,
}

impl Workers {
    /// Starts `count` workers; each builds its dataflows with `build` and runs until all of them have drained.
    pub fn start<B>(count: usize, on_panic: OnPanic, build: B) -> Result<Self, String>
    where
        B: Fn(&mut Worker) + Send + Sync + 'static,
    {
        let abandon = Arc::new(AtomicBool::new(false));
        let abandoned = abandon.clone();
        let (count, ended) = (count.max(1), Arc::new((Mutex::new(0), Condvar::new())));
        let ends = ended.clone();
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
        Ok(Self { guards, abandon, count, ended })
    }

    /// Lets go of all dataflows at the next step of each worker; calls under way are aborted.
    pub fn abandon(&self) {
        self.abandon.store(true, Ordering::Release);
        for guard in self.guards.guards() {
            guard.thread().unpark();
        }
    }

    /// Waits until all workers have ended. A panic has been reported on its own thread.
    pub fn wait(&self) {
        let (ended, changed) = &*self.ended;
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        while *ended < self.count {
            ended = changed.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all workers have ended, and lets go of their threads.
    pub fn join(self) {
        self.wait();
        drop(self.guards.join());
    }
}

/// Counts a worker as ended when it is dropped, also by an unwind.
struct Ends(Arc<(Mutex<usize>, Condvar)>);

impl Drop for Ends {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.1.notify_all();
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
