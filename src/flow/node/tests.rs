//! One outcome for every record, whatever is in it and whatever becomes of the call.

use super::*;
use crate::clock::ManualClock;
use crate::codec::{FolderRegistry, Format, Schemas};
use crate::flow::dead_letter::Letter;
use crate::io::Topics;
use crate::model::{CommonIPResult, IPRequest, TLSResult, Timestamp};
use crate::telemetry::Meters;

const REQUESTS: Topic = Topic(0);
const RESULTS: Topic = Topic(1);
const LETTERS: Topic = Topic(2);
const LIMIT: Duration = Duration::from_secs(300);

/// Does what the request says.
struct Obedient;

impl Collector for Obedient {
    const NAME: &'static str = "obedient";
    type Request = String;
    type Record = TLSResult;

    async fn collect(&self, _subject: &Subject, request: Option<String>) -> TLSResult {
        let html_cut = match request.as_deref() {
            Some("never end") => std::future::pending().await,
            Some("cut") => true,
            _ => false,
        };
        let (status_code, last_attempt) = (Status::OK, Timestamp(1));
        TLSResult {
            status_code,
            error: None,
            last_attempt,
            tls_data: None,
            final_http_code: None,
            html: request,
            html_cut,
        }
    }
}

/// Says that it found out at the time that is the address.
struct Earlier;

impl Collector for Earlier {
    const NAME: &'static str = "obedient";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let record = CommonIPResult::without_data(Verdict::ok(9), subject, Self::NAME);
        let found = subject.address.as_deref().and_then(|time| time.parse().ok());
        CommonIPResult { found: found.map(Timestamp), ..record }
    }
}

fn node(dir: &std::path::Path) -> (Arc<Node<Obedient>>, Arc<Meters>) {
    node_of(Obedient, SubjectKind::Name, dir)
}

fn node_of<C>(collector: C, subject: SubjectKind, dir: &std::path::Path) -> (Arc<Node<C>>, Arc<Meters>)
where
    C: Collector<Request: Wire, Record: Wire>,
{
    let clock: SharedClock = Arc::new(ManualClock::at(1));
    let topics = Topics::new(["requests", "results", "letters"].map(str::to_owned), 4);
    let schemas = Schemas::new(Arc::new(FolderRegistry::open(dir).unwrap()));
    let meters = Arc::new(Meters::new("f", ["obedient".to_owned()], clock.clone()));
    let node = Node {
        collector: Arc::new(collector),
        subject,
        requests: codec("requests", &schemas),
        results: To { topic: RESULTS, codec: codec("results", &schemas) },
        follow_ups: FollowUps::default(),
        starts_runs: true,
        topics: topics.clone(),
        limit: LIMIT,
        dead_letters: Some(DeadLetters::new(topics, LETTERS, meters.clone(), clock.clone())),
        meter: meters.node("obedient").unwrap().clone(),
        clock,
    };
    (Arc::new(node), meters)
}

fn codec<T: Wire>(topic: &str, schemas: &Schemas) -> TopicCodec<T> {
    TopicCodec::new(Format::Json, topic, schemas).now_or_never().unwrap().unwrap()
}

fn job(key: &'static [u8], value: Option<&'static [u8]>) -> Job {
    let record = RawRecord {
        key: Some(Bytes::from_static(key)),
        value: value.map(Bytes::from_static),
        ..RawRecord::default()
    };
    Job { place: Place { topic: REQUESTS, partition: 3, offset: 12 }, record }
}

/// The status of each result, and the code of each dead letter.
fn told(outputs: &[Outgoing]) -> Vec<String> {
    let told = |output: &Outgoing| match output.topic {
        RESULTS => {
            let value = output.record.value.as_ref().unwrap();
            let json: serde_json::Value = serde_json::from_slice(value).unwrap();
            assert!(output.record.headers.text(RUN).is_some());
            json["statusCode"].to_string()
        }
        _ => {
            let place = Place { topic: LETTERS, partition: 3, offset: 0 };
            let letter = Letter::read(place, output.record.clone());
            assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), ("requests", 3, 12));
            letter.code
        }
    };
    outputs.iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn each_request_has_one_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let (node, meters) = node(dir.path());
    let status = |status: Status| status.0.to_string();
    for (case, key, value, expected) in [
        ("well", &b"a.cz"[..], Some(&b"x"[..]), vec![status(Status::OK)]),
        ("no value", b"a.cz", None, vec![status(Status::OK)]),
        ("a call that does not end", b"a.cz", Some(b"never end"), vec![status(Status::TIMEOUT)]),
        (
            "no request",
            b"a.cz",
            Some(b"\xff"),
            vec![status(Status::INVALID_MESSAGE), "value-malformed".to_owned()],
        ),
        ("no name", b"\xff", Some(b"x"), vec!["key-not-text".to_owned()]),
        ("no key", b"", None, vec!["key-missing".to_owned()]),
    ] {
        assert_eq!(told(&node.clone().run(job(key, value)).await), expected, "{case}");
    }
    let lost = node.lost(&job(b"a.cz", Some(b"x")));
    assert_eq!(told(&lost), [status(Status::INTERNAL_ERROR)], "a call that panicked");
    assert!(node.lost(&job(b"\xff", None)).is_empty(), "never called");
    let meter = meters.node("obedient").unwrap();
    assert_eq!((meter.running.load(Ordering::Relaxed), meter.done()), (0, 5));
}

#[tokio::test]
async fn a_page_that_its_collector_has_cut_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = node(dir.path());
    for (value, expected) in [(&b"cut"[..], Some(CUT_PAGE)), (b"whole", None)] {
        let outputs = node.clone().run(job(b"a.cz", Some(value))).await;
        assert_eq!(outputs[0].record.headers.text(CUT), expected);
    }
}

#[tokio::test]
async fn a_result_that_was_found_earlier_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (node, meters) = node_of(Earlier, SubjectKind::Address, dir.path());
    for (key, expected) in [
        (&br#"{"dn":"a.cz","ip":"1700000000000"}"#[..], Some("1700000000000")),
        (br#"{"dn":"a.cz","ip":"x"}"#, None),
    ] {
        let outputs = node.clone().run(job(key, None)).await;
        assert_eq!(
            (outputs.len(), outputs[0].record.headers.text(FOUND), outputs[0].record.time),
            (1, expected, 9)
        );
    }
    let meter = meters.node("obedient").unwrap();
    assert_eq!((meter.done(), meter.reused.load(Ordering::Relaxed)), (2, 1));
}
