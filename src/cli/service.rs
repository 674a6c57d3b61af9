//! `run SPEC`: the long-lived job.

use super::args::{Layers, Run};
use super::signal::Stop;
use super::{lab, start};
use crate::config::Loader;
use crate::embed::{Process, Service};
use crate::error::{Exit, Failure};

/// Runs until a signal or a failure.
pub async fn run(layers: &Layers, args: &Run) -> Result<Exit, Failure> {
    let stop = Stop::listen();
    let mut loader = Loader::new();
    let lab = lab::behind(&mut loader, args.lab, args.lab_scale, &args.lab_slow).await?;
    let settings = start::settings(layers, loader)?;
    start::start(&settings, false);
    let plan = start::plan(&args.spec, &settings)?;
    let transport = match settings.kafka.bootstrap_servers.as_str() {
        "" => format!("topics in {}", settings.state.dir.display()),
        servers => format!("Kafka at {servers}"),
    };
    let process = Process::open(settings, plan, lab.as_ref().map(|lab| lab.ping()))?;
    let flow = process.plan.name.clone();
    let service = Service::start(process).await?;
    match service.admin() {
        Some(admin) => tracing::info!(flow, transport, status = %format!("http://{admin}/status"), "running"),
        None => tracing::info!(flow, transport, "running"),
    }
    tokio::select! {
        () = stop.asked() => tracing::info!("stopping: finishing what is under way"),
        () = service.failed() => {}
    }
    service.stop().await?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}
