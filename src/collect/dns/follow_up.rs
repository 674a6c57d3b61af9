//! What is asked about next, as a DNS result tells it: which addresses, and which one for TLS.

use indexmap::IndexSet;

use crate::model::{DNSData, DNSResult};

/// The address that the TLS collector is sent to: of the alias' target, else the first IPv4, else the first IPv6.
///
/// It does not depend on the types whose addresses are processed, as in the reference.
pub fn tls_target(data: &DNSData) -> Option<&str> {
    let alias = data.cname.iter().flat_map(|alias| &alias.related_ips).flatten();
    let own = data.a.iter().chain(&data.aaaa).flatten();
    alias.chain(own).next().map(String::as_str)
}

/// The addresses that the IP collectors are asked about: each once, also if several record types lead to it.
pub fn ip_targets(result: &DNSResult) -> impl Iterator<Item = &str> {
    let distinct: IndexSet<_> = result.ips.iter().flatten().map(|from| from.ip.as_str()).collect();
    distinct.into_iter()
}
