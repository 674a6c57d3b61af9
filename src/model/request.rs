//! The values of the `to_process_*` topics. All may be null except the DNS request; a null stands for the defaults.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::ZoneInfo;

/// Value of `to_process_zone`: what shall be collected of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase", default)]
#[avro(namespace = "domainflow")]
pub struct ZoneRequest {
    /// Whether a DNS request follows when the zone is found.
    #[serde(rename = "collectDNS")]
    #[avro(default = "true")]
    pub collect_dns: bool,
    /// Whether an RDAP request follows when the zone is found.
    #[serde(rename = "collectRDAP")]
    #[avro(default = "true")]
    pub collect_rdap: bool,
    /// Handed to the DNS request as `typesToCollect`.
    pub dns_types_to_collect: Option<Vec<String>>,
    /// Handed to the DNS request as `typesToProcessIPsFrom`.
    #[serde(rename = "dnsTypesToProcessIPsFrom")]
    pub dns_types_to_process_ips_from: Option<Vec<String>>,
    /// A label that is handed on to the zone result and the joined record.
    pub label: Option<String>,
    /// Names of the collectors to run for each address of the name; null: all; empty: none.
    pub collectors: Option<Vec<String>>,
}

impl Default for ZoneRequest {
    fn default() -> Self {
        Self {
            collect_dns: true,
            collect_rdap: true,
            dns_types_to_collect: None,
            dns_types_to_process_ips_from: None,
            label: None,
            collectors: None,
        }
    }
}

/// Value of `to_process_DNS`: the zone to ask in, and which types to ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct DNSRequest {
    /// The zone of the name.
    pub zone_info: ZoneInfo,
    /// Record types to query; null or empty: those of the configuration.
    #[serde(default)]
    pub types_to_collect: Option<Vec<String>>,
    /// Record types whose addresses are handed to the IP collectors; null: those of the configuration; empty: none.
    #[serde(rename = "typesToProcessIPsFrom", default)]
    pub types_to_process_ips_from: Option<Vec<String>>,
    /// Names of the collectors to run for each address; null: all; empty: none.
    #[serde(default)]
    pub collectors: Option<Vec<String>>,
}

/// Value of `to_process_RDAP_DN`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase", default)]
#[avro(namespace = "domainflow")]
pub struct RDAPDomainRequest {
    /// The name to ask for instead of the key.
    pub zone: Option<String>,
}

/// Value of `to_process_IP`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase", default)]
#[avro(namespace = "domainflow")]
pub struct IPRequest {
    /// Names of the collectors to run; null: all; empty: none.
    pub collectors: Option<Vec<String>>,
}
