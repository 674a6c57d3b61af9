//! `schema`: the schemas of the records, and the registry's view of them.

use serde_json::json;

use super::args::{FlowSpec, Layers, Schema};
use super::show::{BAD, GOOD, styled};
use super::{show, start};
use crate::codec::{HttpRegistry, RECORDS, Registry as _, fits};
use crate::config::{ConfigError, Settings};
use crate::error::{Exit, Failure};

/// Lists, checks or registers.
pub async fn run(layers: &Layers, command: Schema) -> Result<Exit, Failure> {
    match command {
        Schema::List { format } => {
            let all: Vec<_> = RECORDS
                .iter()
                .map(|record| json!({ "topic": record.topic, "schema": (record.schema)() }))
                .collect();
            show::either(format, &all, || {
                let row = |record: &crate::codec::RecordSchema| {
                    let name = (record.schema)()
                        .name()
                        .map_or_else(|| "string".to_owned(), |name| name.fullname(None).to_string());
                    [record.topic.to_owned(), name, format!("schemas/{}.avsc", record.topic)]
                };
                let rows: Vec<_> = RECORDS.iter().map(row).collect();
                show::table(["topic", "record", "file"], &rows)
            });
            Ok(Exit::Done)
        }
        Schema::Check(args) => check(layers, &args).await,
        Schema::Register(args) => register(layers, &args).await,
    }
}

/// The topics of a dataflow with our schemas.
fn topics(layers: &Layers, args: &FlowSpec) -> Result<(Settings, Vec<(String, String)>), Failure> {
    let (settings, plan) = start::open(layers, &args.spec)?;
    let schema = |record: &str| {
        let known = RECORDS.iter().find(|known| known.topic == record)?;
        serde_json::to_string((known.schema)()).ok()
    };
    let topics = plan.topics.iter().filter_map(|topic| Some((topic.name.clone(), schema(topic.record?)?)));
    Ok((settings, topics.collect()))
}

fn registry(settings: &Settings) -> Result<HttpRegistry, Failure> {
    if settings.registry.url.is_empty() {
        return Err(ConfigError::Conflict {
            message: "no schema registry is configured".to_owned(),
            hint: "set registry.url".to_owned(),
        }
        .into());
    }
    Ok(HttpRegistry::new(&settings.registry.url)?)
}

async fn check(layers: &Layers, args: &FlowSpec) -> Result<Exit, Failure> {
    let (settings, topics) = topics(layers, args)?;
    let registry = registry(&settings)?;
    let (mut results, mut fit) = (Vec::new(), true);
    for (topic, ours) in topics {
        let theirs = registry.latest(&format!("{topic}-value")).await?;
        let verdict = match theirs {
            None => Ok("not registered yet".to_owned()),
            Some((id, theirs)) => fits(&ours, &theirs).map(|()| format!("fits schema {id}")),
        };
        fit &= verdict.is_ok();
        results.push((topic, verdict));
    }
    let json: Vec<_> = results
        .iter()
        .map(|(topic, verdict)| json!({ "topic": topic, "fits": verdict.is_ok(), "why": verdict.as_ref().unwrap_or_else(|why| why) }))
        .collect();
    show::either(args.format, &json, || {
        let line = |(topic, verdict): &(String, Result<String, String>)| match verdict {
            Ok(why) => format!("{} {topic}: {why}", styled(GOOD, "ok")),
            Err(why) => format!("{} {topic}: {why}", styled(BAD, "no")),
        };
        results.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(if fit { Exit::Done } else { Exit::Unreachable })
}

async fn register(layers: &Layers, args: &FlowSpec) -> Result<Exit, Failure> {
    let (settings, topics) = topics(layers, args)?;
    let registry = registry(&settings)?;
    let mut ids = Vec::new();
    for (topic, schema) in topics {
        let id = registry.register(&format!("{topic}-value"), &schema).await?;
        ids.push((topic, id));
    }
    let json: Vec<_> = ids.iter().map(|(topic, id)| json!({ "topic": topic, "id": id })).collect();
    show::either(args.format, &json, || {
        let rows: Vec<_> = ids.iter().map(|(topic, id)| [topic.clone(), id.to_string()]).collect();
        show::table(["topic", "schema id"], &rows)
    });
    Ok(Exit::Done)
}
