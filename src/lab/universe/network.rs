//! `networks.yaml`: the addresses of the lab, where they are, and how they answer. What a field means is said there.
//!
//! Decides nothing: the servers that answer for an address are in `rdap/`, `nerd.rs`, `ping.rs` and `databases/`.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;

use super::registry::RdapAnswer;
use crate::units::Span;

/// `networks.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworksFile {
    pub places: BTreeMap<String, Place>,
    pub systems: BTreeMap<u32, String>,
    pub rdap_services: Vec<RdapService>,
    pub networks: Vec<Network>,
}

/// A row of the City database.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub continent: String,
    pub country: String,
    pub country_id: u32,
    pub region: Option<Region>,
    pub city: Option<String>,
    pub postal: Option<String>,
    pub latitude: f64,
    pub longitude: f64,
    pub zone: String,
}

/// A subdivision of a country.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    pub code: String,
    pub name: String,
}

/// Addresses of one kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub prefix: IpNet,
    pub name: String,
    /// Key of a place; without one the network is not in the City database.
    pub place: Option<String>,
    /// Number of a system; without one the network is not in the ASN database.
    pub system: Option<u32>,
    #[serde(default)]
    pub ping: PingRule,
    #[serde(default)]
    pub rdap: RdapAnswer,
    #[serde(default)]
    pub nerd: NerdAnswer,
    #[serde(default)]
    pub reputation: f64,
}

/// How the addresses of a network answer echo requests.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PingRule {
    pub answer: PingAnswer,
    /// Least round-trip time.
    pub time: Span,
    /// What is added to it at most.
    pub jitter: Span,
    /// Every how many-th reply is lost; 0 for none.
    pub lost_every: u32,
}

impl Default for PingRule {
    fn default() -> Self {
        Self { answer: PingAnswer::Reply, time: Span::millis(10), jitter: Span::millis(1), lost_every: 0 }
    }
}

/// What comes of an echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PingAnswer {
    Reply,
    Lost,
    Unreachable,
    TimeExceeded,
    /// The system does not let it out.
    NotSent,
}

/// What NERD answers when it is asked for an address alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NerdAnswer {
    #[default]
    Reputation,
    /// A body of a wrong length.
    Short,
    Forbidden,
    Limited,
    Silent,
}

/// A base URL and the networks it knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdapService {
    pub host: String,
    pub path: String,
    pub prefixes: Vec<IpNet>,
}
