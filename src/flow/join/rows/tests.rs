//! What lies in a store is read by every version of the same format; and how long it lies there.

use super::changes::FEW;
use super::*;
use crate::join::{Arrival, DnsFacts, Names, Policy, Step, Window};
use crate::model::Status;

/// An open name with a part of each kind of key.
fn entry() -> Entry<Payload> {
    let mut entry = Entry::new(Window::Run(Some("r1".into())), 1000);
    let ip = PartId::Ip { address: "192.0.2.1".into(), collector: "rtt".into() };
    let dns = DnsFacts { addresses: vec!["192.0.2.1".into()], tls: true };
    for (part, dns) in [(PartId::Zone, None), (PartId::Dns, Some(dns)), (ip, None)] {
        let payload = Payload::Memory { bytes: Bytes::from("body"), stored: false };
        let (run, status, attempt, time) = (Some("r1".into()), Status::OK, 900, 1000);
        let left_out = None;
        let arrival = Arrival { part, run, status, attempt, time, dns, left_out, payload, cut: false };
        entry.arrive(arrival, &Policy::default(), &Outages::default());
    }
    entry
}

/// Rows of a partition in a store that is new.
fn open() -> (tempfile::TempDir, Store, JoinRows) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Default::default()).unwrap();
    let rows = JoinRows::new(store.clone(), "g", Topics::new(["t".to_owned()], 1));
    (dir, store, rows)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// If this fails, rows are no longer what they were: raise `FORMAT` in `state/store.rs`, and put the new bytes here.
#[test]
fn rows_of_open_names_are_what_the_format_of_the_store_says() {
    let (_dir, store, rows) = open();
    let (mut names, mut changes, mut batch) = (Names::default(), Changes::default(), rows.batch());
    let (name, entry) = (Bytes::from("a.cz"), entry());
    names.restore(name.clone(), entry.clone(), &Policy::default());
    changes.change(&name, names.awake_mut(&name, &entry.window).unwrap());
    changes.flush(3, &mut names, &Policy::default(), &mut batch);
    rows.put_position(&mut batch, Topic(0), 3, 258);
    batch.write().unwrap();
    let mut found = vec![];
    for family in [Family::Entries, Family::Parts, Family::Positions] {
        let all = store.scan(family, &[], &[0xff; 8], |key, row| {
            found.push(format!("{} = {}", hex(key), hex(row)));
            true
        });
        all.unwrap();
    }
    let expected = [
        // The entry: name, window, run, times, what DNS says, the parts without their payloads.
        concat!(
            "000000030004612e637a7231 = 04612e637a00010272310102723100d00f90b907d00f0101093139322e302e322e31010300",
            "00880e000100880e0004093139322e302e322e310372747400880e000000"
        ),
        "000000030004612e637a723100646e73 = 626f6479",
        "000000030004612e637a723100727474206f66203139322e302e322e31 = 626f6479",
        "000000030004612e637a7231007a6f6e65 = 626f6479",
        "6a6700740000000003 = 0000000000000102",
    ];
    assert_eq!(found, expected, "the format of the store");
    let (_, mut loaded) = rows.load(3).unwrap().remove(0);
    loaded.slots_mut().iter_mut().zip(entry.slots()).for_each(|(loaded, slot)| {
        assert_eq!(loaded.payload, Payload::Stored);
        loaded.payload = slot.payload.clone();
    });
    assert_eq!(loaded, entry);
}

#[test]
fn rows_of_a_partition_that_is_elsewhere_are_kept_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Default::default()).unwrap();
    let topics = Topics::new(["zone".to_owned()], 3);
    let (topic, rows) = (Topic(0), JoinRows::new(store, "g", topics));
    (0..3).for_each(|partition| rows.reset(partition, &[(topic, 5)]).unwrap());
    let there = || [0, 1, 2].map(|partition| rows.position(topic, partition).unwrap().is_some());
    // The first is this process's, the second comes and goes, the third never comes.
    rows.reopen(0, &[(topic, None)], topic).unwrap();
    rows.reopen(1, &[(topic, None)], topic).unwrap();
    let start = Instant::now();
    rows.sweep(start + KEPT - Duration::from_secs(60)).unwrap();
    assert_eq!(there(), [true; 3]);
    rows.sweep(start + KEPT).unwrap();
    assert_eq!(there(), [true, true, false]);
    rows.leave(1);
    rows.sweep(start + KEPT / 2).unwrap();
    assert_eq!(there(), [true, true, false]);
    rows.sweep(start + KEPT * 2).unwrap();
    assert_eq!(there(), [true, false, false]);
}

