//! What the join knows of a name: asked of the running job, for its admin port, or read from the state of one.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;

use super::process::group;
use crate::config::Settings;
use crate::error::Failure;
use crate::flow::{Looked, Lookout, OpenName, stored};
use crate::spec::Plan;
use crate::state::Store;
use crate::telemetry::Domains;

/// What the admin port answers about names.
pub(super) fn domains(lookout: Lookout) -> Domains {
    Arc::new(move |name| {
        let lookout = lookout.clone();
        async move {
            match lookout.look(&name).await {
                Looked::Open(open) if open.is_empty() => {
                    (404, json!({ "name": name, "open": [], "why": "it is joined, or did not come in time, or never came" }))
                }
                Looked::Open(open) => (200, json!({ "name": name, "open": open })),
                Looked::Elsewhere => {
                    (404, json!({ "name": name, "why": "its partition is with another process, or nothing is joined here" }))
                }
                Looked::NoAnswer => (503, json!({ "name": name, "why": "the join did not answer in time" })),
            }
        }
        .boxed()
    })
}

/// The open runs of a name in the state of a job, as they were last written; the job may run. Blocks.
pub fn open_names(settings: &Settings, plan: &Plan, name: &str) -> Result<Vec<OpenName>, Failure> {
    let Some(store) = Store::look(&settings.state.dir.join("db"))? else { return Ok(Vec::new()) };
    let (group, partitions) = (group(settings, plan), settings.topics.partitions);
    Ok(stored(store, &group, plan, partitions, &settings.flow(), name)?)
}
