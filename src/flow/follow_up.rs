//! Which requests follow from a result. Pure: the same result always leads to the same requests.

use crate::collect::catalogue::FollowUp;
use crate::collect::{dns, zone};
use crate::model::{
    CommonIPResult, DNSRequest, DNSResult, IPRequest, RDAPDomainRequest, RDAPDomainResult, TLSResult,
    ZoneRequest, ZoneResult,
};

/// A request that follows from a result about a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// To the DNS collector.
    Dns(Box<DNSRequest>),
    /// To the RDAP collector.
    RdapDn(RDAPDomainRequest),
    /// To the TLS collector: the address to connect to.
    Tls(String),
    /// To the collectors of addresses: the address.
    Ip(String),
}

impl Next {
    /// The kind of the request.
    pub fn kind(&self) -> FollowUp {
        match self {
            Next::Dns(_) => FollowUp::Dns,
            Next::RdapDn(_) => FollowUp::RdapDn,
            Next::Tls(_) => FollowUp::Tls,
            Next::Ip(_) => FollowUp::Ip,
        }
    }
}

/// A result that may lead to requests. `R` is the request that it answers.
pub trait LeadsTo<R> {
    /// What follows.
    fn next(&self, request: Option<&R>) -> Vec<Next>;
}

impl LeadsTo<ZoneRequest> for ZoneResult {
    fn next(&self, request: Option<&ZoneRequest>) -> Vec<Next> {
        let Some(info) = self.zone.as_ref().filter(|_| self.status_code.ok()) else { return Vec::new() };
        let dns = zone::dns_request(request, info).map(|request| Next::Dns(Box::new(request)));
        dns.into_iter().chain(zone::rdap_request(request, info).map(Next::RdapDn)).collect()
    }
}

impl LeadsTo<DNSRequest> for DNSResult {
    fn next(&self, _request: Option<&DNSRequest>) -> Vec<Next> {
        if !self.status_code.ok() {
            return Vec::new();
        }
        let tls =
            self.dns_data.as_ref().and_then(dns::tls_target).map(|address| Next::Tls(address.to_owned()));
        tls.into_iter().chain(dns::ip_targets(self).map(|address| Next::Ip(address.to_owned()))).collect()
    }
}

macro_rules! leads_nowhere {
    ($($result:ty, $request:ty;)*) => {
        $(impl LeadsTo<$request> for $result {
            fn next(&self, _request: Option<&$request>) -> Vec<Next> {
                Vec::new()
            }
        })*
    };
}

leads_nowhere! {
    TLSResult, String;
    RDAPDomainResult, RDAPDomainRequest;
    CommonIPResult, IPRequest;
}

/// Whether a request leaves a collector out.
pub trait Excludes {
    /// Whether the collector called `name` is not to run.
    fn excludes(&self, _name: &str) -> bool {
        false
    }
}

impl Excludes for ZoneRequest {}
impl Excludes for DNSRequest {}
impl Excludes for RDAPDomainRequest {}
impl Excludes for String {}

impl Excludes for IPRequest {
    fn excludes(&self, name: &str) -> bool {
        self.collectors.as_ref().is_some_and(|collectors| !collectors.iter().any(|wanted| wanted == name))
    }
}
