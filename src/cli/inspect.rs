//! `validate` and `graph`: a dataflow file looked at before it runs.

use serde_json::json;

use super::args::{Graph, GraphFormat, Layers, Validate};
use super::show::{GOOD, styled};
use super::{show, start};
use crate::config::Loader;
use crate::embed::Process;
use crate::error::{Exit, Failure};
use crate::spec::{Drawing, draw};

/// Checks everything that can be checked without running.
pub async fn validate(layers: &Layers, args: &Validate) -> Result<Exit, Failure> {
    let (mut settings, plan) = start::open(layers, &args.spec)?;
    let mut checked = vec!["configuration", "dataflow"];
    let (nodes, topics) = (plan.node_names().len(), plan.topics.len());
    let name = plan.name.clone();
    if args.probe {
        // A directory of its own: the state of a running job is not touched.
        let state = tempfile::tempdir().ok();
        if let Some(state) = &state {
            settings.state.dir = state.path().to_owned();
        }
        let process = tokio::task::spawn_blocking(move || Process::open(settings, plan, None));
        let process = process.await.map_err(|_| crate::io::IoError::Stopped)??;
        checked.extend(process.probe().await?);
    }
    show::either(
        args.format,
        &json!({ "flow": name, "nodes": nodes, "topics": topics, "checked": checked }),
        || {
            format!(
                "{} {name}: {nodes} nodes, {topics} topics; checked: {}",
                styled(GOOD, "valid"),
                checked.join(", ")
            )
        },
    );
    Ok(Exit::Done)
}

/// Draws a dataflow.
pub fn graph(layers: &Layers, args: &Graph) -> Result<Exit, Failure> {
    let settings = start::settings(layers, Loader::new())?;
    let plan = start::plan(&args.spec, &settings)?;
    let drawing = match args.format {
        GraphFormat::Mermaid => Drawing::Mermaid,
        GraphFormat::Dot => Drawing::Dot,
    };
    show::line(draw(&plan, drawing).trim_end());
    Ok(Exit::Done)
}
