//! From a record and what was read of it to what the rules take in.

use std::sync::Arc;

use bytes::Bytes;

use super::rows::Payload;
use crate::codec::{Part, PartKind};
use crate::flow::headers::{CUT, RUN};
use crate::io::RawRecord;
use crate::join::{Arrival, DnsFacts, PartId};
use crate::model::{Subject, SubjectError};

/// The name of a result's key, and the address on topics of addresses.
pub(super) fn subject(
    kind: PartKind,
    key: Option<&Bytes>,
) -> Result<(Bytes, Option<Arc<str>>), SubjectError> {
    match kind {
        PartKind::Ip => {
            let subject = Subject::of_address(key)?;
            Ok((subject.name.into(), subject.address.map(Arc::from)))
        }
        _ => Ok((Subject::of_name(key)?.key, None)),
    }
}

pub(super) fn arrival(
    kind: PartKind,
    address: Option<Arc<str>>,
    record: &RawRecord,
    part: Part,
) -> Arrival<Payload> {
    let id = match kind {
        PartKind::Zone => PartId::Zone,
        PartKind::Dns => PartId::Dns,
        PartKind::Tls => PartId::Tls,
        PartKind::Rdap => PartId::Rdap,
        PartKind::Ip => PartId::Ip {
            address: address.unwrap_or_else(|| "".into()),
            collector: part.collector.unwrap_or_default().into(),
        },
    };
    let dns = part
        .dns
        .map(|(addresses, tls)| DnsFacts { addresses: addresses.into_iter().map(Arc::from).collect(), tls });
    Arrival {
        part: id,
        run: record.headers.text(RUN).map(Arc::from),
        status: part.status,
        attempt: part.attempt,
        time: record.time,
        cut: record.headers.text(CUT).is_some(),
        dns,
        payload: Payload::Memory { bytes: part.body, stored: false },
    }
}
