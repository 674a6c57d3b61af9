//! Starting and stopping a flow: the one place where plan, transport, codecs, collectors and workers meet.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::assign::{Assignments, JoinPlaces};
use super::dead_letter::DeadLetters;
use super::deliver::DeliverMessage;
use super::join::{FeedSetup, JoinRows, JoinSetup, ResultMessage};
use super::oversize::Oversize;
use super::parts::{Collectors, Parts};
use super::placement::{Placement, check_placement};
use super::repartition::Repartition;
use super::requests::RequestMessage;
use super::settings::FlowSettings;
use super::waiting::Moving;
use super::worker::{WorkerPlan, build};
use crate::clock::SharedClock;
use crate::codec::{PartKind, PartReader, Schemas, Splicer};
use crate::engine::{OnPanic, Pace, Workers};
use crate::error::{Exit, Failure};
use crate::io::{IoError, Subscription, Topic, Topics, Transport};
use crate::join::{Policy, Reading, Windows};
use crate::spec::{JoinNode, Plan, RepartitionNode};
use crate::state::Store;
use crate::telemetry::{Health, Meters};

/// How long the last cut of a stop that gives up may take.
const LAST_CUT_WITHIN: Duration = Duration::from_secs(10);

/// Everything a flow is made of.
pub struct FlowParts {
    /// What runs.
    pub plan: Plan,
    /// Its topics.
    pub topics: Topics,
    /// Where they are.
    pub transport: Arc<dyn Transport>,
    /// The group under which the transport reads.
    pub group: String,
    /// The state.
    pub store: Store,
    /// The schemas.
    pub schemas: Schemas,
    /// The collectors.
    pub collectors: Collectors,
    /// The settings.
    pub settings: FlowSettings,
    /// What is shown.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
}

/// A running flow.
pub struct Flow {
    workers: Workers,
    pub(super) assignments: Arc<Assignments>,
    subscription: Box<dyn Subscription>,
    failure: Arc<FailureSlot>,
    meters: Arc<Meters>,
}

/// The table of a plan's topics.
pub fn topics(plan: &Plan, partitions: u32) -> Topics {
    let names = plan.topics.iter().map(|topic| topic.name.clone());
    Topics::new(names, partitions).letting(|topic| plan.may_differ(topic))
}

