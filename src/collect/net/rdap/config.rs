//! Settings of RDAP (section `rdap`).

use serde::{Deserialize, Serialize};

use super::bootstrap::IANA;
use crate::units::{Size, Span};

/// Section `rdap`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RdapConfig {
    /// Where the responsible servers are listed (RFC 9224): files, directories of `.json` files, or URLs. Of two
    /// entries alike that of the earlier list counts. Until the lists of IANA have come, a small part of them that is
    /// shipped is used.
    pub bootstrap: Vec<String>,
    /// Whose answer is in `rdapData` where both the registry and the registrar answered, `registrar` or `registry`; that
    /// of the other is in `rdapRegistryData` or `rdapRegistrarData`.
    pub prefer: Prefer,
    /// How long one request may take; a whole look-up with its links and entities takes at most three times that.
    pub timeout: Span,
    /// Bytes of an answer that are accepted; a longer one counts as an invalid response.
    pub max_body: Size,
    /// Servers that are asked one after another along `related` links, after the responsible one.
    pub max_related: usize,
    /// Entities of an answer that are fetched from their own links, where the answer has only a stub.
    pub max_entities: usize,
}

/// Whose answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// That of the server to which the `related` links lead in the end.
    Registrar,
    /// That of the server that is responsible for the top-level domain.
    Registry,
}

impl Default for RdapConfig {
    fn default() -> Self {
        let iana = |file: &str| format!("{IANA}{file}.json");
        Self {
            bootstrap: ["dns", "ipv4", "ipv6"].map(iana).to_vec(),
            prefer: Prefer::Registrar,
            timeout: Span::secs(5),
            max_body: Size::mib(1),
            max_related: 3,
            max_entities: 8,
        }
    }
}
