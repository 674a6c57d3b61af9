//! Any order, repeats and restarts give the same final record; what is awaited has names; outages lengthen patience.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn awaited_parts_have_names() {
    let policy = Policy::default();
    let mut entry = Entry::new(Window::Run(None), 0);
    entry.arrive(dns(0, 1, &["::1"], true), &policy, &Outages::default());
    entry.arrive(arrival(ip("::1", "nerd"), 0, 2), &policy, &Outages::default());
    let awaited: Vec<_> = entry.awaited(&policy).map(|awaited| awaited.0.to_string()).collect();
    assert_eq!(awaited, ["zone", "rdap-dn", "tls", "geo-asn of ::1", "rdap-ip of ::1", "rtt of ::1"]);
    // What the request left out is not awaited, and is missing for another reason.
    let only = Some(vec!["nerd".into(), "rtt".into()]);
    let left_out = Some(LeftOut { parts: vec![PartId::Rdap], only });
    entry.arrive(Arrival { left_out, ..arrival(PartId::Zone, 0, 3) }, &policy, &Outages::default());
    let awaited: Vec<_> = entry.awaited(&policy).map(|awaited| awaited.0.to_string()).collect();
    assert_eq!(awaited, ["tls", "rtt of ::1"]);
    let missing: Vec<_> = entry.missing(&policy).map(|(part, why)| format!("{part} {why}")).collect();
    let of_address = ["geo-asn of ::1 not-asked", "rdap-ip of ::1 not-asked", "rtt of ::1 deadline"];
    assert_eq!(missing, [&["rdap-dn not-asked", "tls deadline"], &of_address[..]].concat());
}

/// Without DNS there is no record, so there is nothing to wait for but what was asked.
#[test]
fn a_name_without_dns_ends_with_the_last_part_that_was_asked() {
    let (policy, name) = (Policy::default(), Bytes::from_static(NAME));
    for (asked, left_out) in [(true, vec![PartId::Dns]), (false, vec![PartId::Dns, PartId::Rdap])] {
        let (mut names, mut ended) = (Names::default(), vec![]);
        let left_out = Some(LeftOut { parts: left_out, only: None });
        let zone = Arrival { left_out, ..arrival(PartId::Zone, 0, 1000) };
        let kept = |_: &mut _, step, _| assert_eq!(step, Step::Kept);
        names.arrive(&name, zone, &policy, kept);
        if asked {
            assert_eq!(names.next_due(), Some(1000 + policy.patience));
            names.arrive(&name, arrival(PartId::Rdap, 11, 1500), &policy, kept);
        }
        names.advance(if asked { 1500 } else { 1000 }, &policy, |_, _, step| ended.push(step));
        assert_eq!((ended, names.open()), (vec![Step::End(End::NotAsked)], 0));
    }
}

/// Everything one run may bring, some of it twice with other statuses and attempts.
fn arrivals() -> impl Strategy<Value = Vec<Arrival<u32>>> {
    let extra = (0_usize..12, prop_oneof![Just(0), Just(11)], 0_i64..1000);
    (1_usize..3, any::<bool>(), prop::collection::vec(extra, 0..12)).prop_map(|(addresses, tls, extra)| {
        let all = ["192.0.2.1", "192.0.2.2"];
        let mut parts = vec![PartId::Zone, PartId::Dns, PartId::Rdap, PartId::Tls];
        for address in &all[..addresses] {
            parts.extend(["geo-asn", "nerd", "rdap-ip", "rtt"].map(|collector| ip(address, collector)));
        }
        let make = |part: PartId, status: i32, time: Millis| match part {
            PartId::Dns => dns(0, time, &all[..addresses], tls),
            part => arrival(part, status, time),
        };
        let mut arrivals: Vec<_> = parts.iter().map(|part| make(part.clone(), 0, 1000)).collect();
        for (part, status, time) in extra {
            arrivals.push(make(parts[part % parts.len()].clone(), status, 1000 + time));
        }
        arrivals
    })
}

