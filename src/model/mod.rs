//! The records that travel: requests, results, the joined record, and the words they use (names, statuses).
//!
//! Pure values: no I/O, and no formats beyond what serde and Avro derive from the definitions here. Field names and
//! order are the wire contract (seed "Collectors & models"; JSON field order matters to the reference's merger).
//! The schemas in `schemas/` are generated from these definitions; a test keeps both equal.

mod dns;
mod domain;
mod ip;
mod joined;
mod outcome;
mod rdap;
mod request;
mod status;
mod subject;
mod tls;
mod wire;
mod zone;

pub use dns::{CNAMERecord, DNSData, DNSResult, IPFromRecord, MXRecord, NSRecord};
pub use domain::{DomainName, NameError};
pub use ip::{CommonIPResult, GeoIPData, IPData, NERDData, RTTData};
pub use joined::AllCollectedData;
pub use outcome::{Outcome, Reusable, Verdict};
pub use rdap::RDAPDomainResult;
pub use request::{DNSRequest, IPRequest, RDAPDomainRequest, ZoneRequest};
pub use status::{STATUSES, Status, StatusInfo};
pub use subject::{Subject, SubjectError, name_in, pair_in};
pub use tls::{Certificate, TLSData, TLSResult};
pub use wire::{Der, FreeJson, TextMap, Timestamp};
pub use zone::{SOARecord, ZoneInfo, ZoneResult};

#[cfg(test)]
mod tests;
