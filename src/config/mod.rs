//! The configuration: every part's own settings under one roof, and how they are read.
//!
//! `config/default.toml` holds every key with a comment and is part of the program; a test proves it equal to the defaults
//! of the code. Then files, the environment, and `--set`. Next: `load.rs`.

mod load;
mod origin;

use serde::{Deserialize, Serialize};

pub use load::Loader;
pub use origin::{CONFIG_CODES, ConfigError};

use crate::codec::RegistryConfig;
use crate::collect::geo_asn::GeoConfig;
use crate::collect::nerd::NerdConfig;
use crate::collect::net::dns::DnsConfig;
use crate::collect::net::rdap::RdapConfig;
use crate::collect::net::whois::WhoisConfig;
use crate::collect::net::{LimitsConfig, NetConfig};
use crate::collect::once::CacheConfig;
use crate::collect::qradar::QradarConfig;
use crate::collect::rtt::RttConfig;
use crate::collect::tls::{HttpConfig, TlsConfig};
use crate::collect::zone::ZoneConfig;
use crate::flow::{EngineConfig, FlowSettings, JoinConfig, ShutdownConfig, StateConfig, TopicsConfig};
use crate::io::kafka::KafkaConfig;
use crate::telemetry::{AdminConfig, LogConfig};

/// The text of `config/default.toml`.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// All settings. Fields are the sections of the file; their own types describe their keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "a section is described where its type is")]
pub struct Settings {
    pub kafka: KafkaConfig,
    pub registry: RegistryConfig,
    pub topics: TopicsConfig,
    pub state: StateConfig,
    pub engine: EngineConfig,
    pub join: JoinConfig,
    pub shutdown: ShutdownConfig,
    pub admin: AdminConfig,
    pub log: LogConfig,
    pub net: NetConfig,
    pub limits: LimitsConfig,
    pub cache: CacheConfig,
    pub dns: DnsConfig,
    pub zone: ZoneConfig,
    pub tls: TlsConfig,
    pub http: HttpConfig,
    pub rdap: RdapConfig,
    pub whois: WhoisConfig,
    pub nerd: NerdConfig,
    pub qradar: QradarConfig,
    pub geo: GeoConfig,
    pub rtt: RttConfig,
}

impl Settings {
    /// What of the settings concerns the flow itself.
    pub fn flow(&self) -> FlowSettings {
        FlowSettings { engine: self.engine.clone(), state: self.state.clone(), join: self.join.clone() }
    }
}

#[cfg(test)]
mod tests;
