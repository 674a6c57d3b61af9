//! From a record and what was read of it to what the rules take in.

use bytes::Bytes;
use compact_str::CompactString;

use super::rows::Payload;
use crate::codec::{Part, PartKind};
use crate::collect::catalogue::FollowUp;
use crate::flow::headers::{COLLECTORS, CUT, NOT_ASKED, RUN};
use crate::io::{Headers, RawRecord};
use crate::join::{Arrival, DnsFacts, LeftOut, PartId};
use crate::model::{SubjectError, name_in, pair_in};

/// The name of a result's key, and the address on topics of addresses.
pub fn subject(kind: PartKind, key: Option<&Bytes>) -> Result<(Bytes, Option<CompactString>), SubjectError> {
    match kind {
        PartKind::Ip => pair_in(key).map(|(name, address)| (name, Some(address))),
        PartKind::Zone | PartKind::Dns | PartKind::Tls | PartKind::Rdap => {
            name_in(key).map(|name| (name, None))
        }
    }
}

pub(super) fn arrival(
    kind: PartKind,
    address: Option<CompactString>,
    record: &RawRecord,
    part: Part,
) -> Arrival<Payload> {
    let id = match kind {
        PartKind::Zone => PartId::Zone,
        PartKind::Dns => PartId::Dns,
        PartKind::Tls => PartId::Tls,
        PartKind::Rdap => PartId::Rdap,
        PartKind::Ip => {
            PartId::Ip { address: address.unwrap_or_default(), collector: part.collector.unwrap_or_default() }
        }
    };
    let dns = part.dns.map(|(addresses, tls)| DnsFacts { addresses, tls });
    let left_out = match kind {
        PartKind::Zone | PartKind::Dns => left_out(&record.headers),
        PartKind::Tls | PartKind::Rdap | PartKind::Ip => None,
    };
    Arrival {
        left_out,
        part: id,
        run: record.headers.text(RUN).map(CompactString::from),
        status: part.status,
        attempt: part.attempt,
        time: record.time,
        cut: record.headers.text(CUT).is_some(),
        dns,
        payload: Payload::Memory { bytes: part.body, stored: false },
    }
}

/// What the request of a result did not ask for, as `flow::follow_up` tells it.
fn left_out(headers: &Headers) -> Option<LeftOut> {
    let (parts, only) = (headers.text(NOT_ASKED), headers.text(COLLECTORS));
    if parts.is_none() && only.is_none() {
        return None;
    }
    let part = |name: &str| match name {
        name if name == FollowUp::Dns.name() => Some(PartId::Dns),
        name if name == FollowUp::RdapDn.name() => Some(PartId::Rdap),
        name if name == FollowUp::Tls.name() => Some(PartId::Tls),
        _ => None,
    };
    let names =
        |text: &str| text.split(',').filter(|name| !name.is_empty()).map(CompactString::from).collect();
    Some(LeftOut {
        parts: parts.into_iter().flat_map(|parts| parts.split(',')).filter_map(part).collect(),
        only: only.map(names),
    })
}
