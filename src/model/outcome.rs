//! What every result has in common: the seed's `Result` base, as a verdict that a collector reaches and a record carries.

use super::{
    CommonIPResult, DNSResult, IPData, RDAPDomainResult, Status, Subject, TLSResult, Timestamp, ZoneResult,
};
use crate::clock::Millis;

/// The three base fields of a result: what happened, why, and when the operation finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of the request.
    pub status: Status,
    /// A message for people; `None` when the status is OK or says it all.
    pub error: Option<String>,
    /// When the operation finished.
    pub last_attempt: Millis,
}

impl Verdict {
    /// Success at `now`.
    pub fn ok(now: Millis) -> Self {
        Self { status: Status::OK, error: None, last_attempt: now }
    }

    /// A failure at `now`, with a message for people.
    pub fn failed(status: Status, error: impl Into<String>, now: Millis) -> Self {
        Self { status, error: Some(error.into()), last_attempt: now }
    }
}

/// A result record: it has a verdict, and it can be made from a failing verdict alone.
pub trait Outcome: Sized {
    /// The base fields.
    fn verdict(&self) -> Verdict;

    /// Whether a limit has cut something off what was collected.
    fn is_cut(&self) -> bool {
        false
    }

    /// When what is in the record was found out, if that was for an earlier request.
    fn found(&self) -> Option<Millis> {
        None
    }

    /// A result without data, for `subject` as asked of the collector named `collector`.
    fn without_data(verdict: Verdict, subject: &Subject, collector: &'static str) -> Self;
}

/// A record that may be the answer to later requests, too.
pub trait Reusable: Outcome {
    /// The record as the answer to a request that ends at `now`.
    fn reused(self, now: Millis) -> Self;
}

macro_rules! outcome {
    ($record:ident, |$subject:ident, $collector:ident| { $($field:ident: $value:expr),* $(,)? } $($item:item)?) => {
        impl Outcome for $record {
            fn verdict(&self) -> Verdict {
                Verdict {
                    status: self.status_code,
                    error: self.error.clone(),
                    last_attempt: self.last_attempt.0,
                }
            }

            $($item)?

            fn without_data(verdict: Verdict, $subject: &Subject, $collector: &'static str) -> Self {
                Self {
                    status_code: verdict.status,
                    error: verdict.error,
                    last_attempt: Timestamp(verdict.last_attempt),
                    $($field: $value),*
                }
            }
        }
    };
}

outcome!(ZoneResult, |_subject, _collector| { zone: None, label: None });
outcome!(DNSResult, |_subject, _collector| { dns_data: None, ips: None });
outcome!(TLSResult, |_subject, _collector| { tls_data: None, final_http_code: None, html: None, html_cut: false }
    fn is_cut(&self) -> bool {
        self.html_cut
    }
);
outcome!(RDAPDomainResult, |_subject, _collector| {
    rdap_target: String::new(),
    whois_status_code: Status::WHOIS_NOT_PERFORMED,
    rdap_data: None,
    entities: None,
    whois_error: None,
    whois_raw: None,
    whois_parsed: None,
    rdap_registry_data: None,
    rdap_registrar_data: None,
    found: None,
}
    fn found(&self) -> Option<Millis> {
        self.found.map(|found| found.0)
    }
);
outcome!(CommonIPResult, |_subject, collector| {
    collector: collector.to_owned(),
    data: IPData::None,
    found: None,
}
    fn found(&self) -> Option<Millis> {
        self.found.map(|found| found.0)
    }
);

macro_rules! reusable {
    ($($record:ident),*) => {$(
        impl Reusable for $record {
            fn reused(self, now: Millis) -> Self {
                let found = self.found.or(Some(self.last_attempt));
                Self { found, last_attempt: Timestamp(now), ..self }
            }
        }
    )*};
}

reusable!(RDAPDomainResult, CommonIPResult);
