//! The universe: everything the lab serves, built once from the data files, then only read.
//!
//! Decides what refers to what, and that all of it exists. Names of `scale` are computed when they are asked for.
//! Next: the files in `src/lab/data/`, which say what everything means, then `zone.rs`.

mod host;
mod network;
mod registration;
mod registry;
mod site;
mod zone;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

pub use self::host::{Chain, Declared, Host, Key, PlainHttp, Template, TlsMode, Versions, Web};
pub use self::network::{NerdAnswer, Network, PingAnswer, PingRule, Place, RdapService};
pub use self::registration::Facts;
pub use self::registry::{
    Contact, NameServer, RdapAnswer, Registrar, Registry, ServerMode, WhoisAnswer, WhoisServer, WhoisText,
};
pub use self::site::{FaultAnswer, LabRequest};
pub use self::zone::{Found, Zone, text_name, wire_name};

use self::network::NetworksFile;
use self::registry::RegistriesFile;
use self::site::{DomainsFile, JobFile, Plain, Registration, Site};
use crate::model::{DomainName, Status};

/// Address of the resolver of the lab.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 53, 0, 53);
/// Address of every RDAP service; their hosts differ.
pub const RDAP: Ipv4Addr = Ipv4Addr::new(127, 44, 0, 1);
/// Address of the reputation service.
pub const NERD: Ipv4Addr = Ipv4Addr::new(127, 45, 0, 1);
/// Host of the reputation service.
pub const NERD_HOST: &str = "nerd.reputation-lab.cz";

/// Computed zones that are kept.
const MAX_RECENT: usize = 1024;

/// Something in the data files does not fit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DataError(String);

/// A job that lacks something, with names of its own.
pub struct Job {
    pub about: String,
    /// Settings of the lab that it does without.
    pub without: Vec<String>,
    /// Settings that it has beside those of the lab.
    pub settings: BTreeMap<String, String>,
    pub names: Vec<String>,
}

/// Everything the lab serves.
pub struct Universe {
    pub places: BTreeMap<String, Place>,
    pub systems: BTreeMap<u32, String>,
    pub networks: Vec<Network>,
    pub rdap_services: Vec<RdapService>,
    pub hosts: Vec<Host>,
    pub registries: Vec<Registry>,
    pub registrars: Vec<Registrar>,
    pub contacts: Vec<Contact>,
    /// Authoritative servers.
    pub server_modes: BTreeMap<Ipv4Addr, ServerMode>,
    /// Names that get a joined record, and what is peculiar about them.
    pub names: Vec<(String, String)>,
    /// Names that get none, and the status of their zone.
    pub without_record: Vec<(String, Status)>,
    /// Requests that no list of names brings forth.
    pub requests: Vec<LabRequest>,
    /// Names that want to be left alone.
    pub opt_out: Vec<String>,
    /// Jobs that lack something.
    pub jobs: Vec<Job>,
    zones: HashMap<String, Arc<Zone>>,
    registrations: HashMap<String, Registration>,
    name_servers: BTreeMap<String, Vec<NameServer>>,
    plain: Plain,
    pool: Vec<IpAddr>,
    scale: usize,
    /// Computed zones of late: a name is asked for a dozen times in a row.
    recent: Mutex<HashMap<String, Arc<Zone>>>,
}

