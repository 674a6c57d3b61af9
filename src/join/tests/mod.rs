//! What both readings are tested with: results that carry their time as payload. `rows.rs`: the rows of the behaviour
//! report; `properties.rs`: order, repeats, restarts; `model.rs`: another join that
//! agrees; `soak.rs`: restarts and outages for as long as one likes.

mod model;
mod properties;
mod rows;
mod soak;

use bytes::Bytes;
use compact_str::CompactString;

use super::*;
use crate::clock::Millis;
use crate::model::Status;

const NAME: &[u8] = b"ok.cz";

fn ip(address: &str, collector: &str) -> PartId {
    PartId::Ip { address: address.into(), collector: collector.into() }
}

fn arrival(part: PartId, status: i32, time: Millis) -> Arrival<u32> {
    let run = Some(CompactString::from("r1"));
    let (attempt, cut, dns, payload) = (time, false, None, time as u32);
    Arrival { part, run, status: Status(status), attempt, time, cut, dns, left_out: None, payload }
}

fn dns(status: i32, time: Millis, addresses: &[&str], tls: bool) -> Arrival<u32> {
    let addresses = addresses.iter().map(|address| CompactString::from(*address)).collect();
    let dns = Some(DnsFacts { addresses, tls });
    Arrival { dns, ..arrival(PartId::Dns, status, time) }
}

/// Lets time pass, and answers what is handed over as the job does; `step` sees every step.
fn advance(names: &mut Names<u32>, now: Millis, policy: &Policy, mut step: impl FnMut(&Entry<u32>, Step)) {
    loop {
        let mut handed_over = vec![];
        names.advance(now, policy, |name, entry, what| {
            step(entry, what);
            if let Step::HandOver(time) = what {
                let aggregate = entry.aggregate(time, |slot| Ok::<_, ()>(slot.payload));
                handed_over.push((name.clone(), aggregate.unwrap()));
            }
        });
        if handed_over.is_empty() {
            return;
        }
        for (name, aggregate) in handed_over {
            names.hand_over(&name, aggregate, policy, |entry, what| step(entry, what));
        }
    }
}

/// Takes a result in, and answers what is handed over as the job does; `step` sees every step.
fn arrive(
    names: &mut Names<u32>,
    name: &Bytes,
    arrival: Arrival<u32>,
    policy: &Policy,
    mut step: impl FnMut(&Entry<u32>, Step),
) {
    if let PartId::Ip { collector, .. } = &arrival.part
        && !policy.takes(collector)
    {
        return;
    }
    let aggregate = names.arrive(name, arrival, policy, |entry, what, _| {
        step(entry, what);
        match what {
            Step::HandOver(time) => entry.aggregate(time, |slot| Ok::<_, ()>(slot.payload)).ok(),
            _ => None,
        }
    });
    if let Some(aggregate) = aggregate {
        names.hand_over(name, aggregate, policy, |entry, what| step(entry, what));
    }
}