impl Flow {
    /// Starts a flow on the current Tokio runtime.
    pub async fn start(parts: FlowParts) -> Result<Self, Failure> {
        let FlowParts { plan, topics, transport, group, store, schemas, collectors, settings, meters, clock } =
            parts;
        // The look takes as long as the workers take to start.
        let placed = check_placement(&plan, &topics, transport.clone());
        let failure = Arc::new(FailureSlot::new(meters.clone()));
        let failed: Arc<dyn Fn(IoError) + Send + Sync> = {
            let failure = failure.clone();
            Arc::new(move |error| failure.set(error))
        };
        let dead_letter_topic = topics.find(&plan.dead_letters).ok_or(IoError::Stopped)?;
        let dead_letters = DeadLetters::new(topics.clone(), dead_letter_topic, meters.clone(), clock.clone());
        let rows = JoinRows::new(store, &group, topics.clone());
        let node_parts = Parts {
            plan: &plan,
            topics: &topics,
            schemas: &schemas,
            limit: settings.engine.call_limit.0,
            dead_letters: dead_letters.clone(),
            meters: meters.clone(),
            clock: clock.clone(),
        };
        let mut nodes = Vec::new();
        for node in &plan.collects {
            let work = node_parts.work(&collectors, node).await?;
            let from = topics.find(&node.from).ok_or(IoError::Stopped)?;
            let limit = node.concurrency.unwrap_or(settings.engine.concurrency) as usize;
            nodes.push((work, node.name.clone(), from, limit));
        }
        let ways = ways(&plan, &topics, &dead_letters, &meters)?;
        let join = match &plan.join {
            None => None,
            Some(node) => {
                let feed = FeedSetup {
                    parts: part_readers(&plan, node, &settings, &schemas),
                    names: node.from.iter().map(|(_, topic)| topic.clone()).collect(),
                    fed_by: node.from.iter().map(|(_, topic)| fed_by(&plan, &topics, topic)).collect(),
                    tokio: Handle::current(),
                    clock: clock.clone(),
                    meters: meters.clone(),
                };
                let format = plan.topic(&node.to).map(|topic| topic.format).unwrap_or_default();
                let policy = policy(node, &settings);
                let splicer = Splicer::new(format, &node.to, &schemas).await?;
                let reference = policy.reading == Reading::Reference;
                let setup = JoinSetup {
                    name: node.name.clone(),
                    policy,
                    inputs: node
                        .from
                        .iter()
                        .map(|(kind, topic)| Some((*kind, topics.find(topic)?)))
                        .collect::<Option<_>>()
                        .ok_or(IoError::Stopped)?,
                    placements: node
                        .from
                        .iter()
                        .map(|(_, topic)| Placement::new(topic, topics.partitions(), &meters))
                        .collect(),
                    to: topics.find(&node.to).ok_or(IoError::Stopped)?,
                    splicer: if reference { splicer.for_reference() } else { splicer },
                    rows: rows.clone(),
                    flush_interval: settings.state.flush_interval.0,
                    memory: settings.state.memory.bytes() / settings.engine.worker_count().max(1),
                    max_open: (settings.join.max_open as usize / settings.engine.worker_count().max(1))
                        .max(1),
                    dead_letters: dead_letters.clone(),
                    meters: meters.clone(),
                    clock: clock.clone(),
                };
                Some((setup, feed))
            }
        };
        let joined: Vec<_> =
            join.iter().flat_map(|(setup, _)| setup.inputs.iter().map(|(_, topic)| *topic)).collect();
        let to = join.as_ref().map(|(setup, _)| setup.to);
        let count = settings.engine.worker_count();
        let worker_plan = WorkerPlan {
            nodes,
            ways,
            moving: Moving::new(count),
            join,
            entry: plan.entry().and_then(|entry| topics.find(entry)),
            topics: topics.clone(),
            transport: transport.clone(),
            engine: settings.engine,
            instead: Oversize::new(&plan, &topics, dead_letters, meters.clone()).instead(),
            meters: meters.clone(),
            clock,
            pace: Pace::start(&Handle::current()),
            tokio: Handle::current(),
            failed: failed.clone(),
        };
        let (sender, built) = sync_channel(count);
        let workers = Workers::start(count, end_process(), move |worker| {
            let index = worker.index();
            let doors = worker.dataflow(|scope| build(scope, index, &worker_plan));
            // The receiver waits for every worker.
            let _ = sender.send((index, doors));
        })
        .map_err(|_| IoError::Stopped)?;
        let mut doors = Vec::new();
        for _ in 0..count {
            let (index, door) = built.recv().map_err(|_| IoError::Stopped)?;
            match door {
                Ok(door) => doors.push((index, door)),
                Err(error) => {
                    workers.abandon();
                    workers.join();
                    return Err(error.into());
                }
            }
        }
        doors.sort_by_key(|(index, _)| *index);
        let doors = doors.into_iter().map(|(_, door)| door).collect();
        let inputs: Vec<_> = plan.inputs().iter().filter_map(|input| topics.find(input)).collect();
        let assignments = Arc::new(Assignments::new(
            inputs.clone(),
            JoinPlaces { from: joined, to, rows },
            transport.clone(),
            doors,
            meters.clone(),
            failed,
            collectors.limiter,
        ));
        let subscribed = placed.await.and_then(|()| Ok(transport.subscribe(&inputs, assignments.clone())?));
        let subscription = match subscribed {
            Ok(subscription) => subscription,
            Err(error) => {
                workers.abandon();
                workers.join();
                return Err(error);
            }
        };
        Ok(Self { workers, assignments, subscription, failure, meters })
    }

    /// Waits until the flow cannot go on; never, if all is well.
    pub fn failed(&self) -> impl Future<Output = ()> + use<> {
        let mut changed = self.failure.changed.subscribe();
        async move {
            // The sender lives as long as the flow; if it is gone, so is what was waited for.
            let _ = changed.wait_for(|failed| *failed).await;
        }
    }

    /// Says that nothing more will ever arrive: every deadline of the join is due.
    pub fn end_of_time(&self) {
        for door in self.assignments.doors() {
            if let Some(results) = &door.results {
                results.post(ResultMessage::EndOfTime);
            }
        }
    }

