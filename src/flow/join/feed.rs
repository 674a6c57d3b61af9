//! The source of the join on one worker: the result topics of each partition, read together in the order of their times.
//!
//! A partition that comes in after a restart is first read muted, up to where the group was; then it goes live. A value
//! whose schema is not known yet holds its partition until it is.

mod fed;
mod input;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::fed::Fed;
pub use self::input::Ready;
use self::input::{Front, Input, Rung, read};
use super::rows::Opening;
use super::show::OpenName;
use crate::clock::{Millis, SharedClock};
use crate::codec::PartReader;
use crate::engine::align::{self, Next};
use crate::engine::{Bell, Feed, Mailbox, Pull};
use crate::flow::shared::Shared;
use crate::io::{IoError, Polled, Reader, Topic};
use crate::telemetry::Meters;

/// Records that are taken from one partition before the next has its turn.
const TURN: usize = 128;
/// Records that enter at once.
const BATCH: usize = 512;
/// While anything happens, a partition for which nothing came has a turn this often: its deadlines may be due.
const GLANCE: Millis = 20;
/// Deadlines are looked at this often at most while nothing arrives.
const TICK: Millis = 500;

/// What the source is told from outside.
pub enum ResultMessage {
    /// A partition is assigned.
    Open {
        /// The partition.
        partition: u32,
        /// A reader for each input, in their order.
        readers: Vec<(Topic, Box<dyn Reader>)>,
        /// The offset of each input before which everything was emitted.
        live_from: Vec<i64>,
        /// The names that were open.
        opening: Box<Opening>,
    },
    /// A partition goes away.
    Close(u32),
    /// Somebody wants to know what is known of a name.
    Look(Look),
    /// Nothing more will ever arrive: all deadlines are due.
    EndOfTime,
    /// Nothing more is to be read.
    Stop,
}

/// Asks for what is known of a name.
pub struct Look {
    /// Its partition.
    pub partition: u32,
    /// Its key.
    pub name: Bytes,
    /// Takes the answer.
    pub reply: oneshot::Sender<Vec<OpenName>>,
}

/// What enters the join.
#[derive(Clone)]
pub enum JoinItem {
    /// A partition with the names that were open.
    Open(u32, Rc<Cell<Option<Opening>>>),
    /// A result.
    Part {
        /// The partition.
        partition: u32,
        /// The index of its input.
        input: usize,
        /// The record.
        ready: Box<Ready>,
    },
    /// The partition has caught up with its group: what it emits from now on is new.
    Live(u32),
    /// The time of the stream.
    Time(u32, Millis),
    /// The partition goes away.
    Close(u32),
    /// Somebody wants to know what is known of a name.
    Look(Rc<Cell<Option<Look>>>),
    /// A cut.
    Cut {
        /// Nothing comes behind it.
        last: bool,
    },
}

/// The feed of the join.
pub struct ResultFeed {
    /// Its number among the sources of the worker.
    source: usize,
    setup: FeedSetup,
    /// Messages from outside.
    mailbox: Mailbox<ResultMessage>,
    /// Wakes the source from other threads.
    bell: Bell,
    /// What the operators of the worker share.
    shared: Rc<Shared>,
    failed: Rc<dyn Fn(IoError)>,
    /// The partitions, by number.
    partitions: BTreeMap<u32, Aligned>,
    /// The partition that has the next turn.
    turn: u32,
    end: End,
}

/// What the feeds of all workers share.
#[derive(Clone)]
pub struct FeedSetup {
    /// The readers of values, one for each input.
    pub parts: Vec<PartReader>,
    /// The names of the inputs.
    pub names: Vec<String>,
    /// For each input, the topics whose records are brought to it from other partitions.
    pub fed_by: Vec<Vec<Topic>>,
    /// Learns schemas.
    pub tokio: Handle,
    /// The time.
    pub clock: SharedClock,
    /// What is shown.
    pub meters: Arc<Meters>,
}

/// How far the end of a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not asked for.
    None,
    /// Nothing more will arrive.
    OfTime,
    /// Nothing more is to be read.
    Stopped,
}

/// The inputs of one partition.
struct Aligned {
    inputs: Vec<Input>,
    /// One of the inputs may have something.
    rung: Arc<AtomicBool>,
    /// When it is to have a turn though none has.
    turn_at: Millis,
    muted: bool,
    /// The last time that was told to the join.
    told: Millis,
}

/// What became of a partition's turn.
enum Turn {
    /// It may have more at once.
    More,
    /// It has nothing; it is to be looked at again at this time, if nothing wakes it before.
    Until(Millis),
}

