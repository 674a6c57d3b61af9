//! The closed table of status codes: what can become of a request. Numbers and names are the seed's.
//!
//! A status is data, never an error of this program. Codes of foreign producers that are not in the table are kept.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of a request, as the number that goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub i32);

/// One row of the status table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StatusInfo {
    /// The number on the wire.
    pub code: i32,
    /// The name in the seed.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! statuses {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        impl Status {
            $(#[doc = $meaning] pub const $name: Status = Status($code);)*
        }

        /// Every status, in the order of the codes.
        pub const STATUSES: &[StatusInfo] = &[
            $(StatusInfo { code: $code, name: stringify!($name), meaning: $meaning },)*
        ];
    };
}

statuses! {
    OK = 0, "The operation was successful.";
    INVALID_MESSAGE = 1, "Invalid input message format (deserialization error).";
    INVALID_DOMAIN_NAME = 2, "Invalid domain name.";
    INVALID_ADDRESS = 3, "Invalid IP address.";
    UNSUPPORTED_ADDRESS = 4, "The IP address is valid but the collector cannot process it.";
    INTERNAL_ERROR = 5, "An error inside the collecting system.";
    DISABLED = 6, "The collector is configured not to do anything.";
    CANNOT_FETCH = 10, "Error fetching from the remote source.";
    TIMEOUT = 11, "Timeout while waiting for a response.";
    NOT_FOUND = 12, "The object does not exist.";
    RATE_LIMITED = 13, "The remote source limits our rate.";
    INVALID_RESPONSE = 14, "Invalid format of the remote source's response.";
    LOCAL_RATE_LIMIT = 15, "The local rate limiter refused the request at once.";
    LRL_TIMEOUT = 16, "The local rate limiter could not be passed in the configured time.";
    OTHER_DNS_ERROR = 20, "Unexpected DNS error.";
    NO_ENDPOINT = 30, "No RDAP server is known for the entity.";
    WHOIS_NOT_PERFORMED = 35, "WHOIS was not asked because RDAP was successful.";
    ICMP_DEST_UNREACHABLE = 40, "ICMP: destination unreachable.";
    ICMP_TIME_EXCEEDED = 41, "ICMP: time exceeded.";
}

impl Status {
    /// Whether the request was successful.
    pub fn ok(self) -> bool {
        self == Status::OK
    }

    /// The row of the table, if the code is one of ours.
    pub fn info(self) -> Option<&'static StatusInfo> {
        STATUSES.iter().find(|info| info.code == self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) => f.write_str(info.name),
            None => write!(f, "STATUS_{}", self.0),
        }
    }
}
