//! Records of every size through a transport with a limit, in both formats: each comes out whole, with its page cut, or as a
//! dead letter; none is missing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::*;
use crate::clock::{ManualClock, SharedClock};
use crate::codec::{FolderRegistry, Format, Schemas, TopicCodec, Wire};
use crate::flow::dead_letter::{Letter, Place};
use crate::io::embedded::{Embedded, Log};
use crate::io::{Cut, Fetched, RawRecord, Transport};
use crate::model::{AllCollectedData, DNSResult, Status, TLSResult, Timestamp};
use crate::state::Store;

const FLOW: &str = include_str!("../../../dataflows/domainradar.yaml");
const LIMIT: usize = 16 << 10;

/// The topics of a flow, and what came of the records that were written.
struct Written {
    _dir: tempfile::TempDir,
    log: Log,
    schemas: Schemas,
    meters: Arc<Meters>,
}

impl Written {
    fn new(format: Format, records: impl FnOnce(&Self) -> Vec<Outgoing>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plan = crate::spec::parse("flow.yaml", FLOW, format).unwrap();
        let topics = crate::flow::topics(&plan, 1);
        let log = Log::open(Store::open(dir.path(), Default::default()).unwrap(), topics.clone()).unwrap();
        let schemas = Schemas::new(Arc::new(FolderRegistry::open(dir.path().join("schemas")).unwrap()));
        let clock: SharedClock = Arc::new(ManualClock::at(99));
        let meters = Arc::new(Meters::new("f", [], clock.clone()));
        let letters =
            DeadLetters::new(topics.clone(), topics.find("dead_letters").unwrap(), meters.clone(), clock);
        let instead = Oversize::new(&plan, &topics, letters, meters.clone()).instead();
        let written = Self { _dir: dir, log, schemas, meters };
        let mut committer = Embedded::new(written.log.clone(), "g", LIMIT).committer(0, instead).unwrap();
        committer.send(records(&written)).unwrap();
        committer.commit(Cut { positions: vec![], state: None }).unwrap();
        written
    }

    fn topic(&self, name: &str) -> Topic {
        self.log.topics().find(name).unwrap()
    }

    fn codec<T: Wire>(&self, format: Format, topic: &str) -> TopicCodec<T> {
        TopicCodec::new(format, topic, &self.schemas).now_or_never().unwrap().unwrap()
    }

    fn record<T: Wire>(&self, format: Format, topic: &str, key: &str, value: &T) -> Outgoing {
        let value = Some(self.codec(format, topic).encode(value).unwrap());
        let record = RawRecord { key: Some(key.to_owned().into()), value, time: 7, ..RawRecord::default() };
        Outgoing::new(self.topic(topic), 0, record)
    }

    fn read(&self, topic: &str) -> Vec<Fetched> {
        self.log.read(self.topic(topic), 0, 0, usize::MAX).unwrap()
    }

    /// Key, header and record of everything in a topic, each within the limit.
    fn values<T: Wire>(&self, format: Format, topic: &str) -> Vec<(Bytes, Option<String>, T)> {
        let codec = self.codec::<T>(format, topic);
        let read = |fetched: Fetched| {
            assert!(fetched.record.bytes() <= LIMIT);
            let value = codec.decode(&fetched.record.value.unwrap()).now_or_never().unwrap().unwrap();
            (fetched.record.key.unwrap(), fetched.record.headers.text(CUT).map(str::to_owned), value)
        };
        self.read(topic).into_iter().map(read).collect()
    }

    fn letters(&self) -> Vec<Letter> {
        let topic = self.topic("dead_letters");
        let read = |fetched: Fetched| {
            assert!(fetched.record.bytes() <= LIMIT);
            Letter::read(Place { topic, partition: 0, offset: fetched.offset }, fetched.record)
        };
        self.read("dead_letters").into_iter().map(read).collect()
    }
}

fn tls(html: Option<String>, error: Option<String>) -> TLSResult {
    let (status_code, last_attempt) = (Status::OK, Timestamp(1));
    TLSResult {
        status_code,
        error,
        last_attempt,
        tls_data: None,
        final_http_code: None,
        html,
        html_cut: false,
    }
}

fn joined(tls_result: TLSResult) -> AllCollectedData {
    let dns_result = DNSResult {
        status_code: Status::OK,
        error: None,
        last_attempt: Timestamp(1),
        dns_data: None,
        ips: None,
    };
    AllCollectedData {
        zone: None,
        dns_result,
        tls_result: Some(tls_result),
        rdap_domain_result: None,
        ip_results: None,
        label: Some("behind the page".to_owned()),
        missing: None,
    }
}

/// A text of several bytes a character, so that most cuts would be inside of one.
fn text(bytes: usize) -> Option<String> {
    Some("\u{20ac}".repeat(bytes / 3))
}

