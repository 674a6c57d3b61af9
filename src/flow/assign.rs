//! The owner of the process's partitions: says where to start reading, brings readers to the workers, and gives partitions
//! back. Worker = the number that a partition goes with, modulo workers.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::deliver::{DeliverMessage, Places};
use super::join::{JoinRows, Look, OpenName, Opening, ResultMessage};
use super::requests::RequestMessage;
use crate::collect::net::Limiter;
use crate::engine::Mailbox;
use crate::io::{IoError, Owner, Position, Readers, Start, Starts, Topic, Topics, Transport, partition_of};
use crate::telemetry::{Health, Meters};

/// How long giving partitions back may take: well below the broker's patience (`max.poll.interval.ms`).
const REVOKE_WITHIN: Duration = Duration::from_secs(20);

/// How long a join that starts again may look at what it has emitted: meanwhile nobody answers the group.
const LOOK_WITHIN: Duration = Duration::from_secs(30);

/// The mailboxes of one worker.
pub struct Doors {
    /// Of its request sources.
    pub requests: HashMap<Topic, Mailbox<RequestMessage>>,
    /// Of its join source.
    pub results: Option<Mailbox<ResultMessage>>,
    /// Of the end of its paths.
    pub deliver: Mailbox<DeliverMessage>,
}

/// Where the join of a flow reads, writes, and keeps what is open.
pub struct JoinPlaces {
    /// The topics it reads; none without a join.
    pub from: Vec<Topic>,
    /// The topic of joined records; `None` without a join.
    pub to: Option<Topic>,
    /// The rows of open names.
    pub rows: JoinRows,
}

/// The owner of a flow's partitions.
pub struct Assignments {
    inputs: Vec<Topic>,
    /// Those that the join reads.
    joined: Vec<Topic>,
    /// The topic of joined records, if the flow has a join.
    to: Option<Topic>,
    transport: Arc<dyn Transport>,
    rows: JoinRows,
    doors: Vec<Doors>,
    meters: Arc<Meters>,
    failed: Arc<dyn Fn(IoError) + Send + Sync>,
    generation: AtomicU64,
    stopped: AtomicBool,
    /// Has the same share of what may be asked as the process has of the partitions.
    limiter: Arc<Limiter>,
    owned: Mutex<HashSet<u32>>,
    /// What was decided for partitions that are being assigned.
    pending: Mutex<HashMap<u32, Pending>>,
}

struct Pending {
    committed: Vec<Position>,
    live_from: Vec<i64>,
    opening: Opening,
}

