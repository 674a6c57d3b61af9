//! The way of results whose producers partition in another way than by the name: every record goes on as it is to the
//! partition that owns its name. It needs no call, so the records of a partition keep their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;

use super::dead_letter::DeadLetters;
use super::deliver::Out;
use super::join::subject;
use super::node::Job;
use super::requests::Request;
use crate::codec::PartKind;
use crate::engine::Epoch;
use crate::io::{Outgoing, Topic, partition_of};

/// A way from one topic to another.
#[derive(Clone)]
pub struct Repartition {
    /// Name of the node.
    pub name: String,
    /// What both topics carry.
    pub kind: PartKind,
    /// Where records are read.
    pub from: Topic,
    /// Where they go.
    pub to: Topic,
    /// Partitions of that topic.
    pub partitions: u32,
    /// Where records go whose keys tell no name.
    pub dead_letters: DeadLetters,
    /// Records that were moved.
    pub moved: Arc<AtomicU64>,
}

impl Repartition {
    /// The record in its partition, or its dead letter.
    fn take(&self, Job { place, record }: Job) -> Outgoing {
        match subject(self.kind, record.key.as_ref()) {
            Ok((name, _)) => {
                self.moved.fetch_add(1, Ordering::Relaxed);
                Outgoing::new(self.to, partition_of(&name, self.partitions), record)
            }
            Err(error) => self.dead_letters.key(&self.name, place, record, &error),
        }
    }
}

/// Adds the operator behind its source, as node number `node`.
pub fn moved<'scope>(
    read: StreamVec<'scope, Epoch, Request>,
    node: usize,
    way: Repartition,
) -> StreamVec<'scope, Epoch, Out> {
    read.unary(Pipeline, &way.name.clone(), move |_capability, _info| {
        move |input, output| {
            input.for_each_stamp(|capability, batches| {
                let mut session = output.session(&capability);
                for batch in batches {
                    session.give_iterator(batch.drain(..).map(|request| {
                        let done = request.work >> node & 1 == 0;
                        // Done before a restart, or else now.
                        let outputs = if done { Vec::new() } else { vec![way.take(request.job.clone())] };
                        Out::Finished { node, request, outputs: Ok(outputs) }
                    }));
                }
            });
        }
    })
}