#[test]
fn each_record_is_whole_or_cut_or_a_dead_letter() {
    for format in [Format::Avro, Format::Json] {
        let records = [
            ("small", tls(text(1000), None)),
            ("page", tls(text(LIMIT * 2), None)),
            ("near", tls(text(LIMIT - 20), None)),
            ("both", tls(text(LIMIT), text(LIMIT - 600))),
            ("error", tls(text(100), text(LIMIT * 2))),
            ("no page", tls(None, text(LIMIT))),
        ];
        let written = Written::new(format, |written| {
            let results = records.iter().map(|(key, tls)| written.record(format, "processed_TLS", key, tls));
            let joined = records
                .iter()
                .map(|(key, tls)| written.record(format, "all_collected_data", key, &joined(tls.clone())));
            results.chain(joined).collect()
        });
        let results: Vec<_> = written.values::<TLSResult>(format, "processed_TLS");
        let of_joined = written.values::<AllCollectedData>(format, "all_collected_data");
        let of_joined: Vec<_> = of_joined
            .into_iter()
            .map(|(key, cut, record)| {
                assert_eq!(record.label.as_deref(), Some("behind the page"));
                (key, cut, record.tls_result.unwrap())
            })
            .collect();
        for kept in [results, of_joined] {
            let kept: Vec<_> = kept
                .iter()
                .zip(&records)
                .map(|((key, cut, record), (expected, before))| {
                    assert_eq!((&key[..], &record.error), (expected.as_bytes(), &before.error), "{format:?}");
                    let (page, whole) = (record.html.clone().unwrap(), before.html.clone().unwrap());
                    assert_eq!(cut.as_deref(), (page.len() < whole.len()).then_some(CUT_PAGE), "{expected}");
                    assert!(whole.starts_with(&page));
                    page.len()
                })
                .collect();
            let [small, page, near, both] = kept[..] else { panic!("{kept:?}") };
            // As much of the page is kept as fits.
            let room = LIMIT - 500..LIMIT;
            assert!(small == 999 && room.contains(&page) && room.contains(&near), "{kept:?}");
            assert!(both < 600, "{kept:?}");
        }
        let letters = written.letters();
        let told: Vec<_> = letters
            .iter()
            .map(|letter| {
                assert_eq!((letter.code.as_str(), letter.cut.as_str()), ("record-too-large", "value"));
                let key = letter.record.key.clone().unwrap();
                (letter.topic.clone(), String::from_utf8(key.to_vec()).unwrap())
            })
            .collect();
        let expected: Vec<_> = ["processed_TLS", "all_collected_data"]
            .iter()
            .flat_map(|topic| ["error", "no page"].map(|key| ((*topic).to_owned(), key.to_owned())))
            .collect();
        assert_eq!(told, expected, "{format:?}");
        assert_eq!(written.meters.dead_letters(), [("record-too-large", 4)].into());
    }
}

/// What cannot be read and is larger than a letter may be still has its letter, even when its key is what is large.
#[test]
fn a_letter_that_is_too_large_says_where_its_record_is() {
    let large = Bytes::from(vec![b'x'; LIMIT]);
    let written = Written::new(Format::Json, |written| {
        let letters = DeadLetters::new(
            written.log.topics().clone(),
            written.topic("dead_letters"),
            written.meters.clone(),
            Arc::new(ManualClock::at(99)),
        );
        let place = |offset| Place { topic: written.topic("processed_TLS"), partition: 0, offset };
        let error = crate::codec::DecodeError::Missing;
        let record = |key: &Bytes, value: &Bytes| RawRecord {
            key: Some(key.clone()),
            value: Some(value.clone()),
            ..RawRecord::default()
        };
        vec![
            letters.value("join", place(5), record(&"k".into(), &large), &error),
            letters.value("join", place(6), record(&large, &large), &error),
        ]
    });
    let letters = written.letters();
    let told: Vec<_> = letters
        .iter()
        .map(|letter| (letter.offset, letter.code.as_str(), letter.cut.as_str(), letter.record.key.is_some()))
        .collect();
    let code = "value-missing";
    assert_eq!(told, [(5, code, "value", true), (6, code, "value, key, headers", false)]);
    assert!(letters.iter().all(|letter| letter.topic == "processed_TLS"));
}

/// A broker that refuses a record and does not say why is offered less of the page each time, at last a letter.
#[test]
fn a_broker_that_does_not_tell_its_limit_is_offered_less_and_less() {
    let written = Written::new(Format::Avro, |_| vec![]);
    let plan = crate::spec::parse("flow.yaml", FLOW, Format::Avro).unwrap();
    let topics = written.log.topics().clone();
    let letters = DeadLetters::new(
        topics.clone(),
        written.topic("dead_letters"),
        written.meters.clone(),
        Arc::new(ManualClock::at(99)),
    );
    let instead = Oversize::new(&plan, &topics, letters, written.meters.clone()).instead();
    let error = crate::io::IoError::TooLarge { topic: "processed_TLS".to_owned(), bytes: 0 };
    let mut outgoing = written.record(Format::Avro, "processed_TLS", "k", &tls(text(LIMIT), None));
    let mut sizes = vec![outgoing.record.bytes()];
    while outgoing.topic != written.topic("dead_letters") {
        outgoing = instead(Rejected { record: outgoing, room: None, error: &error }).unwrap();
        sizes.push(outgoing.record.bytes());
    }
    assert!((8..20).contains(&sizes.len()), "{sizes:?}");
    assert!(
        sizes[..5].windows(2).all(|pair| (pair[0] / 2 - 10..pair[0] / 2 + 30).contains(&pair[1])),
        "{sizes:?}"
    );
}
