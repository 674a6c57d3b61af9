//! The long-lived job: runs until it is told to stop or cannot go on.

use std::sync::Arc;
use std::time::Duration;

use super::Process;
use super::open_names::domains;
use super::upkeep::Upkeep;
use crate::error::Failure;
use crate::flow::Flow;
use crate::telemetry::{Admin, Meters};

/// A running job.
pub struct Service {
    flow: Flow,
    meters: Arc<Meters>,
    admin: Option<Admin>,
    upkeep: Upkeep,
    deadline: Duration,
}

impl Service {
    /// Starts the flow of `process`, and its admin port.
    pub async fn start(process: Process) -> Result<Self, Failure> {
        let meters = process.meters.clone();
        let admin = Admin::open(&process.settings.admin, meters.clone()).await?;
        let flow = process.start().await?;
        if let Some(admin) = &admin {
            admin.knows(domains(flow.lookout()));
        }
        let upkeep = Upkeep::start(&process);
        Ok(Self { flow, meters, admin, upkeep, deadline: process.settings.shutdown.deadline.0 })
    }

    /// What is shown of the job.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Where the admin port listens, if there is one.
    pub fn admin(&self) -> Option<std::net::SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Waits until the job cannot go on; never, if all is well.
    pub fn failed(&self) -> impl Future<Output = ()> + use<> {
        self.flow.failed()
    }

    /// Stops: finishes what is under way within the deadline, commits, gives partitions back.
    pub async fn stop(self) -> Result<(), Failure> {
        self.upkeep.stop().await;
        self.flow.stop(self.deadline).await
    }
}
