//! A checked plan: what runs, on which topics, in which formats. Everything in it is known to fit.

use apache_avro::Schema;

use super::document::Windows;
use crate::codec::{Format, PartKind, RECORDS};
use crate::collect::catalogue::{Described, FollowUp};
use crate::join::Reading;
use crate::units::Span;

/// A dataflow that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the flow.
    pub name: String,
    /// The collectors, in the order of the file.
    pub collects: Vec<CollectNode>,
    /// The join, if the flow has one.
    pub join: Option<JoinNode>,
    /// The topics whose records are brought to the partitions of their names.
    pub repartitions: Vec<RepartitionNode>,
    /// All topics, inputs of nodes first, in the order they are met. The last is that of the dead letters.
    pub topics: Vec<TopicPlan>,
    /// Topic for what cannot be read.
    pub dead_letters: String,
}

/// A topic and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// The kind of its records: the topic of the seed that carries them; `None` for dead letters.
    pub record: Option<&'static str>,
    /// Its format.
    pub format: Format,
}

/// A collector on its topics.
#[derive(Clone, Debug)]
pub struct CollectNode {
    /// Name of the node.
    pub name: String,
    /// The collector.
    pub collector: &'static Described,
    /// Topic of the requests.
    pub from: String,
    /// Topic of the results.
    pub to: String,
    /// Topics of the requests that follow.
    pub follow_ups: Vec<(FollowUp, String)>,
    /// Calls at once, if the file says.
    pub concurrency: Option<u32>,
}

/// A way from one topic of results to another, by the partitions of the names. A node of the file has one for each of
/// its topics.
#[derive(Clone, Debug)]
pub struct RepartitionNode {
    /// Name of the node.
    pub name: String,
    /// What both topics carry.
    pub kind: PartKind,
    /// Topic of foreign producers.
    pub from: String,
    /// Topic that the join reads.
    pub to: String,
}

/// A join of results.
#[derive(Clone, Debug)]
pub struct JoinNode {
    /// Name of the node.
    pub name: String,
    /// Topics of the parts.
    pub from: Vec<(PartKind, String)>,
    /// Topic of the joined records.
    pub to: String,
    /// The collectors that each address needs.
    pub address_collectors: Vec<String>,
    /// What a name needs beside zone and DNS.
    pub needs: Vec<PartKind>,
    /// How long to wait, if the file says.
    pub patience: Option<Span>,
    /// How long to keep a complete name, if the file says.
    pub grace: Option<Span>,
    /// Which rules hold, if the file says.
    pub policy: Option<Reading>,
    /// How long the second stage of the reference reading waits, as far as the file says.
    pub windows: Windows,
}

impl Plan {
    /// The names of the nodes: collectors, ways between partitions, the join.
    pub fn node_names(&self) -> Vec<&str> {
        let collects = self.collects.iter().map(|node| node.name.as_str());
        let ways = self.repartitions.iter().map(|node| node.name.as_str());
        let mut names: Vec<&str> =
            collects.chain(ways).chain(self.join.iter().map(|join| join.name.as_str())).collect();
        // A node with several topics has a way for each, one after the other.
        names.dedup();
        names
    }

    /// The topics that the flow reads: requests, results in foreign partitions, results.
    pub fn inputs(&self) -> Vec<&str> {
        let mut inputs: Vec<&str> = Vec::new();
        let requests = self.collects.iter().map(|node| node.from.as_str());
        let foreign = self.repartitions.iter().map(|node| node.from.as_str());
        let results = self.join.iter().flat_map(|join| join.from.iter().map(|(_, topic)| topic.as_str()));
        for topic in requests.chain(foreign).chain(results) {
            if !inputs.contains(&topic) {
                inputs.push(topic);
            }
        }
        inputs
    }

    /// Whether a topic may have another number of partitions than the flow. Requests and results may not, since all of a
    /// name is done by whoever owns its partition; nor joined records, by which a join that starts again knows what it has
    /// given up in its partition.
    pub fn may_differ(&self, topic: &str) -> bool {
        let requests = self.collects.iter().map(|node| &node.from);
        let results = self.join.iter().flat_map(|join| join.from.iter().map(|(_, topic)| topic));
        let joined = self.join.iter().map(|join| &join.to);
        !requests.chain(results).chain(joined).any(|bound| bound == topic)
    }

    /// The topic called `name`.
    pub fn topic(&self, name: &str) -> Option<&TopicPlan> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The topics of format avro, each with the schema of its records.
    pub fn schemas(&self) -> impl Iterator<Item = (&str, &'static Schema)> {
        self.topics.iter().filter(|topic| topic.format == Format::Avro).filter_map(|topic| {
            let record = RECORDS.iter().find(|known| Some(known.topic) == topic.record)?;
            Some((topic.name.as_str(), (record.schema)()))
        })
    }

    /// The topic that takes the first requests: that of the zone collector, or the first.
    pub fn entry(&self) -> Option<&str> {
        let zone = self.collects.iter().find(|node| node.collector.name == "zone");
        zone.or(self.collects.first()).map(|node| node.from.as_str())
    }
}
