//! Nodes that bring results to the partitions of their names: which topics they go between. Every such topic is read by
//! the join in place of the one that it comes from, so that ways cannot lead in a circle.

use serde_saphyr::{Location, Spanned};

use super::check::Checker;
use super::diagnose::SpecError;
use super::document::Node;
use super::many::OneOrMany;
use super::plan::{Plan, RepartitionNode};

/// What the name of a topic gets whose records are in the partitions of their names.
const BY_NAME: &str = "_by_name";

impl Checker<'_> {
    /// The ways of a node, for a plan whose join is known.
    pub(super) fn repartition(
        &mut self,
        name: &str,
        place: Location,
        node: &Node,
        foreign: &OneOrMany,
        plan: &Plan,
    ) -> Result<Vec<RepartitionNode>, SpecError> {
        let mut ways: Vec<RepartitionNode> = Vec::new();
        if foreign.all().is_empty() {
            return Err(self.error(place, format!("the node `{name}` names no topic to repartition")));
        }
        for from in foreign.all() {
            let to = match &node.to {
                Some(to) if foreign.all().len() > 1 => {
                    let message =
                        format!("the node `{name}` has several topics, and one topic `to` for them");
                    let hint = format!("leave `to` out: they become `{}{BY_NAME}` and so on", from.value);
                    return Err(self.error(to.referenced, message).with_hint(hint));
                }
                Some(to) => to.clone(),
                None => Spanned::new(format!("{}{BY_NAME}", from.value), place, place),
            };
            // An entry of a list does not know its place in the file.
            let from = &Spanned::new(from.value.clone(), place, place);
            let (source, target) = (self.name(from, "a topic name")?, self.name(&to, "a topic name")?);
            let inputs = || plan.join.iter().flat_map(|join| &join.from);
            if inputs().any(|(_, input)| *input == source) {
                let message =
                    format!("the join reads `{source}` as it is, and once more by the node `{name}`");
                return Err(self
                    .error(from.referenced, message)
                    .with_hint(format!("let the join read `{target}` in place of it")));
            }
            let Some((kind, _)) = inputs().find(|(_, input)| *input == target) else {
                let message = format!("the node `{name}` writes to `{target}`, which no join reads");
                return Err(self
                    .error(to.referenced, message)
                    .with_hint(format!("name it in the join in place of `{source}`")));
            };
            if ways.iter().chain(&plan.repartitions).any(|other| other.from == source) {
                let message = format!("the topic `{source}` is repartitioned twice");
                return Err(self.error(from.referenced, message));
            }
            self.topic(from, kind.record())?;
            self.one_format(&source, &to)?;
            ways.push(RepartitionNode { name: name.to_owned(), kind: *kind, from: source, to: target });
        }
        Ok(ways)
    }

    /// Records are not changed on their way, so what is told of one topic holds for the other.
    fn one_format(&mut self, from: &str, to: &Spanned<String>) -> Result<(), SpecError> {
        let told = |name: &str| self.formats.get(name).map(|format| format.value);
        if let (Some(one), Some(other)) = (told(from), told(&to.value))
            && one != other
        {
            let message = format!("the topics `{from}` and `{}` cannot have different formats", to.value);
            return Err(self.error(to.referenced, message).with_hint("records are moved, not changed"));
        }
        let Some(format) = told(from).or(told(&to.value)) else { return Ok(()) };
        for topic in self.topics.iter_mut().filter(|topic| topic.name == from || topic.name == to.value) {
            topic.format = format;
        }
        Ok(())
    }
}
