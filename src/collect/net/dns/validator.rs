//! What DNSSEC says of records (RFC 4035 section 4.3). hickory follows the signatures; its questions go the same way as
//! all others: to the resolvers, or from the root down.
//!
//! Decided here: which keys are trusted, what it means when something cannot be found out, and how much one judgement may
//! cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream;
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, Query};
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer as _};
use hickory_resolver::net::{DnsError, NetError};
use tokio::time::timeout;

use super::resolver::Source;
use super::{DnsConfig, RrSet, wildcard};
use crate::collect::net::file::{FileError, Reloaded};

/// Signatures whose check is remembered: mostly of keys that many names share.
const MOST_CHECKS: usize = 16 * 1024;
/// Questions that hickory may ask for one judgement; keys and digests of ten zones make some thirty.
const MOST_QUESTIONS: u32 = 64;

/// What DNSSEC says of records (RFC 4033 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// A chain of signatures leads to them from a key that is trusted.
    Secure,
    /// There is no such chain, and that is signed.
    Insecure,
    /// There should be one, and is none.
    Bogus,
    /// It could not be found out, or other records are signed than those that were found.
    Indeterminate,
}

impl Security {
    /// The state as it is recorded.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus => "bogus",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// Judges records.
pub(super) struct Validator {
    handle: DnssecDnsHandle<Questions>,
    timeout: Duration,
}

/// Asks what hickory wants to know.
#[derive(Clone)]
struct Questions(Arc<Source>);

/// What one judgement has come to.
#[derive(Debug, Default)]
struct Inquiry {
    questions: AtomicU32,
    /// Whether one of them had no answer.
    failed: AtomicBool,
}

tokio::task_local! {
    /// hickory asks in the task that wants the judgement, and does not say on whose behalf.
    static INQUIRY: Arc<Inquiry>;
}

impl Validator {
    /// A validator that asks `source` and trusts the keys of `config`; blocks while it reads their file.
    pub fn new(source: Arc<Source>, config: &DnsConfig) -> Result<Self, FileError> {
        let handle =
            DnssecDnsHandle::with_trust_anchor(Questions(source), anchors(config.trust_anchor.as_deref())?)
                .validation_cache_size(MOST_CHECKS)
                // A failure may be one of the network; answers behind it are remembered where they come from.
                .negative_validation_ttl(Duration::ZERO..=Duration::ZERO);
        Ok(Self { handle, timeout: config.timeout.0 })
    }

