//! From the document to the plan: names resolved, kinds of records matched, nothing left to fail at run time.

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::diagnose::SpecError;
use super::document::{Document, Join, Node};
use super::plan::{CollectNode, JoinNode, Plan, TopicPlan};
use crate::codec::{Format, PartKind};
use crate::collect::catalogue::{COLLECTORS, SubjectKind, described};

const VERSION: u32 = 1;
const DEAD_LETTERS: &str = "dead_letters";
const JOINED: &str = "all_collected_data";
/// Longest topic name that Kafka takes.
const LONGEST_NAME: usize = 249;

/// What a file of any version has.
#[derive(Deserialize)]
pub struct Head {
    /// Version of the file's format.
    pub version: Spanned<u32>,
}

/// Refuses a file of another version.
pub fn version(file: &str, version: &Spanned<u32>) -> Result<(), SpecError> {
    if version.value == VERSION {
        return Ok(());
    }
    let message = format!("version {} of the file format is not known", version.value);
    Err(SpecError::at(file, version.referenced, message)
        .with_hint(format!("this version of domainflow reads version {VERSION}")))
}

/// Makes the plan of a document.
pub fn check(file: &str, document: Document, format: Format) -> Result<Plan, SpecError> {
    version(file, &document.version)?;
    let mut checker = Checker { file, format, formats: &document.formats, topics: Vec::new() };
    let mut plan = Plan {
        name: checker.name(&document.name, "a flow name")?,
        collects: Vec::new(),
        join: None,
        repartitions: Vec::new(),
        topics: Vec::new(),
        dead_letters: match &document.dead_letters {
            Some(topic) => checker.name(topic, "a topic name")?,
            None => DEAD_LETTERS.to_owned(),
        },
    };
    for (name, node) in &document.nodes {
        let place = node.referenced;
        match (&node.value.collector, &node.value.join, &node.value.repartition) {
            (Some(collector), None, None) => {
                let collect = checker.collect(name, place, &node.value, collector)?;
                plan.collects.push(collect);
            }
            (None, Some(join), None) if plan.join.is_none() => {
                plan.join = Some(checker.join(name, place, &node.value, join)?);
            }
            (None, Some(_), None) => return Err(checker.error(place, "a flow has at most one join")),
            // Which results they carry is known once the join is.
            (None, None, Some(_)) => {}
            _ => {
                let message = format!("the node `{name}` needs either `collector`, `join` or `repartition`");
                return Err(checker.error(place, message));
            }
        }
    }
    for (name, node) in &document.nodes {
        if let Some(foreign) = &node.value.repartition {
            let ways = checker.repartition(name, node.referenced, &node.value, foreign, &plan)?;
            plan.repartitions.extend(ways);
        }
    }
    if plan.collects.is_empty() && plan.join.is_none() {
        return Err(checker.error(document.name.referenced, "the flow has no nodes"));
    }
    for (topic, format) in &document.formats {
        if !checker.topics.iter().any(|known| known.name == *topic) {
            let known = checker.topics.iter().map(|known| known.name.as_str());
            return Err(SpecError::unknown(file, format.referenced, "topic", topic, known));
        }
    }
    plan.topics = checker.topics;
    let dead = TopicPlan { name: plan.dead_letters.clone(), record: None, format: Format::Json };
    if plan.topics.iter().any(|topic| topic.name == dead.name) {
        let place = document.dead_letters.map_or(document.name.referenced, |topic| topic.referenced);
        return Err(SpecError::at(file, place, "the topic of the dead letters carries records as well"));
    }
    // Inputs first: the first topic decides the ownership of the others.
    let inputs: Vec<String> = plan.inputs().into_iter().map(str::to_owned).collect();
    plan.topics
        .sort_by_key(|topic| inputs.iter().position(|input| *input == topic.name).unwrap_or(inputs.len()));
    plan.topics.push(dead);
    Ok(plan)
}

pub(super) struct Checker<'a> {
    pub(super) file: &'a str,
    format: Format,
    pub(super) formats: &'a indexmap::IndexMap<String, Spanned<Format>>,
    pub(super) topics: Vec<TopicPlan>,
}

