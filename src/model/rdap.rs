//! `processed_RDAP_DN`: the registration of a name by RDAP, or by WHOIS where RDAP did not succeed.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use super::{FreeJson, Status, Timestamp};

/// Result of the RDAP-DN collector. `statusCode` is that of RDAP; WHOIS has its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct RDAPDomainResult {
    /// What became of the RDAP query (table of statuses).
    pub status_code: Status,
    /// A message for people if the status is not 0.
    pub error: Option<String>,
    /// When the operation finished, in milliseconds since the UNIX epoch.
    pub last_attempt: Timestamp,
    /// The name that RDAP was last asked for: the name itself, its zone, or its registered domain.
    pub rdap_target: String,
    /// What became of the WHOIS query; 35 if RDAP succeeded and WHOIS was not asked.
    pub whois_status_code: Status,
    /// The RDAP answer without its entities, as JSON; null iff the status is not 0.
    pub rdap_data: Option<FreeJson>,
    /// The entities of the RDAP answer, a JSON array; null iff the status is not 0.
    pub entities: Option<FreeJson>,
    /// A message for people if WHOIS was asked and failed.
    pub whois_error: Option<String>,
    /// The WHOIS answers, joined in the order of the referrals; null unless WHOIS succeeded.
    pub whois_raw: Option<String>,
    /// The last WHOIS answer as a JSON object of known keys; null unless WHOIS succeeded.
    pub whois_parsed: Option<FreeJson>,
    /// The whole RDAP answer of the registry, as JSON, where `rdapData` is that of the registrar; else null.
    #[serde(default)]
    pub rdap_registry_data: Option<FreeJson>,
    /// The whole RDAP answer of the registrar, as JSON, where `rdapData` is that of the registry; else null.
    #[serde(default)]
    pub rdap_registrar_data: Option<FreeJson>,
    /// When this was found out, if that was for an earlier request. No field of the record: a header of it says so.
    #[serde(skip)]
    #[avro(skip)]
    pub found: Option<Timestamp>,
}
