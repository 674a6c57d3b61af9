//! The state of a process in Prometheus' text form. Names are `domainflow_<subject>_<unit>`; see docs/reference/metrics.md.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Meters, StatusReport};

impl Meters {
    /// The state now, as Prometheus reads it.
    pub fn metrics(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Report(self.report())));
        let mut exposition = String::new();
        text::encode(&mut exposition, &registry)?;
        Ok(exposition)
    }
}

#[derive(Debug)]
struct Report(StatusReport);

/// A family of values: name, help, then the values with their labels.
fn family<M: EncodeMetric, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = ([(&'static str, String); N], M)>,
) -> fmt::Result {
    let mut values = values.into_iter().peekable();
    let Some((_, first)) = values.peek() else { return Ok(()) };
    let metric_type = first.metric_type();
    let name = format!("domainflow_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, metric_type)?;
    for (labels, value) in values {
        value.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for Report {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Report(report) = self;
        let encoder = &mut encoder;
        let gauge = |value: i64| ConstGauge::new(value);
        let count = |value: u64| ConstCounter::new(value);

        let calls = report.nodes.iter().flat_map(|node| {
            let labels = |status: &str| [("node", node.name.clone()), ("status", status.to_owned())];
            node.statuses.iter().map(move |(status, done)| (labels(status), count(*done)))
        });
        family(encoder, "calls", "Finished calls of collectors by status.", calls)?;
        let node = |name: &str| [("node", name.to_owned())];
        let in_flight = report.nodes.iter().map(|status| (node(&status.name), gauge(status.in_flight)));
        family(encoder, "calls_in_flight", "Calls of collectors under way.", in_flight)?;
        let reused = report.nodes.iter().map(|status| (node(&status.name), count(status.reused)));
        family(
            encoder,
            "calls_reused",
            "Finished calls whose answer had been found for an earlier one.",
            reused,
        )?;
        let seconds = report.nodes.iter().map(|status| {
            (node(&status.name), ConstCounter::new(status.mean_ms * status.done as f64 / 1000.0))
        });
        family(encoder, "call_seconds", "Time that finished calls took, in all.", seconds)?;

        let place =
            |topic: &str, partition: u32| [("topic", topic.to_owned()), ("partition", partition.to_string())];
        let partitions = || report.partitions.iter();
        let lag = partitions().filter_map(|of| Some((place(&of.topic, of.partition), gauge(of.lag?))));
        family(encoder, "partition_lag_records", "Records of a partition that are not finished.", lag)?;
        let again = partitions().map(|of| (place(&of.topic, of.partition), gauge(of.again)));
        family(
            encoder,
            "partition_again_records",
            "Records that are read again before anything new comes out of them.",
            again,
        )?;
        let age =
            partitions().map(|of| (place(&of.topic, of.partition), ConstGauge::new(of.oldest_open_age)));
        family(
            encoder,
            "partition_oldest_open_seconds",
            "How long the oldest open record has been open.",
            age,
        )?;

        let join = &report.join;
        family(
            encoder,
            "join_open_names",
            "Names that wait for parts or revisions.",
            [([], gauge(join.open))],
        )?;
        family(
            encoder,
            "join_payload_bytes",
            "Memory that parts of open names take, in bytes.",
            [([], gauge(join.bytes))],
        )?;
        let kind = |kind: &'static str, value| ([("kind", kind.to_owned())], count(value));
        let records = [
            kind("complete", join.complete),
            kind("partial", join.partial),
            kind("revision", join.revisions),
        ];
        family(encoder, "joined_records", "Joined records by kind.", records)?;
        let ended =
            join.ended.iter().map(|(reason, value)| ([("reason", reason.to_string())], count(*value)));
        family(encoder, "join_ended_names", "Names that ended without a record, by reason.", ended)?;
        let ignored =
            join.ignored.iter().map(|(reason, value)| ([("reason", reason.to_string())], count(*value)));
        family(encoder, "join_ignored_results", "Results that changed nothing, by reason.", ignored)?;
        let topic = |topic: &str| [("topic", topic.to_owned())];
        let misplaced = join.misplaced.iter().map(|(name, value)| (topic(name), count(*value)));
        family(
            encoder,
            "join_misplaced_results",
            "Results in a partition that does not own their name.",
            misplaced,
        )?;
        let moved = report.repartitioned.iter().map(|(name, value)| (topic(name), count(*value)));
        family(
            encoder,
            "repartitioned_records",
            "Records brought to the partitions of their names, by the topic they came from.",
            moved,
        )?;

        let dead =
            report.dead_letters.iter().map(|(code, value)| ([("code", code.to_string())], count(*value)));
        family(encoder, "dead_letters", "Records that could not be read, by code.", dead)?;
        let cut = [([], count(report.cut_pages))];
        family(encoder, "cut_pages", "Pages that were cut so that their records fit.", cut)?;
        family(encoder, "cuts", "Cuts that were committed.", [([], count(report.cuts))])?;
        family(encoder, "uptime_seconds", "Time since the start.", [([], ConstGauge::new(report.uptime))])
    }
}
