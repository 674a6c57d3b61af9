//! Settings of the limits of requests (section `limits`): for every server, and for those that are named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rate::Rate;
use crate::units::Span;

/// Section `limits`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests to one RDAP, WHOIS, NERD or QRadar server, as `10/s` or `10/5s`; each of the rates holds. A process has
    /// its share of it: that of the partitions that it reads. None: as fast as `open` allows.
    pub rates: Vec<Rate>,
    /// Requests that may be open at once to one such server; at least 1.
    pub open: usize,
    /// Requests that may wait for one such server; further ones are refused at once.
    pub waiting: usize,
    /// How long a request waits for its turn at one such server; this does not count as time of the server. Who would
    /// wait longer is refused at once. `0s`: nobody waits.
    pub wait: Span,
    /// What is different for a server, by `host` or `host:port`: `"whois.example" = { rates = ["2/s"], wait = "1m" }`.
    pub servers: BTreeMap<String, ServerLimits>,
}

/// What is different for one server; what is left out is as for all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerLimits {
    /// See [`LimitsConfig::rates`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Vec<Rate>>,
    /// See [`LimitsConfig::open`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<usize>,
    /// See [`LimitsConfig::waiting`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    /// See [`LimitsConfig::wait`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Span>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            rates: vec![Rate::new(10, Span::secs(1))],
            open: 8,
            waiting: 500,
            wait: Span::secs(10),
            servers: BTreeMap::new(),
        }
    }
}

impl LimitsConfig {
    /// The limits of `server`, written as `host:port`.
    pub(super) fn of(&self, server: &str) -> ServerLimits {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        let own = self.servers.get(server).or_else(|| self.servers.get(host)).cloned().unwrap_or_default();
        ServerLimits {
            rates: own.rates.or_else(|| Some(self.rates.clone())),
            open: own.open.or(Some(self.open)),
            waiting: own.waiting.or(Some(self.waiting)),
            wait: own.wait.or(Some(self.wait)),
        }
    }

    /// The longest time that a request waits for its turn, at whatever server.
    pub(super) fn longest_wait(&self) -> Span {
        self.servers.values().filter_map(|own| own.wait).fold(self.wait, Span::max)
    }
}
