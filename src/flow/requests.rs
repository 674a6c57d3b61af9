//! The source of one request topic on one worker: reads its partitions in turn, as far as the credit and the way out allow.

use std::collections::BTreeMap;
use std::rc::Rc;

use timely::scheduling::Activator;

use super::dead_letter::Place;
use super::node::Job;
use super::shared::{Progress, Shared};
use crate::engine::{Bell, Credit, Feed, Mailbox, Permit, Pull};
use crate::io::{IoError, Polled, Position, Reader, Topic};

/// Records that are taken from one partition before the next has its turn.
const TURN: usize = 64;
/// Records that enter at once.
const BATCH: usize = 256;

/// A record on its way through the nodes of its topic.
#[derive(Clone)]
pub struct Request {
    /// The record and where it was read.
    pub job: Job,
    /// The assignment of its partition under which it was read.
    pub generation: u64,
    /// A bit for each node that has work to do for it.
    pub work: u64,
    /// Its share of the credit, held until all its nodes are done.
    #[expect(dead_code, reason = "held for its drop")]
    pub permit: Permit,
}

/// What the source is told from outside.
pub enum RequestMessage {
    /// A partition is assigned.
    Open {
        /// The partition.
        partition: u32,
        /// Its reader.
        reader: Box<dyn Reader>,
        /// Where the group is.
        committed: Option<Position>,
        /// The number of the assignment.
        generation: u64,
    },
    /// A partition goes away.
    Close(u32),
    /// Nothing more is to be read.
    Stop,
}

/// The feed of a request topic.
pub struct RequestFeed {
    /// Its number among the sources of the worker.
    pub source: usize,
    /// The topic.
    pub topic: Topic,
    /// Its name, for what is shown.
    pub name: String,
    /// The nodes that read it.
    pub nodes: Vec<(usize, String)>,
    /// What may be under way.
    pub credit: Rc<Credit>,
    /// Messages from outside.
    pub mailbox: Mailbox<RequestMessage>,
    /// Wakes the source from other threads.
    pub bell: Bell,
    /// Wakes the source from this thread.
    pub activator: Activator,
    /// What the operators of the worker share.
    pub shared: Rc<Shared>,
    /// What is shown.
    pub meters: std::sync::Arc<crate::telemetry::Meters>,
    /// Called when a partition cannot be read.
    pub failed: Rc<dyn Fn(IoError)>,
    /// The partitions, by number.
    pub partitions: BTreeMap<u32, (Box<dyn Reader>, u64)>,
    /// The partition that has the next turn.
    pub turn: u32,
    /// Whether the end has been asked for.
    pub stopped: bool,
}

impl RequestFeed {
    fn handle(&mut self, message: RequestMessage) {
        match message {
            RequestMessage::Open { partition, mut reader, committed, generation } => {
                let bell = self.bell.clone();
                reader.wake_by(Box::new(move || bell.ring()));
                let meter = self.meters.partition(&self.name, partition);
                let progress = Progress::resume(generation, self.nodes.clone(), committed.as_ref(), meter);
                self.shared.requests.borrow_mut().insert((self.topic, partition), progress);
                self.partitions.insert(partition, (reader, generation));
            }
            RequestMessage::Close(partition) => drop(self.partitions.remove(&partition)),
            RequestMessage::Stop => {
                self.partitions.clear();
                self.stopped = true;
            }
        }
    }

    /// Reads a turn of one partition; whether it may have more.
    fn read(&mut self, partition: u32, batch: &mut Vec<Request>) -> bool {
        let Some((reader, generation)) = self.partitions.get_mut(&partition) else { return false };
        let mut requests = self.shared.requests.borrow_mut();
        let Some(progress) = requests.get_mut(&(self.topic, partition)) else { return false };
        for _ in 0..TURN {
            if !self.credit.open() || batch.len() >= BATCH {
                return true;
            }
            let fetched = match reader.poll() {
                Ok(Polled::Record(fetched)) => fetched,
                Ok(Polled::Empty | Polled::End) => {
                    if let Some(end) = reader.end() {
                        progress.meter.end.store(end, std::sync::atomic::Ordering::Relaxed);
                    }
                    return false;
                }
                Err(error) => {
                    (self.failed)(error);
                    return false;
                }
            };
            let work = progress.begin(fetched.offset);
            self.shared.changed.borrow_mut().insert((self.topic, partition));
            if work == 0 {
                continue;
            }
            let place = Place { topic: self.topic, partition, offset: fetched.offset };
            let permit = self.credit.take(fetched.record.bytes());
            let job = Job { place, record: fetched.record };
            batch.push(Request { job, generation: *generation, work, permit });
        }
        true
    }
}

impl Feed for RequestFeed {
    type Item = Request;

    fn pull(&mut self, batch: &mut Vec<Request>) -> Pull {
        while let Some(message) = self.mailbox.take() {
            self.handle(message);
        }
        if self.stopped {
            self.shared.set_busy(self.source, false);
            return Pull::Done;
        }
        if !self.shared.outbox_open.get() {
            return Pull::Idle(None);
        }
        let mut more = false;
        let turns = self.partitions.range(self.turn..).chain(self.partitions.range(..self.turn));
        let turns: Vec<u32> = turns.map(|(partition, _)| *partition).collect();
        for partition in turns {
            more |= self.read(partition, batch);
            self.turn = partition + 1;
            if batch.len() >= BATCH || !self.credit.open() {
                break;
            }
        }
        let full = !self.credit.open();
        if full {
            self.credit.wake_when_open(self.activator.clone());
        }
        self.shared.set_busy(self.source, more && !full);
        if more && !full { Pull::More } else { Pull::Idle(None) }
    }
}