    /// Stops: reads no more, lets calls under way finish within `deadline`, commits, gives the partitions back. What is
    /// not finished by then is made again after the next start.
    pub async fn stop(self, deadline: Duration) -> Result<(), Failure> {
        let Self { workers, assignments, subscription, failure, meters } = self;
        meters.set_health(Health::Draining);
        for door in assignments.doors() {
            door.requests.values().for_each(|requests| requests.post(RequestMessage::Stop));
            if let Some(results) = &door.results {
                results.post(ResultMessage::Stop);
            }
        }
        let ending = workers.ending();
        let mut ended = tokio::task::spawn_blocking(move || ending.wait());
        let failed = failure.get().is_some();
        if failed || timeout(deadline, &mut ended).await.is_err() {
            if !failed {
                tracing::info!("calls still under way are handed back");
                last_cuts(&assignments).await;
            }
            workers.abandon();
            // Abandoned workers end with their current step.
            let _ = ended.await;
        }
        assignments.stop();
        // Leaving the group waits for the broker.
        let left = tokio::task::spawn_blocking(move || drop(subscription));
        let _ = left.await;
        match failure.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// Has every worker commit what is done, and waits for it.
async fn last_cuts(assignments: &Arc<Assignments>) {
    let assignments = assignments.clone();
    let cuts = tokio::task::spawn_blocking(move || {
        let (done, finished) = sync_channel(assignments.doors().len());
        for door in assignments.doors() {
            door.deliver.post(DeliverMessage::GiveUp(done.clone()));
        }
        drop(done);
        // A worker that had ended by itself has dropped its mailbox without an answer.
        for _ in assignments.doors() {
            let _ = finished.recv_timeout(LAST_CUT_WITHIN);
        }
    });
    let _ = cuts.await;
}

fn part_readers(plan: &Plan, node: &JoinNode, settings: &FlowSettings, schemas: &Schemas) -> Vec<PartReader> {
    let format = |topic: &str| plan.topic(topic).map(|topic| topic.format).unwrap_or_default();
    let joined = format(&node.to);
    let reading = node.policy.unwrap_or(settings.join.policy);
    let reader = |(kind, topic): &(PartKind, String)| {
        let reader = PartReader::new(*kind, format(topic), joined, schemas.clone());
        if reading == Reading::Reference { reader.for_reference() } else { reader }
    };
    node.from.iter().map(reader).collect()
}

/// The ways between partitions.
fn ways(
    plan: &Plan,
    topics: &Topics,
    dead_letters: &DeadLetters,
    meters: &Meters,
) -> Result<Vec<Repartition>, IoError> {
    let way = |node: &RepartitionNode| {
        Some(Repartition {
            name: node.name.clone(),
            kind: node.kind,
            from: topics.find(&node.from)?,
            to: topics.find(&node.to)?,
            partitions: topics.partitions(),
            dead_letters: dead_letters.clone(),
            moved: meters.repartitioned.of(&node.from),
        })
    };
    plan.repartitions.iter().map(way).collect::<Option<_>>().ok_or(IoError::Stopped)
}

/// The topics whose records are brought to `topic` from other partitions.
fn fed_by(plan: &Plan, topics: &Topics, topic: &str) -> Vec<Topic> {
    let ways = plan.repartitions.iter().filter(|way| way.to == topic);
    ways.filter_map(|way| topics.find(&way.from)).collect()
}

/// The rules of a join.
pub(super) fn policy(node: &JoinNode, settings: &FlowSettings) -> Policy {
    let millis = |span: crate::units::Span| span.0.as_millis() as i64;
    let windows = Windows::default();
    let window = |span: Option<crate::units::Span>, usual| span.map_or(usual, millis);
    Policy {
        reading: node.policy.unwrap_or(settings.join.policy),
        address_collectors: node.address_collectors.iter().map(CompactString::from).collect(),
        rdap: node.needs.contains(&PartKind::Rdap),
        tls: node.needs.contains(&PartKind::Tls),
        patience: millis(node.patience.unwrap_or(settings.join.patience)),
        grace: millis(node.grace.unwrap_or(settings.join.grace)),
        windows: Windows {
            after_domain: window(node.windows.after_domain, windows.after_domain),
            after_address: window(node.windows.after_address, windows.after_address),
            for_domain: window(node.windows.for_domain, windows.for_domain),
        },
    }
}

/// A broken invariant on a worker ends the process: its siblings would wait for it for ever.
fn end_process() -> OnPanic {
    Arc::new(|message| {
        tracing::error!(message, "a worker panicked; the process ends, nothing that was committed is lost");
        #[expect(clippy::disallowed_methods, reason = "there is no way on, and no main to return to")]
        std::process::exit(Exit::Internal as i32)
    })
}

/// The first error that ended the flow.
struct FailureSlot {
    error: Mutex<Option<IoError>>,
    changed: watch::Sender<bool>,
    meters: Arc<Meters>,
}

impl FailureSlot {
    fn new(meters: Arc<Meters>) -> Self {
        Self { error: Mutex::default(), changed: watch::Sender::new(false), meters }
    }

    fn set(&self, error: IoError) {
        self.meters.set_health(Health::Failed);
        let mut slot = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(error);
        self.changed.send_replace(true);
    }

    fn get(&self) -> Option<()> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|_| ())
    }

    fn take(&self) -> Option<IoError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
