//! Three brokers and a registry of a test's own, which may be killed and paused.

use std::process::Command;

use super::flow::{listening, script};
use crate::support::{signal, text};

/// Brokers of a cluster.
const NODES: usize = 3;

/// How often a server is started until it stays.
const STARTS: usize = 3;

/// A running cluster; it ends with its data when it is dropped.
pub struct Cluster {
    dir: tempfile::TempDir,
    /// Brokers, registry.
    pub servers: (String, String),
}

/// One server of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// A broker, counted from 1.
    Broker(usize),
    /// The registry.
    Registry,
}

impl Server {
    /// Any broker.
    pub fn any_broker(random: &mut fastrand::Rng) -> Self {
        Self::Broker(random.usize(1..=NODES))
    }
}

impl Cluster {
    /// Starts one.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let servers = up(&dir);
        Self { dir, servers }
    }

    /// Starts again what was killed. The registry ends by itself if its broker goes away while it starts, and then needs
    /// another start, which whoever runs one has a supervisor for.
    pub fn up(&self) {
        let stays = (1..STARTS).find_map(|_| started(&self.dir).ok());
        assert_eq!(stays.unwrap_or_else(|| up(&self.dir)), self.servers);
    }

    /// Sends a signal to a server.
    pub fn signal(&self, server: Server, name: &str) {
        let folder = match server {
            Server::Broker(number) => format!("kafka-{number}"),
            Server::Registry => "registry".to_owned(),
        };
        let pid = std::fs::read_to_string(self.dir.path().join(folder).join("pid")).unwrap();
        signal(pid.trim().parse().unwrap(), name);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let done = on(&self.dir).arg("clean").output();
        if !done.is_ok_and(|done| done.status.success()) {
            eprintln!("servers may still run in {}", self.dir.path().display());
        }
    }
}

fn on(dir: &tempfile::TempDir) -> Command {
    let mut script = script();
    let nodes = NODES.to_string();
    script.envs([("KAFKA_NODES", nodes.as_str()), ("KAFKA_PORT", "free"), ("REGISTRY_PORT", "free")]);
    script.env("SERVERS_RUN", dir.path());
    script
}

fn up(dir: &tempfile::TempDir) -> (String, String) {
    started(dir).unwrap_or_else(|error| panic!("no cluster: {error}"))
}

fn started(dir: &tempfile::TempDir) -> Result<(String, String), String> {
    let done = on(dir).arg("up").output().unwrap();
    listening(&text(&done.stdout)).ok_or_else(|| text(&done.stderr))
}