impl Assignments {
    /// The owner of `inputs`.
    pub fn new(
        inputs: Vec<Topic>,
        join: JoinPlaces,
        transport: Arc<dyn Transport>,
        doors: Vec<Doors>,
        meters: Arc<Meters>,
        failed: Arc<dyn Fn(IoError) + Send + Sync>,
        limiter: Arc<Limiter>,
    ) -> Self {
        let JoinPlaces { from: joined, to, rows } = join;
        Self {
            inputs,
            joined,
            to,
            transport,
            rows,
            doors,
            meters,
            failed,
            generation: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            limiter,
            owned: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// The mailboxes of the workers.
    pub fn doors(&self) -> &[Doors] {
        &self.doors
    }

    /// Asks the worker of a name what the join knows of it; `None` if this process has not its partition, or no join.
    pub fn look(&self, name: &str) -> Option<oneshot::Receiver<Vec<OpenName>>> {
        let partition = partition_of(name.as_bytes(), self.topics().partitions());
        if !self.owned.lock().unwrap_or_else(PoisonError::into_inner).contains(&partition) {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        let name = Bytes::copy_from_slice(name.as_bytes());
        self.door(partition).results.as_ref()?.post(ResultMessage::Look(Look { partition, name, reply }));
        Some(answer)
    }

    /// The workers have ended: nothing is to be given back any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Changes which partitions the process has.
    fn owns(&self, change: impl FnOnce(&mut HashSet<u32>)) {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut owned);
        self.limiter.set_share(owned.len() as f64 / f64::from(self.topics().partitions()));
    }

    fn topics(&self) -> &Topics {
        self.rows.topics()
    }

    /// What the join starts with: where to read its inputs, from where on to emit, and what is open.
    fn reopen(
        &self,
        partition: u32,
        committed: &[Position],
    ) -> Result<(Vec<Start>, Vec<i64>, Opening), IoError> {
        let Some(to) = self.to else { return Ok(Default::default()) };
        let position = |&topic: &Topic| (topic, Position::find(committed, topic, partition));
        let inputs: Vec<_> = self.joined.iter().map(position).collect();
        let (starts, live_from, mut opening) = self.rows.reopen(partition, &inputs, to)?;
        if let Some(from) = opening.look_from {
            let started = Instant::now();
            self.transport.tail(to, partition, from, &mut |_, fetched| {
                opening.last.see(&fetched.record);
                if started.elapsed() < LOOK_WITHIN {
                    return ControlFlow::Continue(());
                }
                let offset = fetched.offset;
                tracing::warn!(
                    partition,
                    from,
                    offset,
                    "not all joined records were looked at; some may come again"
                );
                ControlFlow::Break(())
            })?;
        }
        Ok((starts, live_from, opening))
    }

    fn door(&self, number: u32) -> &Doors {
        &self.doors[number as usize % self.doors.len()]
    }
}

impl Owner for Assignments {
    fn assign(&self, number: u32, committed: Vec<Position>) -> Result<Starts, IoError> {
        // What the join reads has the partitions of the flow.
        let (of_join, live_from, opening) = self.reopen(number, &committed)?;
        let pending = Pending { committed, live_from, opening };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(number, pending);
        Ok(self.joined.iter().map(|&topic| (topic, number)).zip(of_join).collect())
    }

    fn open(&self, number: u32, readers: Readers) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        let Some(Pending { committed, live_from, opening }) = pending else { return };
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let door = self.door(number);
        let mut of_join = Vec::new();
        for (topic, partition, reader) in readers {
            if self.joined.contains(&topic) {
                of_join.push((topic, reader));
            } else if let Some(requests) = door.requests.get(&topic) {
                let committed = Position::find(&committed, topic, partition).cloned();
                requests.post(RequestMessage::Open { partition, reader, committed, generation });
            }
        }
        if let Some(results) = &door.results {
            let opening = Box::new(opening);
            results.post(ResultMessage::Open { partition: number, readers: of_join, live_from, opening });
        }
        self.owns(|owned| owned.extend([number]));
        self.meters.set_health(Health::Running);
    }

    fn revoke(&self, numbers: &[u32]) {
        if self.stopped.load(Ordering::Acquire) || numbers.is_empty() {
            return;
        }
        let places: Places = self.topics().places(&self.inputs, numbers).into_iter().collect();
        let (done, finished) = sync_channel(self.doors.len());
        for door in &self.doors {
            for (topic, partition) in &places {
                if let Some(requests) = door.requests.get(topic) {
                    requests.post(RequestMessage::Close(*partition));
                }
            }
            if let Some(results) = &door.results {
                numbers.iter().for_each(|&number| results.post(ResultMessage::Close(number)));
            }
            door.deliver.post(DeliverMessage::Release(places.clone(), done.clone()));
        }
        let deadline = Instant::now() + REVOKE_WITHIN;
        for _ in &self.doors {
            let left = deadline.saturating_duration_since(Instant::now());
            if finished.recv_timeout(left).is_err() {
                tracing::warn!(
                    partitions = ?numbers,
                    "partitions were given up before everything of them was committed"
                );
                break;
            }
        }
        self.owns(|owned| owned.retain(|number| !numbers.contains(number)));
        for (topic, partition) in places {
            self.meters.forget_partition(self.topics().name(topic), partition);
        }
    }

    fn failed(&self, error: IoError) {
        (self.failed)(error);
    }
}