    /// What is said of the records `set` of `name`.
    pub async fn judge(&self, name: &Name, rr_type: RecordType, set: &RrSet<'_>) -> Security {
        let inquiry = Arc::<Inquiry>::default();
        let asked = self.handle.lookup(Query::query(name.clone(), rr_type), DnsRequestOptions::default());
        let judged = timeout(self.timeout, INQUIRY.scope(inquiry.clone(), asked.first_answer())).await;
        let proof = match judged {
            Ok(Ok(reply)) => proof(&reply, name, rr_type, set),
            Ok(Err(NetError::Dns(DnsError::Nsec { response, .. })))
                if wildcard::is_proven(&response, name, rr_type) =>
            {
                proof(&response, name, rr_type, set)
            }
            Ok(Err(NetError::Dns(DnsError::Nsec { proof, .. }))) => proof,
            Ok(Err(_)) | Err(_) => Proof::Indeterminate,
        };
        match proof {
            Proof::Secure => Security::Secure,
            Proof::Insecure => Security::Insecure,
            // What a signature needs is not there: whether it exists is not known.
            Proof::Bogus if inquiry.failed.load(Ordering::Relaxed) => Security::Indeterminate,
            Proof::Bogus => Security::Bogus,
            Proof::Indeterminate => Security::Indeterminate,
        }
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What hickory makes of the records in a reply.
fn proof(reply: &Message, name: &Name, rr_type: RecordType, set: &RrSet<'_>) -> Proof {
    if reply.answers.iter().any(|record| record.record_type() == RecordType::DNAME) {
        // The alias that a server makes of it has no signature (RFC 6672 section 5.3.1), which hickory does not know.
        return Proof::Indeterminate;
    }
    let judged =
        || reply.answers.iter().filter(|record| record.name == *name && record.record_type() == rr_type);
    let worst = judged().map(|record| record.proof).min().unwrap_or(Proof::Indeterminate);
    let are_those = set.data.iter().all(|data| judged().any(|record| record.data == **data));
    if worst == Proof::Secure && !are_those { Proof::Indeterminate } else { worst }
}

/// The keys in `file`, or those that hickory has.
fn anchors(file: Option<&Path>) -> Result<Arc<TrustAnchors>, FileError> {
    match file {
        Some(path) => Ok(Reloaded::open(path, parse)?.get()),
        None => Ok(Arc::default()),
    }
}

fn parse(bytes: &[u8]) -> Result<TrustAnchors, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let anchors: TrustAnchors = text.parse().map_err(|error| format!("{error}"))?;
    if anchors.is_empty() { Err("no DNSKEY record of the root".to_owned()) } else { Ok(anchors) }
}

impl DnsHandle for Questions {
    type Response = stream::Once<BoxFuture<'static, Result<DnsResponse, NetError>>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let source = self.0.clone();
        stream::once(Box::pin(async move {
            let Some(query) = request.queries.first() else { return Err("no question".into()) };
            let inquiry = INQUIRY.try_with(Arc::clone).unwrap_or_default();
            if inquiry.questions.fetch_add(1, Ordering::Relaxed) >= MOST_QUESTIONS {
                inquiry.failed.store(true, Ordering::Relaxed);
                return Err("too many questions".into());
            }
            match source.signed(query.name(), query.query_type()).await {
                Ok(signed) => Ok(DnsResponse::from_message(signed.0.clone())?),
                Err(error) => {
                    inquiry.failed.store(true, Ordering::Relaxed);
                    Err(error.to_string().into())
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::net::dns::scripted::{absolute, record};

    #[test]
    fn anchors_are_read_or_refused() {
        assert_eq!(anchors(None).unwrap().len(), 2);
        let key = "IN DNSKEY 257 3 13 \
                   mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==";
        for (text, expected) in [
            (format!(". {key}"), Ok(1)),
            (format!("; a comment\n. 172800 {key}\n"), Ok(1)),
            (format!("cz. {key}"), Err("no DNSKEY record of the root")),
            (String::new(), Err("no DNSKEY record of the root")),
        ] {
            let read = parse(text.as_bytes()).map(|anchors| anchors.len());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
        assert!(parse(b". A 192.0.2.1").is_err());
    }

    #[test]
    fn only_records_that_were_found_are_secure() {
        let name = absolute("ok.cz");
        for (found, signed, judged, expected) in [
            ("192.0.2.1", "192.0.2.1", Proof::Secure, Proof::Secure),
            ("192.0.2.6", "192.0.2.1", Proof::Secure, Proof::Indeterminate),
            ("192.0.2.6", "192.0.2.1", Proof::Insecure, Proof::Insecure),
            ("192.0.2.1", "192.0.2.1", Proof::Bogus, Proof::Bogus),
        ] {
            let found = record("ok.cz", 60, "A", found);
            let mut reply = Message::query().into_response();
            reply.answers = vec![record("ok.cz", 60, "A", signed), record("ok.cz", 60, "A", "192.0.2.2")];
            reply.answers.iter_mut().for_each(|record| record.proof = judged);
            let set = RrSet { ttl: 60, data: vec![&found.data] };
            assert_eq!(proof(&reply, &name, RecordType::A, &set), expected);
            reply.answers[1].proof = Proof::Bogus;
            assert_eq!(proof(&reply, &name, RecordType::A, &set), Proof::Bogus);
        }
    }
}
