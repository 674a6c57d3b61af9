//! The async operator: one Tokio task for each record, results in whatever order they finish.
//!
//! It holds a capability for each epoch with open calls, so that the frontier tells when all are done. Each call gives
//! exactly one result, also when its task panics. Records that wait for a free place and calls that run are bounded by
//! the permits (`credit.rs`) the records carry. Dropping the operator aborts its calls.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::mpsc::{SyncSender, sync_channel};

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::pace::Window;
use super::{Bell, Epoch, Pace};

/// The task of a call ended without a result: it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// Where calls run, and how many.
#[derive(Clone)]
pub struct Calls {
    /// The runtime.
    pub tokio: Handle,
    /// How well it keeps up.
    pub pace: Pace,
    /// Calls of one operator at once.
    pub limit: usize,
}

/// Adds an operator that runs `start(item)` for each item, as many at once as `calls` says and the process keeps up with,
/// and gives the item with its result.
pub fn call<'scope, I, O, F, Fut>(
    input: StreamVec<'scope, Epoch, I>,
    name: &str,
    calls: Calls,
    mut start: F,
) -> StreamVec<'scope, Epoch, (I, Result<O, Lost>)>
where
    I: Clone + 'static,
    O: Clone + Send + 'static,
    F: FnMut(&I) -> Fut + 'static,
    Fut: Future<Output = O> + Send + 'static,
{
    let worker = input.scope().worker().clone();
    input.unary(Pipeline, name, move |_capability, info| {
        let bell = Bell::new(worker.sync_activator_for(info.address.to_vec()));
        let Calls { tokio, pace, limit } = calls;
        let limit = limit.max(1);
        pace.wake(bell.clone());
        let mut window = Window::new(pace.clone(), limit);
        // A running call sends once, so the channel never fills.
        let (sender, receiver) = sync_channel(limit);
        let mut held = Held::default();
        let mut ready: VecDeque<(Epoch, I)> = VecDeque::new();
        let mut running: HashMap<u64, Running<I>> = HashMap::new();
        let mut next_id = 0_u64;

        move |input, output| {
            bell.silence();
            input.for_each_stamp(|capability, batches| {
                let Some(capability) = capability.retain_least(0) else { return };
                let epoch = *capability.time();
                let before = ready.len();
                for batch in batches {
                    ready.extend(batch.drain(..).map(|item| (epoch, item)));
                }
                held.add(capability, ready.len() - before);
            });
            while let Ok((id, result)) = receiver.try_recv() {
                // The reply of a call is the only thing that removes it, and comes once.
                let Some(Running { epoch, item, .. }) = running.remove(&id) else { continue };
                if let Some(capability) = held.get(epoch) {
                    output.session(capability).give((item, result));
                }
                held.finish(epoch);
            }
            while !ready.is_empty()
                && window.open(running.len())
                && let Some((epoch, item)) = ready.pop_front()
            {
                let id = next_id;
                next_id += 1;
                let reply = Reply { id, sender: Some(sender.clone()), bell: bell.clone() };
                let work = start(&item);
                let task = tokio.spawn(async move { reply.send(work.await) });
                running.insert(id, Running { epoch, item, task: AbortOnDrop(task.abort_handle()) });
            }
            if !running.is_empty() {
                pace.working();
            }
        }
    })
}

struct Running<I> {
    epoch: Epoch,
    item: I,
    #[expect(dead_code, reason = "held for its drop")]
    task: AbortOnDrop,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        // No effect on a task that has ended.
        self.0.abort();
    }
}

/// Sends exactly one result for a call: the one it is given, or [`Lost`] when it is dropped without.
struct Reply<O> {
    id: u64,
    sender: Option<SyncSender<(u64, Result<O, Lost>)>>,
    bell: Bell,
}

impl<O> Reply<O> {
    fn send(mut self, result: O) {
        self.reply(Ok(result));
    }

    fn reply(&mut self, result: Result<O, Lost>) {
        if let Some(sender) = self.sender.take() {
            // It fails only when the operator is gone, and nobody waits for the result.
            let _ = sender.try_send((self.id, result));
            self.bell.ring();
        }
    }
}

impl<O> Drop for Reply<O> {
    fn drop(&mut self) {
        self.reply(Err(Lost));
    }
}

/// The capabilities of the epochs that have open calls, with their number.
#[derive(Default)]
struct Held(BTreeMap<Epoch, (Capability<Epoch>, usize)>);

impl Held {
    fn add(&mut self, capability: Capability<Epoch>, calls: usize) {
        if calls > 0 {
            self.0.entry(*capability.time()).or_insert((capability, 0)).1 += calls;
        }
    }

    fn get(&self, epoch: Epoch) -> Option<&Capability<Epoch>> {
        self.0.get(&epoch).map(|(capability, _)| capability)
    }

    fn finish(&mut self, epoch: Epoch) {
        if let Some((_, open)) = self.0.get_mut(&epoch) {
            *open -= 1;
            if *open == 0 {
                self.0.remove(&epoch);
            }
        }
    }
}
