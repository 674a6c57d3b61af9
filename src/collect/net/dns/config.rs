//! The settings of everything that asks the DNS: section `dns` of the configuration.
//!
//! Decides names, units and defaults; who uses them says so beside the use (`exchange.rs`, `resolver.rs`, `collect/dns`).

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Upstream;
use crate::units::{Size, Span};

/// Section `dns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsConfig {
    /// Who finds out what the known servers of a zone do not say.
    pub recursion: Recursion,
    /// Recursive resolvers, asked in turn; empty: those of the system.
    pub resolvers: Vec<Upstream>,
    /// A file of the root servers in the form of IANA's `named.root`; absent: those of the internet.
    pub root_hints: Option<PathBuf>,
    /// Whether the records found are judged by DNSSEC; costs further queries and signature checks.
    pub dnssec: bool,
    /// A file of the root's keys, as DNSKEY records; absent: those of the internet.
    pub trust_anchor: Option<PathBuf>,
    /// How long one question may take, over all servers and repetitions it needs.
    pub timeout: Span,
    /// How often a query is sent again to a server that stays silent, within `timeout`; at most 8.
    pub retries: u8,
    /// Queries in flight to one server; more wait. A resolver's default socket buffer holds about 200.
    pub concurrency: u16,
    /// Port of the authoritative servers.
    pub port: u16,
    /// Memory for answers of the resolvers, or for answers and delegations that recursion from the root met.
    pub cache: Size,
    /// A file of the Public Suffix List, read again when it changes; only its ICANN section counts.
    pub public_suffix_list: Option<PathBuf>,
    /// Record types to collect when a request names none.
    pub types_to_collect: Vec<RrType>,
    /// Record types whose addresses are handed to the IP collectors when a request does not say; TXT has none.
    pub types_to_process_ips_from: Vec<RrType>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            recursion: Recursion::Resolvers,
            resolvers: vec![],
            root_hints: None,
            dnssec: false,
            trust_anchor: None,
            timeout: Span::secs(5),
            retries: 2,
            concurrency: 128,
            port: 53,
            cache: Size::mib(32),
            public_suffix_list: None,
            types_to_collect: RrType::ALL.to_vec(),
            types_to_process_ips_from: vec![RrType::A, RrType::AAAA, RrType::CNAME],
        }
    }
}

/// Who finds out what the known servers of a zone do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recursion {
    /// Recursive resolvers.
    Resolvers,
    /// This process, from the root servers down.
    Root,
}

/// A record type that the DNS collector knows, in the order of the record's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RrType {
    /// IPv4 address (RFC 1035 section 3.4.1).
    A,
    /// IPv6 address (RFC 3596).
    AAAA,
    /// Alias (RFC 1035 section 3.3.1).
    CNAME,
    /// Mail exchanger (RFC 1035 section 3.3.9).
    MX,
    /// Name server (RFC 1035 section 3.3.11).
    NS,
    /// Text (RFC 1035 section 3.3.14).
    TXT,
}

impl RrType {
    /// All of them.
    pub const ALL: [RrType; 6] = [Self::A, Self::AAAA, Self::CNAME, Self::MX, Self::NS, Self::TXT];

    /// The type written `text`; the case counts, as in the reference.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rr_type| rr_type.as_str() == text)
    }

    /// The mnemonic of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::AAAA => "AAAA",
            Self::CNAME => "CNAME",
            Self::MX => "MX",
            Self::NS => "NS",
            Self::TXT => "TXT",
        }
    }
}

impl fmt::Display for RrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
