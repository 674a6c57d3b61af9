//! `list`: what there is: collectors, statuses, topics.

use serde_json::json;

use super::args::{Layers, List, Listed};
use super::{show, start};
use crate::collect::catalogue::COLLECTORS;
use crate::config::Loader;
use crate::error::{Exit, Failure};
use crate::model::STATUSES;

/// Prints a list.
pub fn list(layers: &Layers, args: &List) -> Result<Exit, Failure> {
    match args.what {
        Listed::Collectors => show::either(args.format, &COLLECTORS, || {
            let row = |collector: &crate::collect::catalogue::Described| {
                let follow_ups: Vec<_> =
                    collector.follow_ups.iter().map(|follow_up| follow_up.name()).collect();
                let about = collector.about.to_owned();
                [
                    collector.name.to_owned(),
                    collector.request.to_owned(),
                    collector.result.to_owned(),
                    follow_ups.join(", "),
                    about,
                ]
            };
            let rows: Vec<_> = COLLECTORS.iter().map(row).collect();
            show::table(["collector", "from", "to", "then", "what it finds out"], &rows)
        }),
        Listed::Statuses => show::either(args.format, &STATUSES, || {
            let row = |info: &crate::model::StatusInfo| {
                [info.code.to_string(), info.name.to_owned(), info.meaning.to_owned()]
            };
            let rows: Vec<_> = STATUSES.iter().map(row).collect();
            show::table(["code", "name", "meaning"], &rows)
        }),
        Listed::Topics => {
            let settings = start::settings(layers, Loader::new())?;
            let plan = start::plan(&args.spec, &settings)?;
            let topics: Vec<_> = plan.topics.iter().map(|topic| {
                let format = topic.record.map(|_| topic.format.to_string());
                json!({ "topic": topic.name, "record": topic.record, "format": format, "partitions": settings.topics.partitions })
            })
            .collect();
            show::either(args.format, &topics, || {
                let row = |topic: &crate::spec::TopicPlan| {
                    let record = topic.record.unwrap_or("bytes as they came");
                    let format = topic.record.map_or(String::new(), |_| topic.format.to_string());
                    [topic.name.clone(), record.to_owned(), format]
                };
                let rows: Vec<_> = plan.topics.iter().map(row).collect();
                show::table(["topic", "record", "format"], &rows)
            });
        }
    }
    Ok(Exit::Done)
}
