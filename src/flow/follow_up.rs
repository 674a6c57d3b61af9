//! Which requests follow from a result. Pure: the same result always leads to the same requests.

use super::headers::{COLLECTORS, NOT_ASKED};
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
    /// To the collectors of addresses: the address, and which of them if not all.
    Ip(String, Option<IPRequest>),
}

impl Next {
    /// The kind of the request.
    pub fn kind(&self) -> FollowUp {
        match self {
            Next::Dns(_) => FollowUp::Dns,
            Next::RdapDn(_) => FollowUp::RdapDn,
            Next::Tls(_) => FollowUp::Tls,
            Next::Ip(..) => FollowUp::Ip,
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
    fn next(&self, request: Option<&DNSRequest>) -> Vec<Next> {
        if !self.status_code.ok() {
            return Vec::new();
        }
        let tls =
            self.dns_data.as_ref().and_then(dns::tls_target).map(|address| Next::Tls(address.to_owned()));
        let collectors = request.and_then(|request| request.collectors.as_ref());
        let of_address = || collectors.map(|asked| IPRequest { collectors: Some(asked.clone()) });
        let ips = dns::ip_targets(self).map(|address| Next::Ip(address.to_owned(), of_address()));
        let none_asked = collectors.is_some_and(Vec::is_empty);
        tls.into_iter().chain(ips.filter(|_| !none_asked)).collect()
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

/// Whether a request leaves something out.
pub trait Excludes {
    /// Whether the collector called `name` is not to run.
    fn excludes(&self, _name: &str) -> bool {
        false
    }

    /// What is left out of all that would follow, as headers of the result: the join does not wait for it.
    fn left_out(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Excludes for ZoneRequest {
    fn left_out(&self) -> Vec<(&'static str, String)> {
        let parts = [(self.collect_dns, FollowUp::Dns), (self.collect_rdap, FollowUp::RdapDn)];
        let parts: Vec<_> =
            parts.into_iter().filter(|(asked, _)| !asked).map(|(_, part)| part.name()).collect();
        let parts = (!parts.is_empty()).then(|| (NOT_ASKED, parts.join(",")));
        parts.into_iter().chain(collectors(self.collectors.as_ref())).collect()
    }
}

impl Excludes for DNSRequest {
    fn left_out(&self) -> Vec<(&'static str, String)> {
        collectors(self.collectors.as_ref()).into_iter().collect()
    }
}

fn collectors(asked: Option<&Vec<String>>) -> Option<(&'static str, String)> {
    asked.map(|asked| (COLLECTORS, asked.join(",")))
}

impl Excludes for RDAPDomainRequest {}
impl Excludes for String {}

impl Excludes for IPRequest {
    fn excludes(&self, name: &str) -> bool {
        self.collectors.as_ref().is_some_and(|collectors| !collectors.iter().any(|wanted| wanted == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome as _;
    use crate::model::{DNSData, IPFromRecord, Status, Subject, Verdict};

    fn dns(collectors: Option<&[&str]>) -> (DNSResult, DNSRequest) {
        let zone = r#"{"zone":"ok.cz","soa":{"primaryNS":"a","respMailboxDname":"b","serial":"1","refresh":1,"retry":1,
            "expire":1,"minTTL":1},"publicSuffix":"cz","hasDNSKEY":null,"primaryNameserverIPs":[],
            "secondaryNameservers":[],"secondaryNameserverIPs":[]}"#;
        let mut request = DNSRequest {
            zone_info: serde_json::from_str(zone).unwrap(),
            types_to_collect: None,
            types_to_process_ips_from: None,
            collectors: None,
        };
        request.collectors = collectors.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let subject = Subject::of_name(Some(&"ok.cz".into())).unwrap();
        let ok = Verdict { status: Status::OK, error: None, last_attempt: 1 };
        let mut result = DNSResult::without_data(ok, &subject, "dns");
        result.dns_data = Some(DNSData { a: Some(vec!["192.0.2.1".into()]), ..DNSData::default() });
        result.ips = Some(vec![IPFromRecord { ip: "192.0.2.1".into(), rr_type: "A".into() }]);
        (result, request)
    }

    #[test]
    fn a_request_says_which_collectors_run_for_its_addresses() {
        let ip = |collectors: Option<&[&str]>| {
            let (result, request) = dns(collectors);
            let next = result.next(Some(&request)).into_iter();
            let ips = next.filter_map(|next| match next {
                Next::Ip(address, request) => Some((address, request.and_then(|request| request.collectors))),
                _ => None,
            });
            (ips.collect::<Vec<_>>(), request.left_out())
        };
        let address = || "192.0.2.1".to_owned();
        assert_eq!(ip(None), (vec![(address(), None)], vec![]));
        let some = Some(vec!["rtt".to_owned(), "nerd".to_owned()]);
        assert_eq!(
            ip(Some(&["rtt", "nerd"])),
            (vec![(address(), some)], vec![(COLLECTORS, "rtt,nerd".to_owned())])
        );
        assert_eq!(ip(Some(&[])), (vec![], vec![(COLLECTORS, String::new())]));
    }

    #[test]
    fn a_request_says_what_does_not_follow() {
        let left_out = |json: &str| serde_json::from_str::<ZoneRequest>(json).unwrap().left_out();
        assert_eq!(left_out("{}"), []);
        assert_eq!(left_out(r#"{"collectRDAP":false}"#), [(NOT_ASKED, "rdap-dn".to_owned())]);
        assert_eq!(
            left_out(r#"{"collectRDAP":false,"collectDNS":false,"collectors":["rtt"]}"#),
            [(NOT_ASKED, "dns,rdap-dn".to_owned()), (COLLECTORS, "rtt".to_owned())]
        );
    }
}
