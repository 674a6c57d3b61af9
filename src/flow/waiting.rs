//! Up to which time the requests of a partition are answered that follow from other results.
//!
//! A part whose request still waits in front of a collector of this process, or is being worked on, is not late: its
//! outcome will come. So the join's time stays behind such a request, and moves on when its result has had the time to
//! arrive. No call takes longer than `engine.call_limit`, so time does not stand still for longer than that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Millis;
use crate::engine::align::{Head, stream_time};
use crate::io::Topic;

/// How long a result may take to the join: a cut, its commit and a fetch.
const TRAVEL: Millis = 5_000;

/// Requests within so short a time are taken for one.
const STEP: Millis = 100;

/// The fronts of request topics on one worker.
#[derive(Debug, Default)]
pub struct Waiting {
    fronts: BTreeMap<(u32, Topic), Front>,
    /// Topics whose source has more than it may take: what is in front of their partitions is not looked at.
    held: BTreeSet<Topic>,
}

#[derive(Debug)]
struct Front {
    head: Head,
    /// When it was last looked at in vain: what has come since is not older.
    looked: Millis,
    /// Offset and time of the requests that are read and not finished, in steps.
    open: VecDeque<(i64, Millis)>,
    /// Offset of the last one that was read.
    last: i64,
    /// Times of requests whose results are on their way, and when they must have arrived.
    finished: VecDeque<(Millis, Millis)>,
}

impl Waiting {
    /// A partition is assigned; what is in front of it is not known.
    pub fn open(&mut self, partition: u32, topic: Topic) {
        let front = Front {
            head: Head::At(Millis::MIN),
            looked: Millis::MIN,
            open: VecDeque::new(),
            last: i64::MIN,
            finished: VecDeque::new(),
        };
        self.fronts.insert((partition, topic), front);
    }

    /// A partition went away.
    pub fn close(&mut self, partition: u32, topic: Topic) {
        self.fronts.remove(&(partition, topic));
    }

    /// The request at `offset`, of this time, was read.
    pub fn read(&mut self, partition: u32, topic: Topic, offset: i64, time: Millis) {
        let Some(front) = self.fronts.get_mut(&(partition, topic)) else { return };
        front.head = Head::At(time);
        front.last = offset;
        if front.open.back().is_none_or(|(_, before)| time >= before + STEP) {
            front.open.push_back((offset, time));
        }
    }

    /// All requests before the offset `low` are finished.
    pub fn finished(&mut self, partition: u32, topic: Topic, low: i64, now: Millis) {
        let Some(front) = self.fronts.get_mut(&(partition, topic)) else { return };
        // A step ends where the next one begins, or with the last request.
        while let Some((_, time)) = front.open.front()
            && low >= front.open.get(1).map_or(front.last.saturating_add(1), |(next, _)| *next)
        {
            front.finished.push_back((*time, now + TRAVEL));
            front.open.pop_front();
        }
    }

    /// Nothing was found at `now`, since the partition is read to its end, or for now.
    pub fn found_empty(&mut self, partition: u32, topic: Topic, at_end: bool, now: Millis) {
        let Some(front) = self.fronts.get_mut(&(partition, topic)) else { return };
        front.looked = now;
        front.head = match front.head {
            _ if at_end => Head::End,
            Head::At(last) => Head::Empty { last: Some(last), since: now },
            head => head,
        };
    }

    /// Whether the source of a topic leaves requests where they are.
    pub fn hold(&mut self, topic: Topic, held: bool) {
        if held {
            self.held.insert(topic)
        } else {
            self.held.remove(&topic)
        };
    }

    /// What is in front of the requests of a partition, by their times.
    pub fn heads(&mut self, partition: u32, now: Millis) -> Vec<Head> {
        let Self { fronts, held } = self;
        let fronts = fronts.range_mut((partition, Topic(0))..);
        let fronts = fronts.take_while(|((of, _), _)| *of == partition);
        fronts
            .flat_map(|((_, topic), front)| {
                let unread = front.unread(held.contains(topic));
                unread.into_iter().chain(front.on_their_way(now))
            })
            .collect()
    }

    /// What is in front of all partitions of a topic: what is not finished, and what is on its way.
    fn of_topic(&mut self, topic: Topic, now: Millis) -> (Vec<Head>, Vec<Head>) {
        let held = self.held.contains(&topic);
        let (mut unread, mut on_their_way) = (Vec::new(), Vec::new());
        for (_, front) in self.fronts.iter_mut().filter(|((_, of), _)| *of == topic) {
            unread.extend(front.unread(held));
            on_their_way.extend(front.on_their_way(now));
        }
        (unread, on_their_way)
    }
}

impl Front {
    fn unread(&self, held: bool) -> impl Iterator<Item = Head> + use<> {
        let head = match self.head {
            Head::Empty { .. } | Head::End if held => Head::At(self.looked),
            head => head,
        };
        let open = self.open.front().map(|(_, time)| Head::At(*time));
        [Some(head), open].into_iter().flatten()
    }

    fn on_their_way(&mut self, now: Millis) -> Option<Head> {
        while self.finished.front().is_some_and(|(_, until)| *until <= now) {
            self.finished.pop_front();
        }
        self.finished.front().map(|(time, _)| Head::At(*time))
    }
}