impl Universe {
    /// Reads the data files, which are part of the program; `scale` is how many computed names there are.
    pub fn load(scale: usize) -> Result<Self, DataError> {
        let networks: NetworksFile = read("networks.yaml", include_str!("../data/networks.yaml"))?;
        let hosts: Vec<Host> = read("hosts.yaml", include_str!("../data/hosts.yaml"))?;
        let registries: RegistriesFile = read("registries.yaml", include_str!("../data/registries.yaml"))?;
        let domains: DomainsFile = read("domains.yaml", include_str!("../data/domains.yaml"))?;
        let hosts: Vec<Host> = hosts.into_iter().flat_map(Host::repeated).collect();
        let mut universe = Self {
            places: networks.places,
            systems: networks.systems,
            networks: networks.networks,
            rdap_services: networks.rdap_services,
            pool: hosts.iter().filter(|host| host.pool).map(|host| host.at).collect(),
            hosts,
            server_modes: registries.name_servers.values().flatten().map(|ns| (ns.at, ns.answers)).collect(),
            registries: registries.registries,
            registrars: registries.registrars,
            contacts: registries.contacts,
            name_servers: registries.name_servers,
            names: domains
                .suffixes
                .iter()
                .map(|name| (name.clone(), "a public suffix itself".into()))
                .collect(),
            without_record: vec![],
            requests: domains.requests,
            opt_out: domains.opt_out,
            jobs: vec![],
            zones: HashMap::new(),
            registrations: HashMap::new(),
            plain: domains.plain,
            scale,
            recent: Mutex::default(),
        };
        let mut sites = domains.sites;
        for job in domains.jobs {
            let names = job.sites.iter().map(|site| Ok(site.full_names(&canonical(&site.zone)?).collect()));
            let names: Vec<Vec<String>> = names.collect::<Result<_, DataError>>()?;
            let JobFile { about, without, settings, .. } = job;
            universe.jobs.push(Job { about, without, settings, names: names.concat() });
            sites.extend(job.sites);
        }
        let zones = universe.build_zones(domains.infrastructure, sites, domains.without_record)?;
        universe.zones = zones.into_iter().map(|(name, zone)| (name, Arc::new(zone))).collect();
        Ok(universe)
    }

    fn build_zones(
        &mut self,
        infrastructure: Vec<Site>,
        sites: Vec<Site>,
        without_record: Vec<site::WithoutRecord>,
    ) -> Result<HashMap<String, Zone>, DataError> {
        let suffix = |registry: &Registry| Site {
            zone: registry.tld.clone(),
            servers: registry.servers.clone(),
            ..Site::default()
        };
        let suffixes: Vec<Site> = self.registries.iter().map(suffix).collect();
        let plain: Vec<Site> = self.plain.sites(&self.pool).collect();
        let mut zones = HashMap::new();
        for site in suffixes.into_iter().chain(infrastructure).chain(sites).chain(plain) {
            let zone = canonical(&site.zone)?;
            self.names.extend(site.full_names(&zone).map(|name| (name, site.about.clone())));
            if self.registry(&zone).is_some() {
                self.registrations.insert(zone.clone(), site.registration);
            }
            if zones.insert(zone.clone(), self.build_zone(&zone, &site)?).is_some() {
                return Err(DataError(format!("zone {zone} is there twice")));
            }
        }
        for line in without_record {
            if let Some(unanswered) = line.zone {
                let site = Site { servers: unanswered.servers, ..Site::default() };
                zones.insert(line.name.clone(), self.build_zone(&line.name, &site)?);
            }
            self.without_record.push((line.name, Status(line.status)));
        }
        for (host, address) in self.host_addresses() {
            let zone = suffixes_of(&host).find(|name| zones.contains_key(*name)).unwrap_or_default();
            let zone = zones.get_mut(zone).ok_or_else(|| DataError(format!("no zone for {host}")))?;
            zone.add_address(&host, address.into()).map_err(DataError)?;
        }
        Ok(zones)
    }

    fn build_zone(&self, name: &str, site: &Site) -> Result<Zone, DataError> {
        let servers = self.name_servers.get(&site.servers).map(Vec::as_slice).unwrap_or_default();
        Zone::build(name, site, servers).map_err(|error| DataError(format!("zone {name}: {error}")))
    }

    /// The hosts that zones and bootstrap files refer to.
    fn host_addresses(&self) -> Vec<(String, Ipv4Addr)> {
        let mut hosts = vec![(NERD_HOST.to_owned(), NERD)];
        hosts.extend(self.name_servers.values().flatten().map(|server| (server.host.clone(), server.at)));
        hosts.extend(self.rdap_hosts().map(|host| (host, RDAP)));
        let whois = self.registries.iter().filter_map(|registry| registry.whois.as_ref());
        hosts.extend(whois.map(|whois| (whois.host.clone(), whois.at)));
        hosts.extend(self.registrars.iter().map(|registrar| (registrar.whois_host(), registrar.at)));
        hosts
    }

