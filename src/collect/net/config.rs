//! Settings of the network as a whole (section `net`): who may be connected to, whom to trust, who we say we are.
//!
//! Time limits belong to the collectors that wait. Next: `dial.rs`, `http/client.rs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::AddressPolicy;
use super::deny::{Names, Networks};
use super::file::{FileError, Reloaded};

/// Section `net`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetConfig {
    /// Whether private, loopback and link-local addresses may be connected to as well; the lab needs it.
    pub allow_private: bool,
    /// A file of networks that are not connected to either, an address or a network in CIDR form a line; read again when
    /// it changes.
    pub deny_networks: Option<PathBuf>,
    /// A file of names about which nothing is collected, nor about names below them, a name a line; read again when it
    /// changes. Their results have status DISABLED.
    pub opt_out: Option<PathBuf>,
    /// A PEM file of further roots to trust for RDAP, NERD, lists and resolvers over TLS; the Mozilla roots always count.
    pub ca_file: Option<PathBuf>,
    /// What HTTP requests say about us. Set an address where owners of visited sites can reach you.
    pub user_agent: String,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            allow_private: false,
            deny_networks: None,
            opt_out: None,
            ca_file: None,
            // The contact is a reserved name (RFC 2606) so that nobody else is written to: who runs the job sets it.
            user_agent: concat!(
                "domainflow/",
                env!("CARGO_PKG_VERSION"),
                " (+https://domainflow.example/about)"
            )
            .to_owned(),
        }
    }
}

impl NetConfig {
    /// Who may be connected to; blocks while it reads the lists.
    pub fn policy(&self) -> Result<AddressPolicy, FileError> {
        let policy = if self.allow_private { AddressPolicy::private() } else { AddressPolicy::public() };
        let denied = Reloaded::configured(self.deny_networks.as_deref(), Networks::parse)?;
        let opted_out = Reloaded::configured(self.opt_out.as_deref(), Names::parse)?;
        Ok(policy.without(denied, opted_out))
    }
}
