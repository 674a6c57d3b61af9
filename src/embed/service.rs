//! The long-lived job: runs until it is told to stop or cannot go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Process;
use crate::error::Failure;
use crate::flow::Flow;
use crate::io::embedded::Log;
use crate::telemetry::{Admin, Meters};

/// How often old records of embedded topics are looked for.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// A running job.
pub struct Service {
    flow: Flow,
    meters: Arc<Meters>,
    admin: Option<Admin>,
    trimming: Option<JoinHandle<()>>,
    deadline: Duration,
}

impl Service {
    /// Starts the flow of `process`, and its admin port.
    pub async fn start(process: Process) -> Result<Self, Failure> {
        let meters = process.meters.clone();
        let admin = Admin::open(&process.settings.admin, meters.clone()).await?;
        let flow = process.start().await?;
        let trimming = process.log.clone().map(|log| {
            let (group, retention) = (process.group.clone(), process.settings.topics.retention.0);
            let clock = process.clock.clone();
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(TRIM_EVERY).await;
                    let horizon = clock.now() - retention.as_millis() as i64;
                    let (log, group) = (log.clone(), group.clone());
                    // RocksDB blocks.
                    let trimmed = tokio::task::spawn_blocking(move || trim(&log, &group, horizon)).await;
                    if let Ok(Err(error)) = trimmed {
                        tracing::warn!(%error, "old records were not deleted");
                    }
                }
            })
        });
        Ok(Self { flow, meters, admin, trimming, deadline: process.settings.shutdown.deadline.0 })
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
        if let Some(trimming) = self.trimming {
            trimming.abort();
            // It holds the store, which is to be closed when this returns.
            let _ = trimming.await;
        }
        self.flow.stop(self.deadline).await
    }
}

/// Deletes records that are older than `horizon`, unless the group has still to read them.
fn trim(log: &Log, group: &str, horizon: i64) -> Result<(), crate::io::IoError> {
    for topic in log.topics().iter() {
        for partition in 0..log.topics().partitions() {
            log.trim_before(group, topic, partition, horizon)?;
        }
    }
    Ok(())
}
