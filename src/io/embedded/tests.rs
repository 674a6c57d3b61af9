//! Embedded topics through the seam of the transports: order, groups, restarts, what is written together.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::*;
use crate::io::{
    Cut, IoError, Outgoing, Owner, Polled, Position, RawRecord, Reader, Readers, Rejected, Starts, Topic,
    Topics, Transport,
};
use crate::state::{Family, Store, StoreOptions};

const REQUESTS: Topic = Topic(0);
const RESULTS: Topic = Topic(1);

/// More than any record here has.
const LARGE: usize = 1 << 20;

fn log(dir: &Path) -> Log {
    let store = Store::open(dir, StoreOptions::default()).unwrap();
    Log::open(store, Topics::new(["requests".to_owned(), "results".to_owned()], 2)).unwrap()
}

fn record(topic: Topic, partition: u32, value: &'static str) -> Outgoing {
    let mut record = RawRecord { value: Some(Bytes::from_static(value.as_bytes())), ..Default::default() };
    record.headers.push("run", "r1");
    record.time = 17;
    Outgoing::new(topic, partition, record)
}

fn append(log: &Log, records: &[Outgoing]) {
    log.append(records, log.store().batch()).unwrap();
}

type Opened = (u32, Topic, Box<dyn Reader>);

/// Takes all partitions and starts where the group is.
#[derive(Default)]
struct Everything {
    readers: Mutex<Vec<Opened>>,
    metadata: Mutex<Vec<String>>,
    revoked: AtomicUsize,
}

impl Owner for Everything {
    fn assign(&self, _: u32, committed: Vec<Position>) -> Result<Starts, IoError> {
        let metadata = committed.into_iter().map(|position| position.metadata);
        self.metadata.lock().unwrap().extend(metadata);
        Ok(Starts::new())
    }

    fn open(&self, number: u32, readers: Readers) {
        let readers = readers.into_iter().map(|(topic, partition, reader)| {
            assert_eq!(partition % 2, number, "whose it is");
            (partition, topic, reader)
        });
        self.readers.lock().unwrap().extend(readers);
    }

    fn revoke(&self, numbers: &[u32]) {
        self.revoked.fetch_add(numbers.len(), Ordering::SeqCst);
    }

    fn failed(&self, error: IoError) {
        panic!("{error}");
    }
}

impl Everything {
    /// What is left to read of a partition, as text.
    fn rest(&self, topic: Topic, partition: u32) -> Vec<String> {
        let mut readers = self.readers.lock().unwrap();
        let reader = &mut readers.iter_mut().find(|(p, t, _)| (*p, *t) == (partition, topic)).unwrap().2;
        let mut values = vec![];
        while let Polled::Record(fetched) = reader.poll().unwrap() {
            assert_eq!(fetched.record.headers.text("run"), Some("r1"));
            assert_eq!(fetched.record.time, 17);
            values.push(String::from_utf8(fetched.record.value.unwrap().to_vec()).unwrap());
        }
        values
    }
}