impl ResultFeed {
    /// A feed without partitions, which is source number `source` of its worker. `failed` is called when a partition
    /// cannot be read.
    pub fn new(
        source: usize,
        setup: FeedSetup,
        mailbox: Mailbox<ResultMessage>,
        bell: Bell,
        shared: Rc<Shared>,
        failed: Rc<dyn Fn(IoError)>,
    ) -> Self {
        let partitions = BTreeMap::new();
        Self { source, setup, mailbox, bell, shared, failed, partitions, turn: 0, end: End::None }
    }

    fn handle(&mut self, message: ResultMessage, batch: &mut Vec<JoinItem>) {
        match message {
            ResultMessage::Open { partition, readers, live_from, opening } => {
                let now = self.setup.clock.now();
                let rung = Arc::new(AtomicBool::new(true));
                let inputs = readers.into_iter().zip(live_from).zip(&opening.starts).zip(&self.setup.names);
                let inputs = inputs.map(|((((_, mut reader), live_from), start), name)| {
                    let input = Arc::new(AtomicBool::new(true));
                    let rung = Rung { input, partition: rung.clone(), bell: self.bell.clone() };
                    let rings = rung.clone();
                    reader.wake_by(Box::new(move || rings.ring()));
                    let front = Front::Empty { last: None, since: now };
                    let meter = self.setup.meters.open_partition(name, partition, reader.end());
                    let input = Input { reader, live_from, next: *start, front, rung, meter };
                    input.show_again(true);
                    input
                });
                let inputs = inputs.collect();
                let aligned = Aligned { inputs, rung, turn_at: 0, muted: true, told: Millis::MIN };
                self.partitions.insert(partition, aligned);
                batch.push(JoinItem::Open(partition, Rc::new(Cell::new(Some(*opening)))));
            }
            ResultMessage::Close(partition) => {
                if self.partitions.remove(&partition).is_some() {
                    batch.push(JoinItem::Close(partition));
                    self.shared.join_moved.set(true);
                }
            }
            ResultMessage::Look(look) => batch.push(JoinItem::Look(Rc::new(Cell::new(Some(look))))),
            ResultMessage::EndOfTime if self.end == End::None => self.end = End::OfTime,
            ResultMessage::EndOfTime => {}
            ResultMessage::Stop => self.end = End::Stopped,
        }
    }

    /// Fills the fronts of a partition's inputs that are empty.
    fn fill(&mut self, partition: u32, now: Millis) {
        let Some(aligned) = self.partitions.get_mut(&partition) else { return };
        for (input, parts) in aligned.inputs.iter_mut().zip(&self.setup.parts) {
            let fetched = match std::mem::replace(&mut input.front, Front::End) {
                ready @ Front::Ready(_) => {
                    input.front = ready;
                    continue;
                }
                Front::Learning(fetched, learned) if learned.load(Ordering::Acquire) => {
                    Ok(Polled::Record(*fetched))
                }
                learning @ Front::Learning(..) => {
                    input.front = learning;
                    continue;
                }
                waiting @ (Front::Empty { .. } | Front::End) => {
                    input.front = waiting;
                    let Some(polled) = input.poll() else { continue };
                    polled
                }
            };
            match fetched {
                Ok(Polled::Record(fetched)) => {
                    input.front = read(parts, fetched, &self.setup.tokio, &input.rung);
                }
                Ok(Polled::End) => input.front = Front::End,
                Ok(Polled::Empty) => {
                    if matches!(input.front, Front::End) {
                        input.front = Front::Empty { last: Some(now), since: now };
                    }
                }
                Err(error) => (self.failed)(error),
            }
        }
    }

    /// Gives a partition its turn, if something came for it or it has not had one for a while.
    fn turn_of(&mut self, partition: u32, now: Millis, batch: &mut Vec<JoinItem>) -> Turn {
        let Some(aligned) = self.partitions.get_mut(&partition) else { return Turn::Until(Millis::MAX) };
        // Before the turn: what comes during it is told again.
        if !aligned.rung.swap(false, Ordering::AcqRel) {
            if now < aligned.turn_at {
                return Turn::Until(aligned.turn_at);
            }
            // Nothing hangs on a ring that was not heard.
            aligned.inputs.iter().for_each(|input| input.rung.input.store(true, Ordering::Release));
        }
        let turn = self.take(partition, now, batch);
        if let Some(aligned) = self.partitions.get_mut(&partition) {
            aligned.turn_at = match turn {
                Turn::More => now,
                Turn::Until(until) => until.min(now + GLANCE),
            };
        }
        turn
    }

