//! The RDAP collector of names: the registration of a name by RDAP, and by WHOIS where RDAP does not have it.
//!
//! Decides which name is asked for: the zone or the name, then the registered domain above it. How it is asked for:
//! `net/rdap`, `net/whois`.

use std::sync::Arc;

use super::Collector;
use super::net::Suffixes;
use super::net::rdap::{Other, RdapClient, RdapError, Registration};
use super::net::whois::{Whois, WhoisClient, WhoisError};
use super::once::{About, CacheConfig, Shareable};
use crate::clock::SharedClock;
use crate::model::{DomainName, Outcome, RDAPDomainRequest, RDAPDomainResult, Status, Subject, Verdict};
use crate::units::Span;

/// Collects registrations of names.
pub struct RdapDnCollector {
    rdap: Arc<RdapClient>,
    whois: Arc<WhoisClient>,
    suffixes: Suffixes,
    clock: SharedClock,
}

impl RdapDnCollector {
    /// A collector that asks by `rdap`, then by `whois`.
    pub fn new(
        rdap: Arc<RdapClient>,
        whois: Arc<WhoisClient>,
        suffixes: Suffixes,
        clock: SharedClock,
    ) -> Self {
        Self { rdap, whois, suffixes, clock }
    }

    /// Asks for `name`, and then for its registered domain; with the name that was asked for last.
    async fn registration(&self, name: DomainName) -> (DomainName, Result<Registration, RdapError>) {
        let deadline = self.rdap.deadline();
        let answer = self.rdap.domain(&name, deadline).await;
        let above = self.suffixes.registered(&name).filter(|above| *above != name);
        match (answer, above) {
            (Err(error), Some(above)) if is_about_the_name(&error) => {
                let answer = self.rdap.domain(&above, deadline).await;
                (above, answer)
            }
            (answer, _) => (name, answer),
        }
    }
}

/// What is asked for: the zone if it is known.
fn wanted<'a>(subject: &'a Subject, request: Option<&'a RDAPDomainRequest>) -> &'a str {
    request.and_then(|request| request.zone.as_deref()).unwrap_or(&subject.name)
}

/// Whether the same server may well know another name. A server that limits us or does not answer is left alone.
fn is_about_the_name(error: &RdapError) -> bool {
    matches!(error, RdapError::NotFound | RdapError::Answered(_) | RdapError::Invalid(_))
}

/// The name that WHOIS servers know: the registered domain, or what is most like one; `None` for a single label.
fn registrable(name: &DomainName, suffixes: &Suffixes) -> Option<DomainName> {
    let mut labels = name.as_str().rsplitn(3, '.');
    let (top, second) = (labels.next()?, labels.next()?);
    suffixes.registered(name).or_else(|| DomainName::parse(&format!("{second}.{top}")).ok())
}

impl Collector for RdapDnCollector {
    const NAME: &'static str = "rdap-dn";
    type Request = RDAPDomainRequest;
    type Record = RDAPDomainResult;

    async fn collect(&self, subject: &Subject, request: Option<RDAPDomainRequest>) -> RDAPDomainResult {
        let failed = |status: Status, error: String, target: String| {
            let verdict = Verdict::failed(status, error, self.clock.now());
            let record = RDAPDomainResult::without_data(verdict, subject, Self::NAME);
            RDAPDomainResult { rdap_target: target, ..record }
        };

        let wanted = wanted(subject, request.as_ref());
        let name = match DomainName::parse(wanted) {
            Ok(name) => name,
            Err(error) => {
                return failed(Status::INVALID_DOMAIN_NAME, error.to_string(), wanted.to_owned());
            }
        };
        let Some(registrable) = registrable(&name, &self.suffixes) else {
            let error = RdapError::NoServer;
            return failed(error.status(), error.to_string(), name.to_string());
        };
        let (target, answer) = self.registration(name).await;
        let error = match answer {
            Ok(Registration { data, entities, other }) => {
                let verdict = Verdict::ok(self.clock.now());
                let record = RDAPDomainResult::without_data(verdict, subject, Self::NAME);
                let (registry, registrar) = match other {
                    Some(Other::Registry(answer)) => (Some(answer), None),
                    Some(Other::Registrar(answer)) => (None, Some(answer)),
                    None => (None, None),
                };
                return RDAPDomainResult {
                    rdap_target: target.to_string(),
                    rdap_data: Some(data),
                    entities: Some(entities),
                    rdap_registry_data: registry,
                    rdap_registrar_data: registrar,
                    ..record
                };
            }
            Err(error) => error,
        };
        let whois = self.whois.look_up(&registrable).await;
        let record = failed(error.status(), error.to_string(), target.to_string());
        with_whois(record, whois)
    }
}

fn with_whois(record: RDAPDomainResult, whois: Result<Whois, WhoisError>) -> RDAPDomainResult {
    match whois {
        Ok(whois) => RDAPDomainResult {
            whois_status_code: Status::OK,
            whois_raw: Some(whois.raw),
            whois_parsed: Some(whois.parsed),
            ..record
        },
        Err(error) => RDAPDomainResult {
            whois_status_code: error.status(),
            whois_error: Some(error.to_string()),
            ..record
        },
    }
}

impl Shareable for RdapDnCollector {
    const LIFETIME: fn(&CacheConfig) -> Span = |config| config.rdap_dn;

    fn about(&self, subject: &Subject, request: Option<&RDAPDomainRequest>) -> Option<About> {
        let name = DomainName::parse(wanted(subject, request)).ok()?;
        Some(About::Name(name.to_string()))
    }
}

#[cfg(test)]
mod tests;