/// A part that is written, replaced, and ends before it is written again.
#[test]
fn the_row_of_a_part_that_was_replaced_goes_with_its_entry() {
    let (_dir, store, rows) = open();
    let (mut names, mut changes, policy) = (Names::default(), Changes::default(), Policy::default());
    let name = Bytes::from("a.cz");
    let zone = |changes: &mut Changes, names: &mut Names<Payload>, attempt| {
        let payload = Payload::Memory { bytes: Bytes::from("body"), stored: false };
        let (status, time) = (Status::OK, 1000);
        let arrival = Arrival {
            part: PartId::Zone,
            run: None,
            status,
            attempt,
            time,
            dns: None,
            left_out: None,
            payload,
            cut: false,
        };
        let replaced = names.arrive(&name, arrival, &policy, |_, _, displaced| displaced);
        if let Some(replaced) = &replaced {
            changes.replace(&name, &Window::Run(None), PartId::Zone, replaced);
        }
        changes.change(&name, names.awake_mut(&name, &Window::Run(None)).unwrap());
        replaced.is_some()
    };
    let rows_left = || {
        let mut left = 0;
        for family in [Family::Entries, Family::Parts] {
            let counted = store.scan(family, &[], &[0xff; 8], |_, _| {
                left += 1;
                true
            });
            counted.unwrap();
        }
        left
    };
    let flush = |changes: &mut Changes, names: &mut Names<Payload>| {
        let mut batch = rows.batch();
        changes.flush(0, names, &policy, &mut batch);
        batch.write().unwrap();
    };
    assert!(!zone(&mut changes, &mut names, 1));
    flush(&mut changes, &mut names);
    assert!(zone(&mut changes, &mut names, 2));
    flush(&mut changes, &mut names);
    assert_eq!(rows_left(), 2, "one that stays open has its rows");
    assert!(zone(&mut changes, &mut names, 3));
    names.advance(Millis::MAX, &policy, |name, entry, _| changes.end(name, entry));
    flush(&mut changes, &mut names);
    assert_eq!(rows_left(), 0);
}

/// A name that has had its record is not written, and what was written of it goes; when memory is short it goes as a whole.
#[test]
fn a_name_that_is_done_has_no_rows_and_goes_when_memory_is_short() {
    let (_dir, _, rows) = open();
    let (mut names, mut changes) = (Names::default(), Changes::default());
    let policy = Policy { address_collectors: vec!["rtt".into()], tls: false, ..Policy::default() };
    let (name, entry) = (Bytes::from("a.cz"), entry());
    let window = entry.window.clone();
    names.restore(name.clone(), entry, &policy);
    let flush = |changes: &mut Changes, names: &mut Names<Payload>| {
        changes.change(&name, names.awake_mut(&name, &window).unwrap());
        let mut batch = rows.batch();
        changes.flush(0, names, &policy, &mut batch);
        batch.write().unwrap();
        rows.load(0).unwrap().len()
    };
    assert_eq!(flush(&mut changes, &mut names), 1);
    let payload = Payload::Memory { bytes: Bytes::from("body"), stored: false };
    let (run, status, left_out) = (Some("r1".into()), Status::OK, None);
    let arrival = Arrival {
        part: PartId::Rdap,
        run,
        status,
        attempt: 950,
        time: 1100,
        dns: None,
        left_out,
        payload,
        cut: false,
    };
    names.arrive(&name, arrival, &policy, |_, step, _| assert_eq!(step, Step::Emit { complete: true }));
    assert_eq!(flush(&mut changes, &mut names), 0);
    assert!(names.awake(&name)[0].slots().iter().all(|slot| slot.payload.in_memory() > 0));
    assert!(changes.spill(&mut names, &policy, 1) > 0);
    assert_eq!((names.open(), names.is_open(&name)), (0, false));
}

/// Names that were written while they were open leave nothing behind, also when memory is never short.
#[test]
fn names_that_ended_are_not_noted_for_ever() {
    let (_dir, _, rows) = open();
    let (mut names, mut changes) = (Names::default(), Changes::default());
    let policy = Policy::default();
    for turn in 0..8 {
        for number in 0..FEW {
            let (name, mut entry) = (Bytes::from(format!("{turn}-{number}.cz")), entry());
            changes.change(&name, &mut entry);
            names.restore(name, entry, &policy);
        }
        changes.flush(0, &mut names, &policy, &mut rows.batch());
        names.advance(Millis::MAX, &policy, |name, entry, _| {
            changes.change(name, entry);
            changes.end(name, entry);
        });
        changes.flush(0, &mut names, &policy, &mut rows.batch());
        assert_eq!(names.open(), 0);
        let noted = changes.changed.len() + changes.outdated.len() + changes.spillable.len();
        assert!(noted <= 2 * FEW, "{noted} in turn {turn}");
    }
}
