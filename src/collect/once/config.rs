//! Settings of what is remembered of answers (section `cache`).

use serde::{Deserialize, Serialize};

use crate::model::Status;
use crate::units::{Size, Span};

/// Section `cache`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Memory for the answers of one collector.
    pub memory: Size,
    /// Disk for the answers of all collectors, so that a restart does not ask again; `0B`: nothing is kept there.
    pub disk: Size,
    /// How long the registration of a name is not asked for again; `0s` here and below: only who asks at the same time
    /// shares an answer.
    pub rdap_dn: Span,
    /// How long the registration of a network is not asked for again.
    pub rdap_ip: Span,
    /// How long the reputation of an address is not asked for again.
    pub nerd: Span,
    /// How long an address is not looked up in QRadar again.
    pub qradar: Span,
    /// How long an address is not pinged again.
    pub rtt: Span,
    /// How long something is not asked for again that the server does not know, or for which there is no server.
    pub missing: Span,
    /// How long something is not asked for again after a failure of the server or the network.
    pub failed: Span,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            memory: Size::mib(16),
            disk: Size(0),
            rdap_dn: Span::secs(24 * 60 * 60),
            rdap_ip: Span::secs(24 * 60 * 60),
            nerd: Span::secs(60 * 60),
            qradar: Span::secs(2 * 60),
            rtt: Span::secs(60 * 60),
            missing: Span::secs(60 * 60),
            failed: Span::secs(60),
        }
    }
}

/// How long the answers of one collector are good.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Those with data.
    pub found: Span,
    /// Those that say that there is nothing.
    pub missing: Span,
    /// Those that say that there was no answer.
    pub failed: Span,
}

impl CacheConfig {
    /// The lifetimes of a collector whose data is good for so long.
    pub(super) fn lifetimes(&self, found: fn(&Self) -> Span) -> Lifetimes {
        Lifetimes { found: found(self), missing: self.missing, failed: self.failed }
    }
}

impl Lifetimes {
    /// How long an answer with `status` is good.
    pub fn of(&self, status: Status) -> Span {
        match status {
            Status::OK => self.found,
            Status::NOT_FOUND | Status::NO_ENDPOINT => self.missing,
            Status::CANNOT_FETCH
            | Status::TIMEOUT
            | Status::RATE_LIMITED
            | Status::INVALID_RESPONSE
            | Status::ICMP_DEST_UNREACHABLE
            | Status::ICMP_TIME_EXCEEDED => self.failed,
            // What is about this process (limits of its own, no permission) may be another thing the next moment.
            _ => Span::default(),
        }
    }
}
