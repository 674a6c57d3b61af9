//! The end of every path on a worker: hands outputs to the outbox, marks requests as finished, and decides when to cut.
//!
//! A cut covers everything that was handed out before it: outputs, the positions of the requests they came from, and
//! what the join says of its own inputs and rows. The join's share travels in-band (`Out::Cut`), so that it is exactly
//! the state behind the outputs before it.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::scheduling::Activator;

use super::join::JoinCut;
use super::node::Work;
use super::requests::Request;
use super::shared::{Shared, Written};
use crate::clock::SharedClock;
use crate::engine::{Bell, Epoch, Lost, Mailbox};
use crate::io::{Cut, Ends, IoError, Outbox, OutboxEvents, Outgoing, Position, Topic};
use crate::telemetry::Meters;

/// What arrives at the end of a path.
#[derive(Clone)]
pub enum Out {
    /// A node has finished a request.
    Finished {
        /// The index of the node.
        node: usize,
        /// The request.
        request: Request,
        /// Its outputs.
        outputs: Result<Vec<Outgoing>, Lost>,
    },
    /// The join has a record.
    Joined(Outgoing),
    /// The join's share of a cut, behind everything it covers.
    Cut(Rc<std::cell::Cell<Option<JoinCut>>>),
}

/// Partitions of topics.
pub type Places = BTreeSet<(Topic, u32)>;

/// What the end of the paths is told from outside.
pub enum DeliverMessage {
    /// Partitions go away: answer when everything of them that is done is committed.
    Release(Places, SyncSender<()>),
    /// Do not wait for what is under way: cut, and answer when that is committed.
    GiveUp(SyncSender<()>),
}

/// Tells the worker what its outbox does.
pub struct Events {
    /// Wakes the operator.
    pub bell: Bell,
    /// Called when nothing can be written any more.
    pub failed: Arc<dyn Fn(IoError) + Send + Sync>,
    /// How far its cuts are written.
    pub written: Written,
}

impl OutboxEvents for Events {
    fn progressed(&self) {
        self.bell.ring();
    }

    fn committed(&self, ends: Ends) {
        self.written.note(ends);
    }

    fn failed(&self, error: IoError) {
        (self.failed)(error);
        self.bell.ring();
    }
}

/// The state of the operator.
pub struct Deliver {
    /// The way out.
    pub outbox: Outbox,
    /// What the operators of the worker share.
    pub shared: Rc<Shared>,
    /// The nodes that make calls, for those that were lost.
    pub nodes: Vec<Arc<dyn Work>>,
    /// Messages from outside.
    pub mailbox: Mailbox<DeliverMessage>,
    /// What is shown.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
    /// Time between two cuts under load.
    pub interval: Duration,
    /// Whether the flow has a join, whose share belongs to every cut.
    pub joins: bool,
    /// Bytes after which a cut does not wait for its time.
    pub enough: usize,
}

/// How far things are.
struct Progressing {
    waiting: VecDeque<Out>,
    batch: Vec<Outgoing>,
    /// Bytes handed out since the last cut.
    bytes: usize,
    /// Something happened since the last cut.
    moved: bool,
    last_cut: Instant,
    /// The join was asked for its share of a cut. While the outbox is full that waits with all else: asked again, the join
    /// would give many, and each would hold up what is behind it until the cut before it is committed.
    share_asked: bool,
    /// The join's share of a cut that could not be made yet.
    join_share: Option<JoinCut>,
    /// Whether the join's last share is here; until then there is no cut without one, or its outputs would be committed
    /// before its positions.
    join_ended: bool,
    /// Partitions that go away with the next cut, and who waits for it.
    releasing: Vec<(Places, SyncSender<()>)>,
    /// Who waits for the cut that is on its way.
    released: Vec<SyncSender<()>>,
    giving_up: Vec<SyncSender<()>>,
    given_up: Vec<SyncSender<()>>,
    cutting: bool,
}

