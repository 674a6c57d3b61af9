//! The requests that follow when a zone was found, as the zone request wants them. Without a zone nothing follows.

use crate::model::{DNSRequest, RDAPDomainRequest, ZoneInfo, ZoneRequest};

/// The request for the DNS collector.
pub fn dns_request(request: Option<&ZoneRequest>, zone: &ZoneInfo) -> Option<DNSRequest> {
    let request = request.cloned().unwrap_or_default();
    request.collect_dns.then(|| DNSRequest {
        zone_info: zone.clone(),
        types_to_collect: request.dns_types_to_collect,
        types_to_process_ips_from: request.dns_types_to_process_ips_from,
        collectors: request.collectors,
    })
}

/// The request for the RDAP-DN collector.
pub fn rdap_request(request: Option<&ZoneRequest>, zone: &ZoneInfo) -> Option<RDAPDomainRequest> {
    let wanted = request.is_none_or(|request| request.collect_rdap);
    wanted.then(|| RDAPDomainRequest { zone: Some(zone.zone.clone()) })
}
