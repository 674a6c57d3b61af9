//! The source of one request topic on one worker: reads its partitions in turn, as far as the credit and the way out allow.

use std::collections::BTreeMap;
use std::rc::Rc;

use timely::scheduling::Activator;

use super::dead_letter::Place;
use super::node::Job;
use super::shared::{Progress, Shared};
use crate::clock::SharedClock;
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
    /// The time.
    pub clock: SharedClock,
    /// Called when a partition cannot be read.
    pub failed: Rc<dyn Fn(IoError)>,
    /// Names come in here: nothing is read while the join is full.
    pub entry: bool,
    /// Its records go to other partitions.
    pub moves: bool,
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
                let meter = self.meters.open_partition(&self.name, partition, reader.end());
                let progress = Progress::resume(generation, self.nodes.clone(), committed.as_ref(), meter);
                self.shared.requests.borrow_mut().insert((self.topic, partition), progress);
                if !self.entry {
                    self.shared.waits(self.moves, |waiting| waiting.open(partition, self.topic));
                }
                self.partitions.insert(partition, (reader, generation));
            }
            RequestMessage::Close(partition) => {
                self.partitions.remove(&partition);
                self.shared.waits(self.moves, |waiting| waiting.close(partition, self.topic));
            }
            RequestMessage::Stop => {
                self.partitions.clear();
                self.stopped = true;
            }
        }
    }

    /// Reads a turn of one partition; whether it may have more.
    fn read(&mut self, partition: u32, batch: &mut Vec<Request>) -> bool {
        let shared = self.shared.clone();
        let mut requests = shared.requests.borrow_mut();
        let Some(progress) = requests.get_mut(&(self.topic, partition)) else { return false };
        for _ in 0..TURN {
            if !self.credit.open() || batch.len() >= BATCH {
                return true;
            }
            let Some((reader, generation)) = self.partitions.get_mut(&partition) else { return false };
            let generation = *generation;
            let polled = reader.poll();
            let fetched = match polled {
                Ok(Polled::Record(fetched)) => fetched,
                Ok(nothing @ (Polled::Empty | Polled::End)) => {
                    let (at_end, now) = (matches!(nothing, Polled::End), self.clock.now());
                    shared.waits(self.moves, |waiting| {
                        waiting.found_empty(partition, self.topic, at_end, now);
                    });
                    return false;
                }
                Err(error) => {
                    (self.failed)(error);
                    return false;
                }
            };
            let (offset, time) = (fetched.offset, fetched.record.time);
            shared.waits(self.moves, |waiting| waiting.read(partition, self.topic, offset, time));
            let work = progress.begin(fetched.offset);
            self.shared.changed.borrow_mut().insert((self.topic, partition));
            if work == 0 {
                continue;
            }
            let place = Place { topic: self.topic, partition, offset: fetched.offset };
            let permit = self.credit.take(fetched.record.bytes());
            let job = Job { place, record: fetched.record };
            batch.push(Request { job, generation, work, permit });
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
            self.shared.waits(self.moves, |waiting| waiting.hold(self.topic, false));
            return Pull::Done;
        }
        if self.entry && self.shared.join_full.get() {
            self.shared.set_busy(self.source, false);
            return Pull::Idle(None);
        }
        if !self.shared.outbox_open.get() {
            self.shared.waits(self.moves, |waiting| waiting.hold(self.topic, true));
            return Pull::Idle(None);
        }
        let mut more = false;
        let turns = self.partitions.range(self.turn..).chain(self.partitions.range(..self.turn));
        let turns: Vec<u32> = turns.map(|(partition, _)| *partition).collect();
        for partition in turns {
            more |= self.read(partition, batch);
            self.turn = partition + 1;
            if batch.len() >= BATCH || !self.credit.open() {
                // The partitions after this one have not had their turn.
                more = true;
                break;
            }
        }
        let full = !self.credit.open();
        if full {
            self.credit.wake_when_open(self.activator.clone());
        }
        self.shared.waits(self.moves, |waiting| waiting.hold(self.topic, more || full));
        self.shared.set_busy(self.source, more && !full);
        if more && !full { Pull::More } else { Pull::Idle(None) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::mpsc::sync_channel;

    use proptest::prelude::*;
    use timely::dataflow::channels::pact::Pipeline;
    use timely::dataflow::operators::generic::operator::Operator as _;

    use super::*;
    use crate::clock::ManualClock;
    use crate::engine::{Epoch, source};
    use crate::flow::waiting::Moving;
    use crate::io::{Fetched, RawRecord, Wake};
    use crate::telemetry::Meters;

    /// A partition whose records are all there. Like Kafka's queues it wakes nobody while it holds something.
    struct Full(VecDeque<i64>);

    impl Reader for Full {
        fn poll(&mut self) -> Result<Polled, IoError> {
            let next = self.0.pop_front().map(|offset| Fetched { offset, record: RawRecord::default() });
            Ok(next.map_or(Polled::Empty, Polled::Record))
        }

        fn wake_by(&mut self, _: Wake) {}

        fn end(&self) -> std::sync::Arc<std::sync::atomic::AtomicI64> {
            std::sync::Arc::default()
        }
    }

    /// Reads partitions of these sizes with `credit` records under way at once; the number of records that came, first
    /// while the join is full, and then until nothing more comes.
    fn read(sizes: Vec<usize>, credit: usize) -> (usize, usize) {
        let (sender, received) = sync_channel(1);
        timely::execute_directly(move |worker| {
            let all: usize = sizes.iter().sum();
            let count = Rc::new(std::cell::Cell::new(0));
            let counted = count.clone();
            let shared = Shared::new(0, Moving::default());
            shared.join_full.set(true);
            let mut door = None;
            worker.dataflow::<Epoch, _, _>(|scope| {
                let requests = source(scope, "requests", |bell, activator| {
                    let mailbox = Mailbox::new(bell.clone());
                    door = Some(mailbox.clone());
                    shared.sources.borrow_mut().push(activator.clone());
                    RequestFeed {
                        source: 0,
                        entry: true,
                        moves: false,
                        topic: Topic(0),
                        name: "t".to_owned(),
                        nodes: vec![(0, "n".to_owned())],
                        credit: Credit::new(credit, usize::MAX),
                        mailbox,
                        bell,
                        activator,
                        shared: shared.clone(),
                        meters: std::sync::Arc::new(Meters::new(
                            "f",
                            [],
                            std::sync::Arc::new(ManualClock::at(1)),
                        )),
                        clock: std::sync::Arc::new(ManualClock::at(1)),
                        failed: Rc::new(|error| panic!("{error}")),
                        partitions: BTreeMap::new(),
                        turn: 0,
                        stopped: false,
                    }
                });
                requests.sink(Pipeline, "count", move |(input, _)| {
                    input.for_each(|_, batch| counted.set(counted.get() + batch.drain(..).count()));
                });
            });
            let door = door.unwrap();
            for (partition, size) in sizes.iter().enumerate() {
                let reader = Box::new(Full((0..*size as i64).collect()));
                let partition = partition as u32;
                door.post(RequestMessage::Open { partition, reader, committed: None, generation: 1 });
            }
            // As long as there is something to do; then nothing wakes the source any more.
            let mut until_quiet = || {
                for _ in 0..all + 100 {
                    worker.step();
                }
                count.get()
            };
            let while_full = until_quiet();
            shared.join_full.set(false);
            shared.wake_sources();
            sender.send((while_full, until_quiet())).unwrap();
            door.post(RequestMessage::Stop);
        });
        received.recv().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 6))]

        /// What lies in the partitions is read without anybody waking the source again, but not while the join is full.
        #[test]
        fn nothing_is_left_unread(sizes in prop::collection::vec(0_usize..400, 1..8), credit in 1_usize..600) {
            let all = sizes.iter().sum::<usize>();
            prop_assert_eq!(read(sizes, credit), (0, all));
        }
    }

    #[test]
    fn a_partition_that_ends_with_a_full_batch_does_not_hide_the_others() {
        assert_eq!(read(vec![64, 64, 64, 64, 1], 1000), (0, 257));
    }
}