#[test]
fn a_cut_is_one_write_and_a_restart_goes_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = log(dir.path());
        append(&log, &[record(REQUESTS, 0, "a"), record(REQUESTS, 1, "b"), record(REQUESTS, 0, "c")]);
        let transport = Embedded::new(log.clone(), "g", LARGE);
        let owner = Arc::new(Everything::default());
        let subscription = transport.subscribe(&[REQUESTS, RESULTS], owner.clone()).unwrap();
        assert_eq!(owner.rest(REQUESTS, 0), ["a", "c"]);
        assert_eq!(owner.rest(REQUESTS, 1), ["b"]);

        let mut committer = transport.committer(0, Arc::new(|_| None)).unwrap();
        committer.send(vec![record(RESULTS, 0, "A")]).unwrap();
        assert_eq!(log.end(RESULTS, 0), 0, "nothing is visible before the cut");
        let mut state = log.store().batch();
        state.put(Family::Entries, b"e", b"row");
        let position = Position { topic: REQUESTS, partition: 0, offset: 1, metadata: "m".into() };
        committer.commit(Cut { positions: vec![position], state: Some(state) }).unwrap();
        assert_eq!(owner.rest(RESULTS, 0), ["A"]);
        // Sent, never cut: gone with the process.
        committer.send(vec![record(RESULTS, 0, "B")]).unwrap();
        drop(subscription);
        assert_eq!(owner.revoked.load(Ordering::SeqCst), 2);
    }
    let log = log(dir.path());
    assert_eq!(log.store().get(Family::Entries, b"e").unwrap().unwrap(), b"row");
    let owner = Arc::new(Everything::default());
    let _subscription =
        Embedded::new(log.clone(), "g", LARGE).subscribe(&[REQUESTS, RESULTS], owner.clone()).unwrap();
    assert_eq!(*owner.metadata.lock().unwrap(), ["m"]);
    assert_eq!(owner.rest(REQUESTS, 0), ["c"]);
    assert_eq!(owner.rest(RESULTS, 0), ["A"]);
    let other = Arc::new(Everything::default());
    let _other = Embedded::new(log, "other", LARGE).subscribe(&[REQUESTS], other.clone()).unwrap();
    assert_eq!(other.rest(REQUESTS, 0), ["a", "c"]);
}

/// Every partition of a topic with another number of them is read and has its position, by whoever has its number.
#[test]
fn a_topic_may_have_another_number_of_partitions() {
    for count in [1, 5] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        let topics = Topics::new(["requests", "results"].map(str::to_owned), 2);
        let topics =
            topics.letting(|name| name == "requests").counted(|name| (name == "requests").then_some(count));
        let log = Log::open(store, topics).unwrap();
        append(&log, &(0..count).map(|partition| record(REQUESTS, partition, "a")).collect::<Vec<_>>());
        let transport = Embedded::new(log.clone(), "g", LARGE);
        let owner = Arc::new(Everything::default());
        let subscription = transport.subscribe(&[REQUESTS, RESULTS], owner.clone()).unwrap();
        assert!((0..count).all(|partition| owner.rest(REQUESTS, partition) == ["a"]));
        let mut opened: Vec<_> = owner.readers.lock().unwrap().iter().map(|(p, t, _)| (*t, *p)).collect();
        opened.sort();
        let all = (0..count).map(|partition| (REQUESTS, partition)).chain([(RESULTS, 0), (RESULTS, 1)]);
        assert_eq!(opened, all.collect::<Vec<_>>());

        let done =
            |partition| Position { topic: REQUESTS, partition, offset: 1, metadata: partition.to_string() };
        let mut committer = transport.committer(0, Arc::new(|_| None)).unwrap();
        committer.commit(Cut { positions: (0..count).map(done).collect(), state: None }).unwrap();
        drop(subscription);
        let again = Arc::new(Everything::default());
        let _subscription = transport.subscribe(&[REQUESTS, RESULTS], again.clone()).unwrap();
        assert_eq!(again.metadata.lock().unwrap().len(), count as usize);
        assert!((0..count).all(|partition| again.rest(REQUESTS, partition).is_empty()));
        assert_eq!(transport.positions(&[REQUESTS]).unwrap().len(), count as usize);
        let mut seen = 0;
        transport.newest(&[REQUESTS], 9, &mut |_, _, _| seen += 1).unwrap();
        assert_eq!((seen, log.lag("g", &[REQUESTS]).unwrap()), (count, 0));
    }
}

