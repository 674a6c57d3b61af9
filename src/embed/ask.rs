//! One collector, one name: the same collector as in a flow, with what it needs found out before it.

use serde_json::Value;

use crate::collect::Collector;
use crate::collect::catalogue::{Described, SubjectKind};
use crate::flow::{Collectors, LeadsTo, Next};
use crate::model::{DNSResult, RDAPDomainRequest, Subject, ZoneResult};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskTarget {
    /// A name, and for collectors of addresses all its addresses.
    Name(String),
    /// An address alone.
    Address(String),
}

impl AskTarget {
    /// Reads what somebody typed: an address, or a name.
    pub fn parse(text: &str) -> Self {
        match text.parse::<std::net::IpAddr>() {
            Ok(address) => Self::Address(address.to_string()),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}

/// Asks one collector.
pub struct Ask {
    collectors: Collectors,
}

impl Ask {
    /// Asks with these collectors.
    pub fn new(collectors: Collectors) -> Self {
        Self { collectors }
    }

    /// The results of `collector` about `target`, as the records it would write. Where what it needs cannot be found
    /// out, the result that says so stands in its place.
    pub async fn ask(&self, collector: &Described, target: &AskTarget) -> Vec<Value> {
        match (collector.subject, target) {
            (SubjectKind::Address, AskTarget::Address(address)) => {
                vec![self.address(collector.name, &Subject::pair("", address)).await]
            }
            (SubjectKind::Name, AskTarget::Address(name)) | (_, AskTarget::Name(name)) => {
                self.name(collector, name).await
            }
        }
    }

    async fn name(&self, collector: &Described, name: &str) -> Vec<Value> {
        let subject = subject(name);
        let zone: ZoneResult = self.collectors.zone.collect(&subject, None).await;
        let next = zone.next(None);
        let request = next.iter().find_map(|next| match next {
            Next::Dns(request) => Some((**request).clone()),
            _ => None,
        });
        match (collector.name, request) {
            ("rdap-dn", _) => {
                let zone = zone.zone.map(|zone| zone.zone);
                let result =
                    self.collectors.rdap_dn.collect(&subject, Some(RDAPDomainRequest { zone })).await;
                vec![json(&result)]
            }
            ("zone", _) | (_, None) => vec![json(&zone)],
            (wanted, Some(request)) => {
                let dns: DNSResult = self.collectors.dns.collect(&subject, Some(request)).await;
                if wanted == "dns" {
                    return vec![json(&dns)];
                }
                self.behind_dns(collector, &subject, &dns).await
            }
        }
    }

    async fn behind_dns(&self, collector: &Described, subject: &Subject, dns: &DNSResult) -> Vec<Value> {
        let mut results = Vec::new();
        for next in dns.next(None) {
            match next {
                Next::Tls(address) if collector.name == "tls" => {
                    results.push(json(&self.collectors.tls.collect(subject, Some(address)).await));
                }
                Next::Ip(address, _) if collector.subject == SubjectKind::Address => {
                    let pair = Subject::pair(&subject.name, &address);
                    results.push(self.address(collector.name, &pair).await);
                }
                _ => {}
            }
        }
        // Nothing to ask about: the DNS result says why.
        if results.is_empty() { vec![json(dns)] } else { results }
    }

    async fn address(&self, collector: &str, subject: &Subject) -> Value {
        match collector {
            "rdap-ip" => json(&self.collectors.rdap_ip.collect(subject, None).await),
            "nerd" => json(&self.collectors.nerd.collect(subject, None).await),
            "qradar" => json(&self.collectors.qradar.collect(subject, None).await),
            "geo-asn" => json(&self.collectors.geo_asn.collect(subject, None).await),
            _ => json(&self.collectors.rtt.collect(subject, None).await),
        }
    }
}

fn subject(name: &str) -> Subject {
    Subject { key: name.to_owned().into(), name: name.to_owned(), address: None }
}

fn json(record: &impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}
