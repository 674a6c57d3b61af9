//! Settings of WHOIS (section `whois`).

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// Section `whois`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhoisConfig {
    /// Lists of servers, read before the shipped one: files, directories of `.txt` files, or URLs. Lines are
    /// `tld host[:port] [query with %s for the name]`; the server for `.` refers to those of unlisted domains.
    pub servers: Vec<String>,
    /// How long one server may take; a whole look-up with its referrals takes at most twice that.
    pub timeout: Span,
    /// Bytes of an answer that are read.
    pub max_answer: Size,
    /// Servers that are asked one after another along referrals, the first included.
    pub max_servers: usize,
}

impl Default for WhoisConfig {
    fn default() -> Self {
        Self { servers: vec![], timeout: Span::secs(10), max_answer: Size::kib(64), max_servers: 3 }
    }
}
