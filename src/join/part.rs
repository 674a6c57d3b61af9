//! What arrives at the join: one result of one run of one name, with the little of it that the rules look at.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::model::Status;

/// Which part of a joined record a result is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PartId {
    /// The zone result.
    Zone,
    /// The DNS result.
    Dns,
    /// The TLS result.
    Tls,
    /// The RDAP and WHOIS result.
    Rdap,
    /// The result of an IP collector for an address.
    Ip {
        /// The address as its key spells it.
        address: CompactString,
        /// The name of the collector.
        collector: CompactString,
    },
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartId::Zone => f.write_str("zone"),
            PartId::Dns => f.write_str("dns"),
            PartId::Tls => f.write_str("tls"),
            PartId::Rdap => f.write_str("rdap-dn"),
            PartId::Ip { address, collector } => write!(f, "{collector} of {address}"),
        }
    }
}

/// What a DNS result says about the parts that are still to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsFacts {
    /// The distinct addresses of `ips`, in their order.
    pub addresses: Vec<CompactString>,
    /// Whether a TLS result follows: `dnsData` has an A, an AAAA, or an address behind the CNAME.
    pub tls: bool,
}

/// What a request did not ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Parts of the name.
    pub parts: Vec<PartId>,
    /// The collectors of addresses that it asked for, if not all.
    pub only: Option<Vec<CompactString>>,
}

impl LeftOut {
    /// Whether a part was not asked for.
    pub fn has(&self, part: &PartId) -> bool {
        match part {
            PartId::Ip { collector, .. } => {
                self.only.as_ref().is_some_and(|only| !only.iter().any(|asked| asked == collector))
            }
            part => self.parts.contains(part),
        }
    }
}

/// A result on its way into an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival<P> {
    /// Which part it is.
    pub part: PartId,
    /// The run it belongs to; `None` from a producer that does not hand runs on.
    pub run: Option<CompactString>,
    /// Its status.
    pub status: Status,
    /// When its collector finished: of two results of one part the later attempt is the newer.
    pub attempt: Millis,
    /// The time of its record: the time of the stream.
    pub time: Millis,
    /// Whether its page is not whole.
    pub cut: bool,
    /// For a DNS result: what it says about the other parts.
    pub dns: Option<DnsFacts>,
    /// What its request did not ask for, if it tells.
    pub left_out: Option<LeftOut>,
    /// The result itself.
    pub payload: P,
}
