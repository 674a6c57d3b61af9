//! The operators together, under random schedules: nothing lost, nothing twice, the budget kept, drains end.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::Activator;
use tokio::runtime::Runtime;

use super::*;

/// Gives the numbers from `next` to `end`, as many at once as the credit allows.
struct Numbers {
    next: u64,
    end: u64,
    credit: Rc<Credit>,
    activator: Activator,
}

impl Feed for Numbers {
    type Item = (u64, Permit);

    fn pull(&mut self, batch: &mut Vec<Self::Item>) -> Pull {
        while self.next < self.end {
            if !self.credit.open() {
                self.credit.wake_when_open(self.activator.clone());
                return Pull::Idle(None);
            }
            batch.push((self.next, self.credit.take(1)));
            self.next += 1;
            if batch.len() == 16 {
                return Pull::More;
            }
        }
        Pull::Done
    }
}

/// What a call does: how often it yields, how long it waits, whether it panics.
#[derive(Clone, Debug)]
struct Behaviour {
    yields: u8,
    millis: u64,
    panics: bool,
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    (0_u8..4, prop_oneof![Just(0), 0_u64..4], prop::bool::weighted(0.05))
        .prop_map(|(yields, millis, panics)| Behaviour { yields, millis, panics })
}

type Results = Arc<Mutex<BTreeMap<(usize, u64), Vec<Result<u64, Lost>>>>>;

fn tokio() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn must_not_panic() -> OnPanic {
    Arc::new(|message| panic!("a worker panicked: {message}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 10))]

    #[test]
    fn each_item_gives_one_result(
        calls in prop::collection::vec(behaviour(), 1..400),
        limit in 1_usize..40,
        budget in 1_usize..60,
        workers in 1_usize..3,
    ) {
        // Calls that panic are part of the test; their messages are not.
        std::panic::set_hook(Box::new(|_| {}));
        let tokio = tokio();
        let handle = tokio.handle().clone();
        let results = Results::default();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let pace = Pace::start(&handle);
        let (kept, seen, highest) = (results.clone(), running.clone(), most.clone());
        let script = Arc::new(calls.clone());
        let workers_run = Workers::start(workers, must_not_panic(), move |worker| {
            let (index, handle, pace) = (worker.index(), handle.clone(), pace.clone());
            let (script, results) = (script.clone(), kept.clone());
            let (running, most) = (seen.clone(), highest.clone());
            worker.dataflow(move |scope| {
                let end = script.len() as u64;
                let numbers = source(scope, "numbers", |_bell, activator| Numbers {
                    next: 0,
                    end,
                    credit: Credit::new(budget, usize::MAX),
                    activator,
                });
                let called = call(numbers, "call", Calls { tokio: handle, pace, limit }, move |&(number, _)| {
                    let behaviour = script[number as usize].clone();
                    let (running, most) = (running.clone(), most.clone());
                    async move {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        for _ in 0..behaviour.yields {
                            tokio::task::yield_now().await;
                        }
                        if behaviour.millis > 0 {
                            tokio::time::sleep(Duration::from_millis(behaviour.millis)).await;
                        }
                        running.fetch_sub(1, Ordering::SeqCst);
                        assert!(!behaviour.panics);
                        number * 2
                    }
                });
                called.sink(Pipeline, "results", move |(input, _frontier)| {
                    input.for_each(|_, batch| {
                        for ((number, _permit), result) in batch.drain(..) {
                            results.lock().unwrap().entry((index, number)).or_default().push(result);
                        }
                    });
                });
            });
        })
        .unwrap();
        workers_run.join();
        let _ = std::panic::take_hook();

        let results = results.lock().unwrap();
        prop_assert_eq!(results.len(), calls.len() * workers);
        for ((_, number), results) in results.iter() {
            let expected = if calls[*number as usize].panics { Err(Lost) } else { Ok(number * 2) };
            prop_assert_eq!(results, &vec![expected]);
        }
        let most = most.load(Ordering::SeqCst);
        prop_assert!(most <= limit.min(budget) * workers, "{} calls at once", most);
    }
}

#[test]
fn abandoned_calls_are_aborted() {
    struct Gone(Arc<AtomicUsize>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    let tokio = tokio();
    let handle = tokio.handle().clone();
    let (started, started_all) = std::sync::mpsc::sync_channel(64);
    let gone = Arc::new(AtomicUsize::new(0));
    let dropped = gone.clone();
    let workers = Workers::start(1, must_not_panic(), move |worker| {
        let (handle, started, dropped) = (handle.clone(), started.clone(), dropped.clone());
        let pace = Pace::start(&handle);
        worker.dataflow(|scope| {
            let numbers = source(scope, "numbers", |_bell, activator| Numbers {
                next: 0,
                end: 50,
                credit: Credit::new(100, usize::MAX),
                activator,
            });
            call(numbers, "call", Calls { tokio: handle, pace, limit: 100 }, move |_| {
                let (gone, started) = (Gone(dropped.clone()), started.clone());
                async move {
                    let _gone = gone;
                    started.send(()).unwrap();
                    std::future::pending::<()>().await;
                }
            });
        });
    })
    .unwrap();
    for _ in 0..50 {
        started_all.recv().unwrap();
    }
    workers.abandon();
    workers.join();
    drop(tokio);
    assert_eq!(gone.load(Ordering::SeqCst), 50);
}

#[test]
fn a_panic_of_a_worker_is_reported() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let on_panic: OnPanic = Arc::new(move |message| sender.send(message.to_owned()).unwrap());
    let workers = Workers::start(1, on_panic, |_| panic!("broken invariant")).unwrap();
    assert_eq!(receiver.recv().unwrap(), "broken invariant");
    workers.join();
}
