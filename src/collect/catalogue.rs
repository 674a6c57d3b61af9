//! What collectors there are, by name: what they ask for, what they give, what follows, and how they may end. The one
//! list that dataflow files, command line and documentation read.

use serde::Serialize;

use crate::model::Status;

/// What the key of a collector's topics is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A domain name.
    Name,
    /// A domain name with one of its addresses.
    Address,
}

/// A request that may follow from a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FollowUp {
    /// A DNS request for a name whose zone was found.
    Dns,
    /// An RDAP request for a name whose zone was found.
    RdapDn,
    /// A TLS request for one address of a name.
    Tls,
    /// Requests for each address of a name.
    Ip,
}

impl FollowUp {
    /// Its name in dataflow files.
    pub const fn name(self) -> &'static str {
        match self {
            FollowUp::Dns => "dns",
            FollowUp::RdapDn => "rdap-dn",
            FollowUp::Tls => "tls",
            FollowUp::Ip => "ip",
        }
    }
}

/// A collector, described.
#[derive(Debug, Serialize)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What its keys are.
    pub subject: SubjectKind,
    /// The kind of its requests: the topic of the seed that carries them.
    pub request: &'static str,
    /// The kind of its results: the topic of the seed that carries them.
    pub result: &'static str,
    /// What may follow from its results.
    pub follow_ups: &'static [FollowUp],
    /// How it may end. WHOIS statuses of `rdap-dn` are among them.
    pub statuses: &'static [Status],
}

/// All collectors.
pub static COLLECTORS: &[Described] = &[
    Described {
        name: "zone",
        about: "The zone of a name: SOA, name servers and their addresses, DNSKEY.",
        subject: SubjectKind::Name,
        request: "to_process_zone",
        result: "processed_zone",
        follow_ups: &[FollowUp::Dns, FollowUp::RdapDn],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_DOMAIN_NAME,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::NOT_FOUND,
        ],
    },
    Described {
        name: "dns",
        about: "The records of a name from the servers of its zone, and the addresses behind them.",
        subject: SubjectKind::Name,
        request: "to_process_DNS",
        result: "processed_DNS",
        follow_ups: &[FollowUp::Tls, FollowUp::Ip],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_DOMAIN_NAME,
            Status::DISABLED,
            Status::TIMEOUT,
            Status::OTHER_DNS_ERROR,
        ],
    },
    Described {
        name: "tls",
        about: "The TLS handshake with one address of a name, its certificates, and the page behind it.",
        subject: SubjectKind::Name,
        request: "to_process_TLS",
        result: "processed_TLS",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_DOMAIN_NAME,
            Status::INVALID_ADDRESS,
            Status::UNSUPPORTED_ADDRESS,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::TIMEOUT,
        ],
    },
    Described {
        name: "rdap-dn",
        about: "The registration of a name by RDAP, or by WHOIS where RDAP does not succeed.",
        subject: SubjectKind::Name,
        request: "to_process_RDAP_DN",
        result: "processed_RDAP_DN",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_DOMAIN_NAME,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::TIMEOUT,
            Status::NOT_FOUND,
            Status::RATE_LIMITED,
            Status::INVALID_RESPONSE,
            Status::LOCAL_RATE_LIMIT,
            Status::LRL_TIMEOUT,
            Status::NO_ENDPOINT,
            Status::WHOIS_NOT_PERFORMED,
        ],
    },
    Described {
        name: "rdap-ip",
        about: "The registration of the network of an address by RDAP.",
        subject: SubjectKind::Address,
        request: "to_process_IP",
        result: "collected_IP_data",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_ADDRESS,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::TIMEOUT,
            Status::NOT_FOUND,
            Status::RATE_LIMITED,
            Status::INVALID_RESPONSE,
            Status::LOCAL_RATE_LIMIT,
            Status::LRL_TIMEOUT,
            Status::NO_ENDPOINT,
        ],
    },
    Described {
        name: "nerd",
        about: "The reputation of an address in CESNET's NERD.",
        subject: SubjectKind::Address,
        request: "to_process_IP",
        result: "collected_IP_data",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_ADDRESS,
            Status::UNSUPPORTED_ADDRESS,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::TIMEOUT,
            Status::RATE_LIMITED,
            Status::INVALID_RESPONSE,
            Status::LOCAL_RATE_LIMIT,
            Status::LRL_TIMEOUT,
        ],
    },
    Described {
        name: "qradar",
        about: "What an IBM QRadar of one's own knows of an address. In a dataflow of its own.",
        subject: SubjectKind::Address,
        request: "to_process_IP",
        result: "collected_IP_data",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_ADDRESS,
            Status::DISABLED,
            Status::CANNOT_FETCH,
            Status::TIMEOUT,
            Status::NOT_FOUND,
            Status::RATE_LIMITED,
            Status::INVALID_RESPONSE,
            Status::LOCAL_RATE_LIMIT,
            Status::LRL_TIMEOUT,
        ],
    },
    Described {
        name: "geo-asn",
        about: "The place and the autonomous system of an address from local databases.",
        subject: SubjectKind::Address,
        request: "to_process_IP",
        result: "collected_IP_data",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_ADDRESS,
            Status::DISABLED,
            Status::NOT_FOUND,
        ],
    },
    Described {
        name: "rtt",
        about: "The round-trip time to an address by ICMP echo.",
        subject: SubjectKind::Address,
        request: "to_process_IP",
        result: "collected_IP_data",
        follow_ups: &[],
        statuses: &[
            Status::OK,
            Status::INVALID_MESSAGE,
            Status::INVALID_ADDRESS,
            Status::UNSUPPORTED_ADDRESS,
            Status::INTERNAL_ERROR,
            Status::DISABLED,
            Status::TIMEOUT,
            Status::ICMP_DEST_UNREACHABLE,
            Status::ICMP_TIME_EXCEEDED,
        ],
    },
];

/// The collector called `name`.
pub fn described(name: &str) -> Option<&'static Described> {
    COLLECTORS.iter().find(|collector| collector.name == name)
}