/// Adds the operator. It keeps the dataflow alive until everything that arrived is committed.
pub fn deliver(
    input: StreamVec<'_, Epoch, Out>,
    make: impl FnOnce(Bell) -> Result<Deliver, IoError>,
) -> Result<(), IoError> {
    let scope = input.scope();
    let mut builder = OperatorBuilder::new("deliver".to_owned(), scope);
    let info = builder.operator_info();
    let bell = Bell::new(scope.worker().sync_activator_for(info.address.to_vec()));
    let activator = scope.activator_for(info.address.clone());
    let deliver = make(bell.clone())?;
    let join_ended = !deliver.joins;
    let mut input = builder.new_input(input, Pipeline);
    builder.build_reschedule(move |_capabilities| {
        let mut deliver = Some(deliver);
        let mut state = Progressing {
            waiting: VecDeque::new(),
            batch: Vec::new(),
            bytes: 0,
            moved: false,
            last_cut: Instant::now(),
            share_asked: false,
            join_share: None,
            join_ended,
            releasing: Vec::new(),
            released: Vec::new(),
            giving_up: Vec::new(),
            given_up: Vec::new(),
            cutting: false,
        };
        move |frontiers| {
            bell.silence();
            input.for_each(|_, batch| state.waiting.extend(batch.drain(..)));
            let drained = frontiers[0].is_empty();
            let Some(running) = deliver.as_mut() else { return false };
            let done = running.step(&mut state, drained, &activator);
            if done {
                // Waits for the outbox's thread, which has nothing left to do.
                deliver = None;
            }
            !done
        }
    });
    Ok(())
}

impl Deliver {
    /// Does what can be done now; true when everything is committed and nothing more can come.
    fn step(&mut self, state: &mut Progressing, drained: bool, activator: &Activator) -> bool {
        while let Some(message) = self.mailbox.take() {
            match message {
                DeliverMessage::Release(partitions, done) => state.releasing.push((partitions, done)),
                DeliverMessage::GiveUp(done) => state.giving_up.push(done),
            }
        }
        if state.cutting && !self.outbox.cutting() {
            state.cutting = false;
            self.meters.cuts.fetch_add(1, Ordering::Relaxed);
            Self::committed(state);
            if let Some(due) = self.shared.rows_due.get() {
                activator.activate_after(due.saturating_duration_since(Instant::now()));
            }
        }
        loop {
            // What is behind the join's share of a cut stays behind the cut.
            while self.outbox.open()
                && state.join_share.is_none()
                && let Some(out) = state.waiting.pop_front()
            {
                self.take(state, out);
            }
            self.send(state);
            self.cut_when_due(state, drained, activator);
            if state.join_share.is_some() || state.waiting.is_empty() || !self.outbox.open() {
                break;
            }
        }
        let open = self.outbox.open() && state.waiting.is_empty();
        if open && !self.shared.outbox_open.replace(open) {
            self.shared.wake_sources();
        } else {
            self.shared.outbox_open.set(open);
        }
        drained && state.waiting.is_empty() && !state.cutting && !state.moved && state.join_share.is_none()
    }

    fn take(&mut self, state: &mut Progressing, out: Out) {
        match out {
            Out::Joined(record) => {
                state.moved = true;
                state.batch.push(record);
            }
            Out::Cut(share) => {
                state.join_share = share.take();
                state.share_asked = false;
                state.join_ended |= state.join_share.as_ref().is_some_and(|share| share.last);
            }
            Out::Finished { node, request, outputs } => {
                let place = request.job.place;
                let mut requests = self.shared.requests.borrow_mut();
                let Some(progress) = requests
                    .get_mut(&(place.topic, place.partition))
                    .filter(|progress| progress.generation == request.generation)
                else {
                    // The partition was given away meanwhile: its new owner makes the call again.
                    return;
                };
                let lost = |Lost| self.nodes.get(node).map_or_else(Vec::new, |work| work.lost(&request.job));
                let outputs = outputs.unwrap_or_else(lost);
                state.batch.extend(outputs);
                progress.finish(node, place.offset);
                let (low, now) = (progress.low(), self.clock.now());
                // What has no call goes to other partitions.
                self.shared.waits(node >= self.nodes.len(), |waiting| {
                    waiting.finished(place.partition, place.topic, low, now);
                });
                self.shared.changed.borrow_mut().insert((place.topic, place.partition));
                state.moved = true;
            }
        }
    }

