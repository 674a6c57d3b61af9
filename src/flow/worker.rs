//! The dataflow of one worker: a source for each request topic, a call for each node, ways between partitions, the join, and
//! the common end.
//!
//! ```text
//! requests ──> call zone ──┐
//! requests ──> call dns  ──┤
//!    ...                   ├──> deliver ──> outbox
//! foreign  ──> moved     ──┤
//! results  ──> join      ──┘
//! ```

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concatenate as _;
use timely::dataflow::operators::generic::operator::Operator as _;
use timely::dataflow::{Scope, StreamVec};
use tokio::runtime::Handle;

use super::assign::Doors;
use super::deliver::{Deliver, Events, Out, deliver};
use super::join::{FeedSetup, JoinSetup, ResultFeed, joined};
use super::node::Work;
use super::repartition::{Repartition, moved};
use super::requests::{Request, RequestFeed};
use super::settings::EngineConfig;
use super::shared::Shared;
use super::waiting::Moving;
use crate::clock::SharedClock;
use crate::engine::{Calls, Credit, Epoch, Mailbox, Pace, call, source};
use crate::io::{Instead, IoError, Outbox, Topic, Topics, Transport};
use crate::telemetry::Meters;

/// What every worker builds its dataflow from.
pub struct WorkerPlan {
    /// The nodes with their names, the topics they read, and their calls at once.
    pub nodes: Vec<(Arc<dyn Work>, String, Topic, usize)>,
    /// The ways between partitions. As nodes they are numbered behind the others.
    pub ways: Vec<Repartition>,
    /// What is on these ways.
    pub moving: Moving,
    /// The join and its source.
    pub join: Option<(JoinSetup, FeedSetup)>,
    /// The topic through which names come in, if there is one.
    pub entry: Option<Topic>,
    /// The topics.
    pub topics: Topics,
    /// Where records go to.
    pub transport: Arc<dyn Transport>,
    /// Budgets.
    pub engine: EngineConfig,
    /// What is written in place of records that are too large.
    pub instead: Instead,
    /// What is shown.
    pub meters: Arc<Meters>,
    /// The time.
    pub clock: SharedClock,
    /// Where calls run.
    pub tokio: Handle,
    /// How well that keeps up.
    pub pace: Pace,
    /// Called when the flow cannot go on.
    pub failed: Arc<dyn Fn(IoError) + Send + Sync>,
}

/// Builds the dataflow of worker `index`.
pub fn build(scope: Scope<'_, Epoch>, index: usize, plan: &WorkerPlan) -> Result<Doors, IoError> {
    let shared = Shared::new(index, plan.moving.clone());
    let failed: Rc<dyn Fn(IoError)> = {
        let failed = plan.failed.clone();
        Rc::new(move |error| failed(error))
    };
    let mut outs: Vec<StreamVec<'_, Epoch, Out>> = Vec::new();
    let mut requests = HashMap::new();

    let mut by_topic: BTreeMap<Topic, Vec<usize>> = BTreeMap::new();
    let read = plan.nodes.iter().map(|(_, _, topic, _)| *topic).chain(plan.ways.iter().map(|way| way.from));
    for (node, topic) in read.enumerate() {
        by_topic.entry(topic).or_default().push(node);
    }
    let name_of = |node: usize| match plan.nodes.get(node) {
        Some((_, name, ..)) => name.clone(),
        None => plan.ways[node - plan.nodes.len()].name.clone(),
    };
    for (number, (topic, nodes)) in by_topic.into_iter().enumerate() {
        let name = plan.topics.name(topic).to_owned();
        let read = source(scope, &name, |bell, activator| {
            let mailbox = Mailbox::new(bell.clone());
            requests.insert(topic, mailbox.clone());
            shared.sources.borrow_mut().push(activator.clone());
            RequestFeed {
                source: number,
                topic,
                name: name.clone(),
                nodes: nodes.iter().map(|&node| (node, name_of(node))).collect(),
                credit: Credit::new(plan.engine.in_flight as usize, plan.engine.in_flight_bytes.bytes()),
                mailbox,
                bell,
                activator,
                shared: shared.clone(),
                meters: plan.meters.clone(),
                clock: plan.clock.clone(),
                failed: failed.clone(),
                entry: plan.entry == Some(topic),
                moves: plan.ways.iter().any(|way| way.from == topic),
                partitions: BTreeMap::new(),
                turn: 0,
                stopped: false,
            }
        });
        for node in nodes {
            outs.push(match node.checked_sub(plan.nodes.len()) {
                None => run_node(read.clone(), node, plan),
                Some(way) => moved(read.clone(), node, plan.ways[way].clone()),
            });
        }
    }

    let results = plan.join.as_ref().map(|(setup, feed)| {
        let number = plan.nodes.len() + plan.ways.len();
        let mut doors = None;
        let read = source(scope, "results", |bell, activator| {
            let mailbox = Mailbox::new(bell.clone());
            doors = Some(mailbox.clone());
            shared.sources.borrow_mut().push(activator.clone());
            *shared.join_source.borrow_mut() = Some(activator);
            ResultFeed::new(number, feed.clone(), mailbox, bell, shared.clone(), failed.clone())
        });
        outs.push(joined(read, setup.clone(), shared.clone(), failed.clone()));
        doors
    });

    let mut door = None;
    deliver(scope.concatenate(outs), |bell| {
        let mailbox = Mailbox::new(bell.clone());
        door = Some(mailbox.clone());
        let events = Events { bell, failed: plan.failed.clone(), written: shared.written.clone() };
        let committer = plan.transport.committer(index, plan.instead.clone())?;
        let outbox = Outbox::start(index, plan.engine.outbox.bytes(), committer, events)?;
        Ok(Deliver {
            outbox,
            shared: shared.clone(),
            nodes: plan.nodes.iter().map(|(work, ..)| work.clone()).collect(),
            mailbox,
            meters: plan.meters.clone(),
            clock: plan.clock.clone(),
            interval: plan.engine.cut_interval.0,
            joins: plan.join.is_some(),
            enough: plan.engine.outbox.bytes(),
        })
    })?;
    let deliver = door.ok_or(IoError::Stopped)?;
    Ok(Doors { requests, results: results.flatten(), deliver })
}

/// A node behind its source: the calls, and what came of them.
fn run_node<'scope>(
    read: StreamVec<'scope, Epoch, Request>,
    node: usize,
    plan: &WorkerPlan,
) -> StreamVec<'scope, Epoch, Out> {
    let (work, name, _, limit) = &plan.nodes[node];
    let work = work.clone();
    let calls = Calls { tokio: plan.tokio.clone(), pace: plan.pace.clone(), limit: *limit };
    let called = call(read, name, calls, move |request: &Request| {
        if request.work >> node & 1 == 0 {
            // Done before a restart.
            return std::future::ready(Vec::new()).boxed();
        }
        work.clone().run(request.job.clone())
    });
    called.unary(Pipeline, "finished", move |_capability, _info| {
        move |input, output| {
            input.for_each_stamp(|capability, batches| {
                let mut session = output.session(&capability);
                for batch in batches {
                    session.give_iterator(batch.drain(..).map(|(request, outputs)| Out::Finished {
                        node,
                        request,
                        outputs,
                    }));
                }
            });
        }
    })
}
