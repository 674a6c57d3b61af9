//! `topics create`: the topics of a dataflow on Kafka.

use serde_json::json;

use super::args::{Layers, Topics};
use super::{show, start};
use crate::config::ConfigError;
use crate::embed::topic_settings;
use crate::error::{Exit, Failure};
use crate::flow::topics;
use crate::io::kafka::create_topics;

/// Creates the topics that are missing.
pub async fn run(layers: &Layers, command: Topics) -> Result<Exit, Failure> {
    let Topics::Create(args) = command;
    let (settings, plan) = start::open(layers, &args.spec)?;
    if settings.kafka.bootstrap_servers.is_empty() {
        return Err(ConfigError::Conflict {
            message: "no brokers are configured".to_owned(),
            hint: "set kafka.bootstrap_servers; the embedded transport needs no topics made".to_owned(),
        }
        .into());
    }
    let table = topics(&plan, settings.topics.partitions);
    let created = create_topics(&settings.kafka, &table, &topic_settings(&settings)).await?;
    let all: Vec<_> = table.iter().map(|topic| table.name(topic).to_owned()).collect();
    let json = json!({ "topics": all, "created": created, "partitions": settings.topics.partitions });
    show::either(args.format, &json, || {
        let lines = all.iter().map(|topic| {
            let what = if created.contains(topic) { "created" } else { "was there" };
            format!("{topic}: {what}")
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}
