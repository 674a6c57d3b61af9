//! `schema`: the schemas of the records, and the registry's view of them.

use serde_json::json;

use super::args::{FlowSpec, Layers, Schema};
use super::show::{BAD, GOOD, styled};
use super::{show, start};
use crate::codec::{Comparison, HttpRegistry, RECORDS, Registry as _, compare, subject};
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
    let (settings, plan) = start::open(layers, &args.spec)?;
    let registry = registry(&settings)?;
    let comparisons = compare(&registry, plan.schemas()).await?;
    show::either(args.format, &comparisons, || {
        let line = |comparison: &Comparison| match comparison.fits() {
            true => format!("{} {comparison}", styled(GOOD, "ok")),
            false => format!("{} {comparison}", styled(BAD, "no")),
        };
        comparisons.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(if comparisons.iter().all(Comparison::fits) { Exit::Done } else { Exit::Unreachable })
}

async fn register(layers: &Layers, args: &FlowSpec) -> Result<Exit, Failure> {
    let (settings, plan) = start::open(layers, &args.spec)?;
    let registry = registry(&settings)?;
    let mut ids = Vec::new();
    for (topic, schema) in plan.schemas() {
        // A derived schema always serializes.
        let schema = serde_json::to_string(schema).unwrap_or_default();
        let id = registry.register(&subject(topic), &schema).await?;
        ids.push((topic, id));
    }
    let json: Vec<_> = ids.iter().map(|(topic, id)| json!({ "topic": topic, "id": id })).collect();
    show::either(args.format, &json, || {
        let rows: Vec<_> = ids.iter().map(|(topic, id)| [(*topic).to_owned(), id.to_string()]).collect();
        show::table(["topic", "schema id"], &rows)
    });
    Ok(Exit::Done)
}
