//! `processed_zone`: the zone a name lies in, its SOA, and the addresses of its name servers.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::{Status, Timestamp};

/// Result of the zone collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct ZoneResult {
    /// What became of the request (table of statuses).
    pub status_code: Status,
    /// A message for people if the status is not 0.
    pub error: Option<String>,
    /// When the operation finished, in milliseconds since the UNIX epoch.
    pub last_attempt: Timestamp,
    /// The zone; null iff the status is not 0.
    pub zone: Option<ZoneInfo>,
    /// The label of the request, handed on.
    #[serde(default)]
    pub label: Option<String>,
}

/// A zone: its start of authority and its name servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct ZoneInfo {
    /// The name of the zone, lower case, without a final dot.
    pub zone: String,
    /// The SOA record of the zone.
    pub soa: SOARecord,
    /// The public suffix of the name (ICANN section of the list).
    pub public_suffix: String,
    /// Whether the zone has a DNSKEY; null if that could not be found out.
    #[serde(rename = "hasDNSKEY")]
    pub has_dnskey: Option<bool>,
    /// Addresses of the primary name server of the SOA; empty if it could not be resolved.
    #[serde(rename = "primaryNameserverIPs")]
    pub primary_nameserver_ips: Vec<String>,
    /// Host names of the other name servers of the zone.
    pub secondary_nameservers: Vec<String>,
    /// Addresses of the other name servers, without those of the primary.
    #[serde(rename = "secondaryNameserverIPs")]
    pub secondary_nameserver_ips: Vec<String>,
}

/// A start of authority (RFC 1035 section 3.3.13).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct SOARecord {
    /// Host name of the primary name server, without a final dot.
    #[serde(rename = "primaryNS")]
    pub primary_ns: String,
    /// Mailbox of the responsible person as a domain name, without a final dot.
    #[serde(rename = "respMailboxDname")]
    pub resp_mailbox_dname: String,
    /// Serial number, as text.
    pub serial: String,
    /// Refresh interval in seconds.
    pub refresh: i64,
    /// Retry interval in seconds.
    pub retry: i64,
    /// Expiry in seconds.
    pub expire: i64,
    /// Minimum TTL in seconds (TTL of negative answers).
    #[serde(rename = "minTTL")]
    pub min_ttl: i64,
}
