//! Why: the async operator adds bookkeeping to each call (credit, epoch, reply, bell); this is what that costs.
//! What: calls through a timely dataflow, and the same calls as bare Tokio tasks behind a semaphore.
//! Knobs: CALLS, FLIGHTS at once, and whether a call answers at once or after a millisecond.

mod paired;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domainflow::engine::{Calls, Credit, Feed, Pace, Permit, Pull, call, source};
use timely::scheduling::Activator;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;

const CALLS: u64 = 20_000;
const FLIGHTS: usize = 512;

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
    for (what, latency) in
        [("answers at once", Duration::ZERO), ("answers after 1 ms", Duration::from_millis(1))]
    {
        paired::compare(
            &format!("a call that {what}"),
            CALLS as usize,
            ("through the operator", || through_operator(runtime.handle(), latency)),
            ("as a bare task", || bare(&runtime, latency)),
        );
    }
}

async fn answer(latency: Duration) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

/// Gives numbers for as long as the credit lasts.
struct Numbers {
    next: u64,
    credit: Rc<Credit>,
    activator: Activator,
}

impl Feed for Numbers {
    type Item = (u64, Permit);

    fn pull(&mut self, batch: &mut Vec<Self::Item>) -> Pull {
        while self.next < CALLS {
            if !self.credit.open() {
                self.credit.wake_when_open(self.activator.clone());
                return Pull::Idle(None);
            }
            batch.push((self.next, self.credit.take(1)));
            self.next += 1;
        }
        Pull::Done
    }
}

fn through_operator(tokio: &Handle, latency: Duration) {
    let tokio = tokio.clone();
    timely::execute_directly(move |worker| {
        worker.dataflow::<u64, _, _>(|scope| {
            let calls = Calls { pace: Pace::start(&tokio), tokio, limit: FLIGHTS };
            let numbers = source(scope, "numbers", |_, activator| Numbers {
                next: 0,
                credit: Credit::new(2 * FLIGHTS, usize::MAX),
                activator,
            });
            call(numbers, "call", calls, move |_| answer(latency));
        });
        while worker.has_dataflows() {
            worker.step_or_park(None);
        }
    });
}

fn bare(runtime: &Runtime, latency: Duration) {
    runtime.block_on(async {
        let flights = Arc::new(Semaphore::new(FLIGHTS));
        for _ in 0..CALLS {
            let permit = flights.clone().acquire_owned().await.expect("it is never closed");
            tokio::spawn(async move {
                answer(latency).await;
                drop(permit);
            });
        }
        let _all = flights.acquire_many(FLIGHTS as u32).await.expect("it is never closed");
    });
}
