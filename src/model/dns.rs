//! `processed_DNS`: the records of a name by type, their TTLs, and the addresses found in them.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::{Status, TextMap, Timestamp};

/// Result of the DNS collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct DNSResult {
    /// What became of the request (table of statuses).
    pub status_code: Status,
    /// A message for people if the status is not 0.
    pub error: Option<String>,
    /// When the operation finished, in milliseconds since the UNIX epoch.
    pub last_attempt: Timestamp,
    /// The records; null unless the status is 0 or 20.
    pub dns_data: Option<DNSData>,
    /// Addresses to collect data of, each once a record type; null iff the status is not 0.
    pub ips: Option<Vec<IPFromRecord>>,
}

/// An address and the type of the record it was found in or behind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct IPFromRecord {
    /// The address in its text form.
    pub ip: String,
    /// A, AAAA, CNAME, MX or NS.
    pub rr_type: String,
}

/// The records of a name. A type is null if it does not exist, was not asked for, or failed (then it is in `errors`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "domainflow")]
pub struct DNSData {
    /// TTL in seconds of each type that was found.
    #[serde(rename = "ttlValues", default)]
    pub ttl_values: TextMap<i64>,
    /// IPv4 addresses.
    #[serde(rename = "A")]
    pub a: Option<Vec<String>>,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    pub aaaa: Option<Vec<String>>,
    /// The canonical name, if the name is an alias.
    #[serde(rename = "CNAME")]
    pub cname: Option<CNAMERecord>,
    /// Mail exchangers.
    #[serde(rename = "MX")]
    pub mx: Option<Vec<MXRecord>>,
    /// Name servers.
    #[serde(rename = "NS")]
    pub ns: Option<Vec<NSRecord>>,
    /// Texts; each character-string of a record is an element of its own.
    #[serde(rename = "TXT")]
    pub txt: Option<Vec<String>>,
    /// Texts; the character-strings of a record are joined to one element (RFC 7208 section 3.3 reads them so).
    #[serde(rename = "TXTJoined", default)]
    pub txt_joined: Option<Vec<String>>,
    /// Why a type could not be fetched, by type; null if none failed.
    pub errors: Option<TextMap<String>>,
    /// What DNSSEC says of each type that was found: secure, insecure, bogus or indeterminate (RFC 4033 section 5); null
    /// unless `dns.dnssec` is set.
    #[serde(rename = "DNSSEC", default)]
    pub dnssec: Option<TextMap<String>>,
}

/// An alias (RFC 1035 section 3.3.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "domainflow")]
pub struct CNAMERecord {
    /// The name the alias points to.
    pub value: String,
    /// Addresses of that name.
    #[serde(rename = "relatedIPs")]
    pub related_ips: Option<Vec<String>>,
}

/// A mail exchanger (RFC 1035 section 3.3.9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "domainflow")]
pub struct MXRecord {
    /// Host name of the exchanger; `.` says that the name takes no mail (RFC 7505).
    pub value: String,
    /// Preference; lower is tried first.
    pub priority: i32,
    /// Addresses of the host.
    #[serde(rename = "relatedIPs")]
    pub related_ips: Option<Vec<String>>,
}

/// A name server (RFC 1035 section 3.3.11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "domainflow")]
pub struct NSRecord {
    /// Host name of the server.
    pub nameserver: String,
    /// Addresses of the host.
    #[serde(rename = "relatedIPs")]
    pub related_ips: Option<Vec<String>>,
}