/// What is written in place of a record that is too large has to fit as well.
#[test]
fn records_that_are_too_large_are_replaced_until_they_fit() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path());
    let owner = Arc::new(Everything::default());
    let transport = Embedded::new(log, "g", 300);
    let _subscription = transport.subscribe(&[RESULTS], owner.clone()).unwrap();
    let shorter = |rejected: Rejected<'_>| {
        let Outgoing { topic, partition, mut record, .. } = rejected.record;
        let value = record.value?;
        assert!(rejected.room.unwrap() < record.key.as_ref().map_or(0, Bytes::len) + value.len());
        assert!(rejected.error.to_string().contains("for results is too large"), "{}", rejected.error);
        record.value = (value.len() > 100).then(|| value.slice(..value.len() / 2));
        Some(Outgoing::new(topic, partition, record))
    };
    let mut committer = transport.committer(0, Arc::new(shorter)).unwrap();
    let text: &'static str = Box::leak("x".repeat(1000).into_boxed_str());
    committer.send(vec![record(RESULTS, 0, "a"), record(RESULTS, 0, text), record(RESULTS, 0, "b")]).unwrap();
    committer.commit(Cut { positions: vec![], state: None }).unwrap();
    assert_eq!(owner.rest(RESULTS, 0), ["a", &text[..125], "b"]);
    let mut endless = record(RESULTS, 0, text);
    endless.record.key = Some(text.into());
    let error = committer.send(vec![endless]).unwrap_err();
    assert!(matches!(error, IoError::TooLarge { bytes: 1005, .. }), "{error}");
}

#[test]
fn readers_are_woken_and_trimmed_records_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = log(dir.path());
        let owner = Arc::new(Everything::default());
        let _subscription =
            Embedded::new(log.clone(), "g", LARGE).subscribe(&[REQUESTS], owner.clone()).unwrap();
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        owner.readers.lock().unwrap()[0].2.wake_by(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        append(&log, &[record(REQUESTS, 1, "x")]);
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        append(&log, &[record(REQUESTS, 0, "a"), record(REQUESTS, 0, "b")]);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        log.trim(REQUESTS, 0, 1).unwrap();
        assert_eq!(owner.rest(REQUESTS, 0), ["b"]);
        log.trim(REQUESTS, 0, 2).unwrap();
    }
    let log = log(dir.path());
    assert_eq!(log.end(REQUESTS, 0), 2, "offsets go on after everything was deleted");
}

#[test]
fn null_and_empty_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path());
    let null = Outgoing::new(REQUESTS, 0, RawRecord::default());
    let mut empty = null.clone();
    empty.record.value = Some(Bytes::new());
    empty.record.key = Some(Bytes::from_static(b"\xff\x00"));
    append(&log, &[null.clone(), empty.clone()]);
    let read = log.read(REQUESTS, 0, 0, usize::MAX).unwrap();
    assert_eq!(
        read.into_iter().map(|fetched| fetched.record).collect::<Vec<_>>(),
        [null.record, empty.record]
    );
}

/// If this fails, rows are no longer what they were: raise `FORMAT` in `state/store.rs`, and put the new bytes here.
#[test]
fn rows_of_topics_are_what_the_format_of_the_store_says() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path());
    append(&log, &[record(RESULTS, 1, "a")]);
    let mut batch = log.store().batch();
    let position = Position { topic: RESULTS, partition: 1, offset: 258, metadata: "m".into() };
    log.put_position("g", &position, &mut batch);
    log.store().write(batch).unwrap();
    log.trim(RESULTS, 0, 1).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut found = vec![];
    for family in [Family::Log, Family::Positions] {
        let all = log.store().scan(family, &[], &[0xff; 8], |key, row| {
            found.push(format!("{} = {}", hex(key), hex(row)));
            true
        });
        all.unwrap();
    }
    assert_eq!(
        found,
        [
            "726573756c747300000000010000000000000000 = 2200010161010372756e027231",
            "65726573756c74730000000000 = 0000000000000000",
            "676700726573756c74730000000001 = 00000000000001026d",
        ]
    );
    assert_eq!(log.position("g", RESULTS, 1).unwrap().unwrap(), position);
}