    /// Takes a turn of one partition.
    fn take(&mut self, partition: u32, now: Millis, batch: &mut Vec<JoinItem>) -> Turn {
        let fed = Fed::look(&self.setup.fed_by, &self.shared.moving, now);
        for _ in 0..TURN {
            self.fill(partition, now);
            let Some(aligned) = self.partitions.get_mut(&partition) else { break };
            if aligned.muted && aligned.inputs.iter().all(Input::caught_up) {
                aligned.muted = false;
                aligned.inputs.iter().for_each(|input| input.show_again(false));
                batch.push(JoinItem::Live(partition));
            }
            let heads = fed.heads(&aligned.inputs, aligned.muted, now);
            let index = match align::next(&heads, now) {
                Next::Take(index) => index,
                next => {
                    self.tell_time(partition, &fed, batch);
                    let wait = if let Next::Wait(until) = next { until } else { Millis::MAX };
                    return Turn::Until(fed.until(wait, now));
                }
            };
            let input = &mut aligned.inputs[index];
            let ready = match std::mem::replace(&mut input.front, Front::End) {
                Front::Ready(ready) => ready,
                learning => {
                    // Nothing of the partition may overtake it.
                    input.front = learning;
                    return Turn::Until(Millis::MAX);
                }
            };
            input.front = Front::Empty { last: Some(ready.fetched.record.time), since: now };
            input.next = ready.fetched.offset + 1;
            input.meter.moved(input.next, input.next, now);
            if aligned.muted {
                input.show_again(true);
            }
            batch.push(JoinItem::Part { partition, input: index, ready });
        }
        self.tell_time(partition, &fed, batch);
        Turn::More
    }

    /// Tells the join the time of the stream, if something may be due.
    fn tell_time(&mut self, partition: u32, fed: &Fed, batch: &mut Vec<JoinItem>) {
        let now = self.setup.clock.now();
        let Some(aligned) = self.partitions.get_mut(&partition).filter(|aligned| !aligned.muted) else {
            return;
        };
        let heads = fed.heads(&aligned.inputs, false, now);
        let caught_up = align::next(&heads, now) == Next::CaughtUp;
        let time = match self.end {
            End::OfTime if caught_up => Millis::MAX,
            // A part whose request is in this process, or that is on its way from another partition, has not been late yet.
            _ => {
                let waiting = self.shared.waiting.borrow_mut().heads(partition, now);
                align::stream_time(&[&heads[..], &waiting, &fed.arriving()].concat(), now)
            }
        };
        let due = self.shared.next_due.get().is_some_and(|due| due <= time);
        if time > aligned.told && due {
            aligned.told = time;
            batch.push(JoinItem::Time(partition, time));
        }
    }
}

impl Feed for ResultFeed {
    type Item = JoinItem;

    fn pull(&mut self, batch: &mut Vec<JoinItem>) -> Pull {
        while let Some(message) = self.mailbox.take() {
            self.handle(message, batch);
        }
        if self.end == End::Stopped {
            self.partitions.clear();
            self.shared.set_busy(self.source, false);
            batch.push(JoinItem::Cut { last: true });
            return Pull::Done;
        }
        if !self.shared.outbox_open.get() {
            if self.shared.cut_wanted.take() {
                batch.push(JoinItem::Cut { last: false });
            }
            return Pull::Idle(None);
        }
        let (mut until, mut more) = (Millis::MAX, false);
        let turns = self.partitions.range(self.turn..).chain(self.partitions.range(..self.turn));
        let turns: Vec<u32> = turns.map(|(partition, _)| *partition).collect();
        // One time for all: together they take a few milliseconds.
        let now = self.setup.clock.now();
        for partition in turns {
            match self.turn_of(partition, now, batch) {
                Turn::More => more = true,
                Turn::Until(time) => until = until.min(time),
            }
            self.turn = partition + 1;
            if batch.len() >= BATCH {
                more = true;
                break;
            }
        }
        if !batch.is_empty() {
            self.shared.join_moved.set(true);
        }
        self.shared.set_busy(self.source, more);
        if self.shared.cut_wanted.take() {
            batch.push(JoinItem::Cut { last: false });
        }
        if more {
            return Pull::More;
        }
        let now = self.setup.clock.now();
        let due = self.shared.next_due.get().map_or(Millis::MAX, |due| due.clamp(now + 10, now + TICK));
        match until.min(due) {
            Millis::MAX => Pull::Idle(None),
            until => Pull::Idle(Some(Duration::from_millis((until - now).max(1) as u64))),
        }
    }
}