    fn send(&mut self, state: &mut Progressing) {
        if state.batch.is_empty() {
            return;
        }
        match self.outbox.send(std::mem::take(&mut state.batch)) {
            Ok(bytes) => state.bytes += bytes,
            // The outbox has told its failure; the process is ending.
            Err(_) => state.moved = false,
        }
    }

    fn cut_when_due(&mut self, state: &mut Progressing, drained: bool, activator: &Activator) {
        let rows_due = self.shared.rows_due.get().is_some_and(|due| due <= Instant::now());
        if !self.shared.changed.borrow().is_empty() || self.shared.join_moved.get() || rows_due {
            state.moved = true;
        }
        let asked = !state.releasing.is_empty() || !state.giving_up.is_empty();
        if state.cutting || !(state.moved || asked || state.join_share.is_some()) {
            return;
        }
        if let Some(share) = state.join_share.take() {
            self.cut(state, Some(share));
            return;
        }
        let elapsed = state.last_cut.elapsed();
        let due = drained
            || asked
            || elapsed >= self.interval
            || state.bytes >= self.enough
            // Positions alone can wait: nobody sees them, and an output would have to wait for their cut.
            || ((state.bytes > 0 || rows_due) && self.shared.idle() && state.waiting.is_empty());
        if !due {
            activator.activate_after(self.interval.saturating_sub(elapsed));
            return;
        }
        if !(state.join_ended || (drained && state.waiting.is_empty())) {
            if !std::mem::replace(&mut state.share_asked, true) {
                self.shared.cut_wanted.set(true);
                self.shared.join_source.borrow().iter().for_each(|source| source.activate());
            }
        } else {
            self.cut(state, None);
        }
    }

    fn cut(&mut self, state: &mut Progressing, share: Option<JoinCut>) {
        let JoinCut { mut positions, state: rows, .. } = share.unwrap_or_default();
        positions.extend(self.request_positions());
        let empty = positions.is_empty() && rows.is_none() && state.bytes == 0;
        state.moved = false;
        state.bytes = 0;
        state.last_cut = Instant::now();
        for (partitions, done) in state.releasing.drain(..) {
            // Calls that end from now on are the next owner's: this was the last cut that tells how far the partition is.
            self.shared.requests.borrow_mut().retain(|place, _| !partitions.contains(place));
            state.released.push(done);
        }
        state.given_up.append(&mut state.giving_up);
        if empty {
            Self::committed(state);
        } else if self.outbox.cut(Cut { positions, state: rows }).is_ok() {
            state.cutting = true;
        }
    }

    fn request_positions(&self) -> Vec<Position> {
        let now = self.clock.now();
        let requests = self.shared.requests.borrow();
        let changed = std::mem::take(&mut *self.shared.changed.borrow_mut());
        changed
            .into_iter()
            .filter_map(|(topic, partition)| {
                let progress = requests.get(&(topic, partition))?;
                let next = progress.lanes.iter().map(|(_, _, tracker)| tracker.next()).max().unwrap_or(0);
                progress.meter.moved(progress.low(), next, now);
                Some(progress.position(topic, partition))
            })
            .collect()
    }

    /// The last cut is committed: who waited for it is told.
    fn committed(state: &mut Progressing) {
        for done in state.released.drain(..).chain(state.given_up.drain(..)) {
            // Nobody may wait any more.
            let _ = done.try_send(());
        }
    }
}

#[cfg(test)]
mod tests;
