//! What is written in place of a record that is too large: the same one with its page cut and a header that says so; where
//! there is nothing to cut, a dead letter.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::dead_letter::DeadLetters;
use super::headers::{CUT, CUT_PAGE};
use crate::codec::PageCutter;
use crate::io::{Instead, Outgoing, Rejected, Topic, Topics};
use crate::spec::Plan;
use crate::telemetry::Meters;

/// Makes records smaller.
pub struct Oversize {
    /// The topics whose records have a page.
    pages: Vec<(Topic, PageCutter)>,
    letters: DeadLetters,
    meters: Arc<Meters>,
}

impl Oversize {
    /// For what `plan` writes.
    pub fn new(plan: &Plan, topics: &Topics, letters: DeadLetters, meters: Arc<Meters>) -> Self {
        let pages = plan.topics.iter().filter_map(|topic| {
            let cutter = match topic.record? {
                "processed_TLS" => PageCutter::of_results(topic.format),
                "all_collected_data" => PageCutter::of_joined(topic.format),
                _ => return None,
            };
            Some((topics.find(&topic.name)?, cutter))
        });
        Self { pages: pages.collect(), letters, meters }
    }

    /// As the transports need it.
    pub fn instead(self) -> Instead {
        Arc::new(move |rejected| self.cut(&rejected).or_else(|| self.letters.rejected(rejected)))
    }

    fn cut(&self, rejected: &Rejected<'_>) -> Option<Outgoing> {
        let Rejected { record: Outgoing { topic, partition, record, .. }, room, .. } = rejected;
        let (_, cutter) = self.pages.iter().find(|(known, _)| known == topic)?;
        // A broker that does not tell its limit is offered half of what it has refused.
        let excess = record.bytes() - room.unwrap_or(record.bytes() / 2).min(record.bytes());
        let mut cut = record.clone();
        cut.value = Some(cutter.cut(record.value.as_ref()?, excess.max(1))?.into());
        if cut.headers.text(CUT).is_none() {
            cut.headers.push(CUT, CUT_PAGE);
        }
        self.meters.cut_pages.fetch_add(1, Ordering::Relaxed);
        Some(Outgoing::new(*topic, *partition, cut))
    }
}

#[cfg(test)]
mod tests;