/// The record that was emitted last, as part -> payload.
fn last_record(
    names: &mut Names<u32>,
    policy: &Policy,
    arrivals: &[Arrival<u32>],
) -> (u32, BTreeMap<PartId, u32>) {
    let name = Bytes::from_static(NAME);
    let (mut last, mut emitted) = (BTreeMap::new(), 0);
    for arrival in arrivals {
        names.arrive(&name, arrival.clone(), policy, |entry, step, _| {
            if matches!(step, Step::Emit { .. }) {
                emitted += 1;
                last = entry.slots().iter().map(|slot| (slot.part.clone(), slot.payload)).collect();
            }
        });
    }
    names.advance(Millis::MAX, policy, |_, _, _| {});
    assert_eq!(names.open(), 0);
    (emitted, last)
}

proptest! {
    #[test]
    fn order_and_repeats_do_not_matter(
        (in_order, shuffled) in arrivals().prop_flat_map(|arrivals| {
            let repeated: Vec<_> = arrivals.iter().chain(&arrivals).cloned().collect();
            (Just(arrivals), Just(repeated).prop_shuffle())
        }),
    ) {
        let policy = Policy::default();
        let (emitted, record) = last_record(&mut Names::default(), &policy, &in_order);
        let (_, again) = last_record(&mut Names::default(), &policy, &shuffled);
        prop_assert!(emitted >= 1);
        prop_assert_eq!(record, again);
    }

    /// A restart goes on from the rows of some point and sees some of what came before it again.
    #[test]
    fn restarts_do_not_matter(
        arrivals in arrivals().prop_shuffle(),
        kept in 0.0..1.0,
        replayed in 0.0..1.0,
    ) {
        let policy = Policy::default();
        let (_, record) = last_record(&mut Names::default(), &policy, &arrivals);
        let kept = (arrivals.len() as f64 * kept) as usize;
        let replayed = (kept as f64 * replayed) as usize;
        let mut before = Names::default();
        let name = Bytes::from_static(NAME);
        let mut emitted = None;
        for arrival in &arrivals[..kept] {
            before.arrive(&name, arrival.clone(), &policy, |entry, step, _| {
                if matches!(step, Step::Emit { .. }) {
                    emitted = Some(entry.slots().iter().map(|slot| (slot.part.clone(), slot.payload)).collect());
                }
            });
        }
        let mut after = Names::default();
        for (name, entry) in before.all() {
            let row = postcard::to_allocvec(&entry).unwrap();
            after.restore(name, postcard::from_bytes(&row).unwrap(), &policy);
        }
        let (count, last) = last_record(&mut after, &policy, &arrivals[replayed..]);
        prop_assert_eq!(if count > 0 { last } else { emitted.unwrap() }, record);
    }
}

#[test]
fn an_outage_lengthens_what_is_open_and_nothing_else() {
    outage(false);
    outage(true);
}

fn outage(rests: bool) {
    let policy = Policy { patience: 60, ..Policy::default() };
    let name = Bytes::from_static(b"a.cz");
    let mut names = Names::default();
    names.arrive(&name, arrival(PartId::Zone, 0, 100), &policy, |_, _, _| ());
    if rests {
        names.rest(&name);
    }
    names.add_outage(120, 500, &policy);
    let fired = |names: &mut Names<_>, now| {
        let mut steps = vec![];
        names.advance(now, &policy, |_, _, step| steps.push(step));
        steps
    };
    assert_eq!(fired(&mut names, 539), []);
    // What arrives afterwards has its patience, no more.
    names.arrive(&name, dns(0, 520, &[], false), &policy, |_, _, _| ());
    assert_eq!(fired(&mut names, 579), []);
    assert_eq!(fired(&mut names, 580), [Step::Emit { complete: false }]);
    assert_eq!(names.outages(580, &policy).to_string(), "");
}
