//! The lab: a miniature internet on the loopback, in process. Real servers for names, web hosts, RDAP, WHOIS and NERD, and
//! the databases and pings that go with them, all described by the files in `src/lab/data/`.
//!
//! Decides how the parts start and stop together. What there is and how it answers is the `universe`. The settings that
//! lead collectors here are in `settings.rs`. Nothing is bound outside of 127/8 and `::1`, and no privileges are needed.

mod certificates;
pub mod databases;
mod dns;
mod http;
mod listen;
mod nerd;
mod ping;
mod rdap;
mod services;
mod settings;
mod universe;
mod web;
mod whois;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use self::certificates::Authority;
use self::dns::Dns;
use self::ping::LabPing;
use self::settings::Ports;
pub use self::universe::LabRequest;
use self::universe::{DataError, Universe};
use crate::collect::net::Ping;
use crate::error::{Code, Coded, Exit};
use crate::model::DomainName;

/// What a lab shall be like.
#[derive(Clone, Debug, Default)]
pub struct LabOptions {
    /// How many computed names there are beside the stored ones.
    pub scale: usize,
    /// Names whose DNS answers wait so long; those of names below them wait as well.
    pub slow: Vec<(String, Duration)>,
    /// The first of five ports that follow each other (DNS, TLS, HTTP, RDAP and NERD, WHOIS); 0 takes free ones.
    pub ports: u16,
}

/// What a job of the lab runs on.
pub struct LabJob {
    /// What is peculiar about it.
    pub about: String,
    /// Its configuration: `section.key` and the value as text.
    pub settings: Vec<(String, String)>,
    /// Its list of names; some get no record.
    pub names: Vec<String>,
    /// Requests that no list of names brings forth, so that collectors show how they refuse them.
    pub requests: Vec<LabRequest>,
}

/// Why the lab does not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// An address or a port is not free.
    #[error("{address} cannot be bound")]
    Bind {
        /// The loopback address and the port.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The folder with the databases and bootstrap files cannot be written.
    #[error("the files of the lab cannot be written")]
    Files(#[source] io::Error),
    /// A key or a certificate cannot be made.
    #[error("the certificates of the lab cannot be made")]
    Certificates(#[from] rcgen::Error),
    /// The data files, which are part of the program, contradict each other.
    #[error("the data of the lab do not fit")]
    Data(#[from] DataError),
}

static LAB_BIND: Code = Code {
    name: "lab-bind",
    exit: Exit::Unreachable,
    about: "The lab cannot bind one of its loopback addresses.",
    hint: "choose other ports, or none; the lab needs all of 127/8, which Linux has (elsewhere add aliases to the \
           loopback interface)",
};
static LAB_FILES: Code = Code {
    name: "lab-files",
    exit: Exit::Unreachable,
    about: "The lab cannot write its databases and bootstrap files.",
    hint: "make room in the folder for temporary files, or set TMPDIR",
};
static LAB_DATA: Code = Code {
    name: "lab-data",
    exit: Exit::Internal,
    about: "The data or certificates of the lab are not right.",
    hint: "please report it",
};

/// All codes of this component.
pub static LAB_CODES: &[&Code] = &[&LAB_BIND, &LAB_FILES, &LAB_DATA];

impl Coded for LabError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Bind { .. } => &LAB_BIND,
            Self::Files(_) => &LAB_FILES,
            Self::Certificates(_) | Self::Data(_) => &LAB_DATA,
        }
    }
}

/// A running lab. All its servers stop when it is dropped.
pub struct Lab {
    universe: Arc<Universe>,
    ports: Ports,
    folder: TempDir,
    /// Aborts every server when dropped.
    _servers: JoinSet<()>,
}

impl Lab {
    /// Starts all servers on the current Tokio runtime and writes the files they need.
    pub async fn start(options: LabOptions) -> Result<Self, LabError> {
        let universe = Arc::new(Universe::load(options.scale)?);
        let authority = Arc::new(Authority::new()?);
        let canonical =
            |name: &str| DomainName::parse(name).map_or_else(|_| name.to_owned(), |n| n.to_string());
        let slow = options.slow.iter().map(|(name, delay)| (canonical(name), *delay)).collect();
        let port = |n: u16| if options.ports == 0 { 0 } else { options.ports.saturating_add(n) };

        let mut servers = JoinSet::new();
        let dns = Dns::start(universe.clone(), slow, port(0), &mut servers)?;
        let web = web::start(&universe, &authority, (port(1), port(2)), &mut servers)?;
        let services = services::start(&universe, &authority, port(3), &mut servers)?;
        let whois = whois::start(&universe, port(4), &mut servers)?;

        let ports = Ports { dns, web, services, whois };
        let folder = tempfile::Builder::new().prefix("domainflow-lab-").tempdir().map_err(LabError::Files)?;
        settings::write_files(&universe, &authority, ports, folder.path()).map_err(LabError::Files)?;
        Ok(Self { universe, ports, folder, _servers: servers })
    }

    /// The configuration that leads the collectors here: `section.key` and the value as text, lists as JSON arrays.
    pub fn settings(&self) -> Vec<(String, String)> {
        settings::overrides(self.ports, self.folder.path())
    }

    /// The names that have a zone, so that each gets one joined record: the stored ones, then those of `scale`.
    pub fn names(&self) -> Vec<String> {
        let stored = self.universe.names.iter().map(|(name, _)| name.clone());
        stored.chain(self.universe.scale_names()).collect()
    }

    /// The jobs that show everything: first one on most names, with all that the lab offers, then those that lack something.
    pub fn jobs(&self) -> Vec<LabJob> {
        let Universe { jobs, without_record, requests, .. } = &*self.universe;
        let mut names = self.names();
        names.retain(|name| !jobs.iter().any(|job| job.names.contains(name)));
        names.extend(without_record.iter().map(|(name, _)| name.clone()));
        let first = LabJob {
            about: "everything the lab offers".to_owned(),
            settings: self.settings(),
            names,
            requests: requests.clone(),
        };
        let lacking = jobs.iter().map(|job| {
            let mut settings = self.settings();
            settings.retain(|(key, _)| !job.without.contains(key));
            settings.extend(job.settings.clone());
            LabJob { about: job.about.clone(), settings, names: job.names.clone(), requests: vec![] }
        });
        std::iter::once(first).chain(lacking).collect()
    }

    /// Pings that the lab answers by its data; the kernel would answer for every address alike.
    pub fn ping(&self) -> Arc<dyn Ping> {
        Arc::new(LabPing(self.universe.clone()))
    }

    /// What there is and how to ask it by hand, line by line.
    pub fn describe(&self) -> Vec<String> {
        settings::describe(&self.universe, self.ports, self.folder.path())
    }
}

#[cfg(test)]
mod tests;