impl Checker<'_> {
    pub(super) fn error(&self, place: Location, message: impl Into<String>) -> SpecError {
        SpecError::at(self.file, place, message)
    }

    /// A name that Kafka takes for a topic or a group.
    pub(super) fn name(&self, name: &Spanned<String>, what: &str) -> Result<String, SpecError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let text = &name.value;
        if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(allowed) {
            return Err(self
                .error(name.referenced, format!("`{text}` is not {what}"))
                .with_hint("letters, digits, dot, underscore and hyphen; at most 249 of them"));
        }
        Ok(text.clone())
    }

    /// Notes that a topic carries records of a kind; two kinds in one topic are refused.
    pub(super) fn topic(
        &mut self,
        name: &Spanned<String>,
        record: &'static str,
    ) -> Result<String, SpecError> {
        let text = self.name(name, "a topic name")?;
        match self.topics.iter().find(|topic| topic.name == text).and_then(|topic| topic.record) {
            Some(other) if other != record => Err(self.error(
                name.referenced,
                format!("the topic `{text}` carries {other} records and cannot carry {record} records"),
            )),
            Some(_) => Ok(text),
            None => {
                let format = self.formats.get(&text).map_or(self.format, |format| format.value);
                self.topics.push(TopicPlan { name: text.clone(), record: Some(record), format });
                Ok(text)
            }
        }
    }

    fn needed<'n>(
        &self,
        name: &str,
        place: Location,
        key: &str,
        topic: &'n Option<Spanned<String>>,
    ) -> Result<&'n Spanned<String>, SpecError> {
        topic.as_ref().ok_or_else(|| self.error(place, format!("the node `{name}` needs the key `{key}`")))
    }

    fn collect(
        &mut self,
        name: &str,
        place: Location,
        node: &Node,
        collector: &Spanned<String>,
    ) -> Result<CollectNode, SpecError> {
        let collector = described(&collector.value).ok_or_else(|| {
            let known = COLLECTORS.iter().map(|collector| collector.name);
            SpecError::unknown(self.file, collector.referenced, "collector", &collector.value, known)
        })?;
        let from = self.topic(self.needed(name, place, "from", &node.from)?, collector.request)?;
        let to = self.topic(self.needed(name, place, "to", &node.to)?, collector.result)?;
        let mut follow_ups = Vec::new();
        for (follow_up, topic) in &node.follow_ups {
            let known = collector.follow_ups.iter().find(|known| known.name() == follow_up);
            let known = *known.ok_or_else(|| {
                let names = collector.follow_ups.iter().map(|known| known.name());
                SpecError::unknown(self.file, topic.referenced, "follow-up", follow_up, names)
            })?;
            // A request is named after the collector it is for; that for addresses is shared.
            let record = COLLECTORS.iter().find(|other| match known.name() {
                "ip" => other.subject == SubjectKind::Address,
                name => other.name == name,
            });
            let Some(record) = record else { continue };
            follow_ups.push((known, self.topic(topic, record.request)?));
        }
        let concurrency = node.concurrency.as_ref().map(|limit| limit.value);
        if concurrency == Some(0) {
            return Err(self.error(place, format!("the node `{name}` would make no calls: concurrency is 0")));
        }
        Ok(CollectNode { name: name.to_owned(), collector, from, to, follow_ups, concurrency })
    }

    fn join(&mut self, name: &str, place: Location, node: &Node, join: &Join) -> Result<JoinNode, SpecError> {
        let inputs = [
            (PartKind::Zone, Some(&join.zone)),
            (PartKind::Dns, Some(&join.dns)),
            (PartKind::Tls, join.tls.as_ref()),
            (PartKind::Rdap, join.rdap_dn.as_ref()),
        ];
        let inputs = inputs.into_iter().filter_map(|(kind, topic)| Some((kind, topic?)));
        let addresses = join.addresses.all().iter().map(|topic| (PartKind::Ip, topic));
        let mut from = Vec::new();
        for (kind, topic) in inputs.chain(addresses) {
            from.push((kind, self.topic(topic, kind.record())?));
        }
        if let ([], Some(collector)) = (join.addresses.all(), join.address_collectors.first()) {
            let message =
                "address collectors are needed, but there is no topic `addresses` to read them from";
            return Err(self.error(collector.referenced, message));
        }
        let to = self.topic(self.needed(name, place, "to", &node.to)?, JOINED)?;
        Ok(JoinNode {
            name: name.to_owned(),
            needs: self.needs(join, &from)?,
            from,
            to,
            address_collectors: join.address_collectors.iter().map(|name| name.value.clone()).collect(),
            patience: join.patience,
            grace: join.grace,
            policy: join.policy,
            windows: join.windows.clone(),
        })
    }

    /// What a name needs beside zone and DNS; only what there is a topic for can be needed.
    fn needs(&self, join: &Join, from: &[(PartKind, String)]) -> Result<Vec<PartKind>, SpecError> {
        let known = [("tls", PartKind::Tls), ("rdap-dn", PartKind::Rdap)];
        let there = known.into_iter().filter(|(_, kind)| from.iter().any(|(other, _)| other == kind));
        let Some(needs) = &join.needs else { return Ok(there.map(|(_, kind)| kind).collect()) };
        let there: Vec<_> = there.collect();
        let kind = |need: &Spanned<String>| {
            let kind = there.iter().find(|(name, _)| *name == need.value).map(|(_, kind)| *kind);
            kind.ok_or_else(|| match known.iter().any(|(name, _)| *name == need.value) {
                true => self.error(
                    need.referenced,
                    format!("`{0}` is needed, but there is no topic `{0}` to read it from", need.value),
                ),
                false => {
                    let known = known.iter().map(|(name, _)| *name);
                    SpecError::unknown(self.file, need.referenced, "part", &need.value, known)
                }
            })
        };
        needs.iter().map(kind).collect()
    }
}
