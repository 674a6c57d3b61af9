//! The joined record of a name: its parts spliced without being read again, and headers that say how whole it is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::rows::Payload;
use super::setup::JoinSetup;
use crate::codec::{ByCollector, JoinedParts};
use crate::flow::headers::{COMPLETE, CUT, CUT_PAGE, REVISION, RUN};
use crate::io::{Headers, Outgoing, RawRecord};
use crate::join::{Entry, PartId};
use crate::state::StateError;

/// Longest text of the header that tells what is missing.
const MISSING: usize = 1000;

/// The joined record of an entry, and its count.
pub(super) fn emit(
    setup: &JoinSetup,
    partition: u32,
    name: &Bytes,
    entry: &Entry<Payload>,
    complete: bool,
) -> Result<Outgoing, StateError> {
    let counts = &setup.meters.join;
    let counter = match (entry.revision, complete) {
        (1, true) => &counts.complete,
        (1, false) => &counts.partial,
        _ => &counts.revisions,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    let mut bodies = Vec::with_capacity(entry.slots().len());
    for slot in entry.slots() {
        bodies.push(setup.rows.payload(partition, name, entry.window.text(), &slot.part, &slot.payload)?);
    }
    let [mut zone, mut dns, mut tls, mut rdap] = [None; 4];
    let mut addresses: BTreeMap<&str, ByCollector<'_>> =
        entry.addresses().iter().map(|address| (&**address, Vec::new())).collect();
    for (slot, body) in entry.slots().iter().zip(&bodies) {
        match &slot.part {
            PartId::Zone => zone = slot.status.ok().then_some(body),
            PartId::Dns => dns = Some(body),
            PartId::Tls => tls = Some(body),
            PartId::Rdap => rdap = Some(body),
            PartId::Ip { address, collector } => {
                addresses.entry(address).or_default().push((collector, body));
            }
        }
    }
    let missing: Vec<(String, String)> =
        entry.missing(&setup.policy).map(|(part, why)| (part.to_string(), why.to_string())).collect();
    let nothing = Bytes::new();
    let parts = JoinedParts {
        zone,
        dns: dns.unwrap_or(&nothing),
        tls,
        rdap,
        addresses: (!entry.addresses().is_empty()).then(|| addresses.into_iter().collect()),
        missing: &missing,
    };
    // Every part was checked when it was read.
    let value = setup.splicer.splice(&parts);
    let mut value = value.map_err(|_| StateError::Row { family: "parts", what: "not a part" })?.into_iter();
    let mut headers = Headers::default();
    if let Some(run) = &entry.run {
        headers.push(RUN, run.to_string());
    }
    headers.push(REVISION, entry.revision.to_string());
    headers.push(COMPLETE, if complete { "true".to_owned() } else { told(&missing) });
    if entry.slots().iter().any(|slot| slot.cut) {
        headers.push(CUT, CUT_PAGE);
    }
    let record = RawRecord { key: Some(name.clone()), value: value.next(), headers, time: setup.clock.now() };
    Ok(Outgoing { topic: setup.to, partition, record, rest: value.collect() })
}

/// What is missing and why, as a header tells it.
fn told(missing: &[(String, String)]) -> String {
    let mut text = String::from("missing: ");
    for (index, (part, why)) in missing.iter().enumerate() {
        if text.len() > MISSING {
            text.push_str(", ...");
            break;
        }
        text.push_str(if index > 0 { ", " } else { "" });
        text.push_str(&format!("{part} ({why})"));
    }
    text
}