    /// Hosts of the RDAP services, each once or more.
    pub fn rdap_hosts(&self) -> impl Iterator<Item = String> {
        let registries = self.registries.iter().filter_map(|registry| registry.rdap.as_ref());
        let services = self.rdap_services.iter().map(|service| service.host.clone());
        let registrars = self.registrars.iter().map(Registrar::rdap_host);
        registries.map(|rdap| rdap.host.clone()).chain(services).chain(registrars)
    }

    /// The zone called `name`.
    pub fn zone(&self, name: &str) -> Option<Arc<Zone>> {
        self.zones.get(name).cloned().or_else(|| self.computed_zone(name))
    }

    fn computed_zone(&self, name: &str) -> Option<Arc<Zone>> {
        let turn = self.plain.scale_turn(name).filter(|turn| *turn < self.scale)?;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = recent.get(name) {
            return Some(zone.clone());
        }
        // Computed names have the shapes of the stored ones, which were built at the start.
        let zone = Arc::new(self.build_zone(name, &self.plain.scale_site(turn, &self.pool)).ok()?);
        if recent.len() >= MAX_RECENT {
            recent.clear();
        }
        recent.insert(name.to_owned(), zone.clone());
        Some(zone)
    }

    /// The zones that enclose `name`, deepest first; the last is the root.
    pub fn zones_around(&self, name: &str) -> Vec<Arc<Zone>> {
        suffixes_of(name).chain([""]).filter_map(|suffix| self.zone(suffix)).collect()
    }

    /// Whether `name` lies in a stored zone below the public suffixes: a name that deserves a certificate of its own.
    pub fn is_stored(&self, name: &str) -> bool {
        suffixes_of(name).any(|suffix| self.registrations.contains_key(suffix))
    }

    /// The registry that registers `domain`; `None` if it is no domain directly below a public suffix.
    pub fn registry(&self, domain: &str) -> Option<&Registry> {
        let (_, suffix) = domain.split_once('.')?;
        let is_suffix = self.registries.iter().any(|registry| registry.tld == domain);
        self.registries.iter().find(|registry| registry.tld == suffix && !is_suffix)
    }

    fn registration(&self, domain: &str) -> Option<Registration> {
        let computed = || self.plain.scale_turn(domain).filter(|turn| *turn < self.scale);
        self.registrations.get(domain).copied().or_else(|| computed().map(|_| Registration::default()))
    }

    /// The most specific network of `address`.
    pub fn network(&self, address: IpAddr) -> Option<&Network> {
        let around = self.networks.iter().filter(|network| network.prefix.contains(&address));
        around.max_by_key(|network| network.prefix.prefix_len())
    }

    /// The computed names.
    pub fn scale_names(&self) -> impl Iterator<Item = String> {
        let site = |turn| self.plain.scale_site(turn, &self.pool);
        (0..self.scale).flat_map(move |turn| {
            let site = site(turn);
            site.full_names(&site.zone).collect::<Vec<_>>()
        })
    }
}

/// `name` and the names above it, the root excepted.
fn suffixes_of(name: &str) -> impl Iterator<Item = &str> {
    let first = Some(name).filter(|name| !name.is_empty());
    std::iter::successors(first, |name| name.split_once('.').map(|(_, above)| above))
}

fn read<T: for<'de> Deserialize<'de>>(file: &str, text: &str) -> Result<T, DataError> {
    serde_saphyr::from_str(text).map_err(|error| DataError(format!("{file}: {error}")))
}

fn canonical(zone: &str) -> Result<String, DataError> {
    match zone {
        "" => Ok(String::new()),
        _ => match DomainName::parse(zone) {
            Ok(name) => Ok(name.to_string()),
            Err(error) => Err(DataError(format!("zone {zone}: {error}"))),
        },
    }
}

/// A number that depends on nothing but the text (FNV-1a): variety that is the same in every run.
pub fn seed(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
