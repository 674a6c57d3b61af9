//! The rules of a join as data: which reading of them holds, what a name and an address need, and how long to wait.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;

/// Which reading of the join's rules holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// One record for each run, revisions for later and better results, full patience.
    #[default]
    Target,
    /// The rules of the reference system's merger, with its windows and its repetitions.
    Reference,
}

/// The rules of one join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which reading holds.
    pub reading: Reading,
    /// The collectors whose results each address of the DNS result needs.
    pub address_collectors: Vec<CompactString>,
    /// Whether an RDAP result is needed.
    pub rdap: bool,
    /// Whether a TLS result is needed where the DNS result has an address for it.
    pub tls: bool,
    /// How long after the last arrival an incomplete name is given up and emitted as it is.
    pub patience: Millis,
    /// How long after a complete record its parts are kept for revisions. After an incomplete one it is `patience`.
    pub grace: Millis,
    /// How long the second stage of the reference waits.
    pub windows: Windows,
}

/// How long results about addresses wait in the reference reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// After the results about the name.
    pub after_domain: Millis,
    /// After each result about an address.
    pub after_address: Millis,
    /// For the results about the name.
    pub for_domain: Millis,
}

impl Default for Windows {
    fn default() -> Self {
        Self { after_domain: 10_000, after_address: 60_000, for_domain: 60_000 }
    }
}

impl Policy {
    /// Whether results of this collector of addresses are joined at all. The reference joins only those it needs.
    pub fn takes(&self, collector: &str) -> bool {
        self.reading == Reading::Target || self.address_collectors.iter().any(|needed| **needed == *collector)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reading: Reading::Target,
            address_collectors: ["geo-asn", "nerd", "rdap-ip", "rtt"].map(CompactString::from).to_vec(),
            rdap: true,
            tls: true,
            patience: 60_000,
            grace: 5_000,
            windows: Windows::default(),
        }
    }
}