/// The fronts of the topics whose records go to other partitions. What is in front of any partition may belong to any, so
/// all workers of the process see all of them; each moves its own.
#[derive(Clone)]
pub struct Moving(Arc<[Mutex<Waiting>]>);

/// What of a topic whose records go to other partitions is not where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The least time of what is not written yet.
    pub unwritten: Millis,
    /// The least time of that, and of what may not have arrived yet.
    pub arriving: Millis,
}

impl Behind {
    /// Nothing is behind.
    pub fn none(now: Millis) -> Self {
        Self { unwritten: now, arriving: now }
    }

    /// What is behind of either.
    pub fn least(self, other: Self) -> Self {
        Self { unwritten: self.unwritten.min(other.unwritten), arriving: self.arriving.min(other.arriving) }
    }
}

impl Default for Moving {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Moving {
    /// The fronts of so many workers.
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Mutex::default()).collect())
    }

    /// The fronts of one worker.
    pub fn of(&self, worker: usize) -> MutexGuard<'_, Waiting> {
        self.0[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is behind of a topic; the present for what is not.
    pub fn behind(&self, topic: Topic, now: Millis) -> Behind {
        let of = |worker| {
            let (unread, on_their_way) = self.of(worker).of_topic(topic, now);
            let unwritten = stream_time(&unread, now);
            Behind { unwritten, arriving: unwritten.min(stream_time(&on_their_way, now)) }
        };
        (0..self.0.len()).map(of).fold(Behind::none(now), Behind::least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stays_behind_what_waits() {
        const NOW: Millis = 1_000_000;
        let (mut waiting, topic) = (Waiting::default(), Topic(3));
        let time = |waiting: &mut Waiting| stream_time(&waiting.heads(7, NOW), NOW);
        assert_eq!(time(&mut waiting), NOW, "there are no such requests");
        waiting.open(7, topic);
        waiting.open(8, Topic(2));
        assert_eq!(time(&mut waiting), Millis::MIN, "nobody has looked yet");
        waiting.read(7, topic, 40, 500);
        assert_eq!(time(&mut waiting), 500, "there may be more of that time");
        waiting.found_empty(7, topic, false, NOW);
        assert_eq!(time(&mut waiting), 500, "more may be on its way");
        waiting.found_empty(7, topic, true, NOW - 10);
        assert_eq!(time(&mut waiting), 500, "all is read, and not finished");
        waiting.finished(7, topic, 41, NOW - TRAVEL + 1);
        assert_eq!(time(&mut waiting), 500, "its result is on its way");
        assert_eq!(stream_time(&waiting.heads(7, NOW + 1), NOW + 1), NOW + 1, "it has arrived");
        waiting.hold(topic, true);
        assert_eq!(time(&mut waiting), NOW - 10, "nobody looks any more");
        waiting.hold(Topic(2), true);
        waiting.hold(topic, false);
        assert_eq!(time(&mut waiting), NOW, "another topic is none of its business");
        waiting.open(7, Topic(4));
        waiting.close(7, Topic(4));
        assert_eq!(time(&mut waiting), NOW);
    }

    /// The oldest open request decides, and however long it is open, what is remembered of the others stays small.
    #[test]
    fn one_slow_request_holds_time_and_no_memory() {
        let (mut waiting, topic) = (Waiting::default(), Topic(1));
        waiting.open(0, topic);
        for offset in 0..100_000 {
            waiting.read(0, topic, offset, 1000 + offset / 100);
            waiting.finished(0, topic, 0, 2000);
        }
        waiting.found_empty(0, topic, true, 2000);
        assert_eq!(stream_time(&waiting.heads(0, 2000), 2000), 1000);
        assert!(waiting.fronts[&(0, topic)].open.len() <= 10);
        waiting.finished(0, topic, 100_000, 2000);
        assert_eq!(stream_time(&waiting.heads(0, 2000 + TRAVEL), 2000 + TRAVEL), 2000 + TRAVEL);
    }

    /// Whatever partition and worker it is on, what waits to go to other partitions holds time; once it is written, only
    /// until it has arrived.
    #[test]
    fn what_is_moved_is_behind_for_every_partition() {
        const NOW: Millis = 1_000_000;
        let (moving, topic) = (Moving::new(2), Topic(3));
        let behind = |now| {
            let Behind { unwritten, arriving } = moving.behind(topic, now);
            (unwritten, arriving)
        };
        assert_eq!(behind(NOW), (NOW, NOW), "nothing is moved here");
        for partition in 0..2 {
            moving.of(partition as usize).open(partition, topic);
            moving.of(partition as usize).found_empty(partition, topic, true, NOW);
        }
        assert_eq!(behind(NOW), (NOW, NOW), "all is read");
        moving.of(1).read(1, topic, 0, 500);
        moving.of(1).found_empty(1, topic, true, NOW);
        assert_eq!(behind(NOW), (500, 500));
        moving.of(1).finished(1, topic, 1, NOW);
        assert_eq!(behind(NOW), (NOW, 500));
        assert_eq!(behind(NOW + TRAVEL), (NOW + TRAVEL, NOW + TRAVEL));
        assert_eq!(
            moving.behind(Topic(4), NOW),
            Behind { unwritten: NOW, arriving: NOW },
            "of another topic"
        );
    }
}
