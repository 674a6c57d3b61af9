//! The rules of a join as data: what an address needs, and how long to wait.

use std::sync::Arc;

use crate::clock::Millis;

/// The rules of one join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The collectors whose results each address of the DNS result needs.
    pub address_collectors: Vec<Arc<str>>,
    /// Whether an RDAP result is needed.
    pub rdap: bool,
    /// Whether a TLS result is needed where the DNS result has an address for it.
    pub tls: bool,
    /// How long after the last arrival an incomplete name is given up and emitted as it is.
    pub patience: Millis,
    /// How long after a complete record its parts are kept for revisions. After an incomplete one it is `patience`.
    pub grace: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            address_collectors: ["geo-asn", "nerd", "rdap-ip", "rtt"].map(Arc::from).to_vec(),
            rdap: true,
            tls: true,
            patience: 60_000,
            grace: 5_000,
        }
    }
}
