//! `all_collected_data`: everything found out about one name in one run. The name is the key of the record.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::{CommonIPResult, DNSResult, RDAPDomainResult, TLSResult, TextMap, ZoneInfo};

/// The joined record of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct AllCollectedData {
    /// The zone of the name; null if the zone that was kept is a failed one.
    pub zone: Option<ZoneInfo>,
    /// The DNS result.
    pub dns_result: DNSResult,
    /// The TLS result; null if none was needed or none arrived.
    pub tls_result: Option<TLSResult>,
    /// The RDAP and WHOIS result; null if none arrived.
    pub rdap_domain_result: Option<RDAPDomainResult>,
    /// Results by address and collector; null if the name has no addresses.
    pub ip_results: Option<TextMap<TextMap<CommonIPResult>>>,
    /// The label of the request.
    #[serde(default)]
    pub label: Option<String>,
    /// What is not in the record and why, by its name (`tls`, `rtt of 192.0.2.1`): not-asked, failed (with the result it
    /// depends on), or deadline; empty if nothing is missing, null if that is not known.
    #[serde(default)]
    pub missing: Option<TextMap<String>>,
}
