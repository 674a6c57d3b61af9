//! Why: without Kafka the same flow is to be at least as fast as with it.
//! What: results of realistic sizes (`on_kafka/results.rs`, JSON) in the topics of a process and on a running Kafka, joined by
//! the same program, in turns; from the start of the process until it says that all names are joined. Each name must have its
//! record once.
//! Knobs: NAMES, ROUNDS, SET of further settings for Kafka; needs a running Kafka (`scripts/servers/servers.sh up`).

mod on_kafka;
mod paired;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use domainflow::clock::{Clock as _, SystemClock};
use domainflow::codec::Format;
use domainflow::flow::topics;
use domainflow::io::embedded::Log;
use domainflow::io::{Headers, Outgoing, RawRecord, Topics, partition_of};
use domainflow::state::{Store, StoreOptions};
use on_kafka::backlog::{Backlog, RATE};
use on_kafka::results::{Made, TOPICS, make, run_of};
use on_kafka::{Job, flow, knob, name_of, number_of, sum_of};
use paired::Cost;

const NAMES: usize = 20_000;
const ROUNDS: usize = 3;
const PARTITIONS: usize = 8;
/// How the topics begin.
const PREFIX: &str = "bench";
/// Results that are appended at once.
const PIECE: usize = 500;
/// Bytes of records that are read at once.
const READ: usize = 16 << 20;

fn main() {
    let (names, rounds) = (knob("NAMES", NAMES), knob("ROUNDS", ROUNDS));
    let backlog = Backlog::write(Format::Json, PARTITIONS, names, RATE);
    let bytes = backlog.bytes.iter().sum::<usize>() / names;
    let mut on_kafka = || {
        let output = backlog.output();
        let cost = until_joined(&backlog.join(&output), names);
        backlog.joined(&output).once();
        cost
    };
    let what = format!("{names} names of {bytes} B");
    paired::in_turns(
        &what,
        names,
        rounds,
        &mut [("embedded", &mut || embedded(names)), ("Kafka", &mut on_kafka)],
    );
}

fn embedded(names: usize) -> Cost {
    let spec = flow(include_str!("../dataflows/join.yaml"), PREFIX, PREFIX);
    let plan = domainflow::spec::parse("flow.yaml", &spec, Format::Json).expect("a dataflow");
    let topics = topics(&plan, PARTITIONS as u32);
    let partitions = format!("topics.partitions={PARTITIONS}");
    let settings = ["topics.format=json", &partitions];
    let mut job = Job::embedded(&spec, &settings, |state| fill(&open(state, topics.clone()), names));
    let cost = until_joined(&job, names);
    job.stop();
    check(&open(&job.state(), topics), names);
    cost
}

/// The topics in a folder of state.
fn open(state: &Path, topics: Topics) -> Log {
    let store = Store::open(&state.join("db"), StoreOptions::default()).expect("a store");
    Log::open(store, topics).expect("topics")
}

fn fill(log: &Log, names: usize) {
    let of = TOPICS.map(|topic| log.topics().find(&format!("{PREFIX}.{topic}")).expect("a topic"));
    let mut piece: Vec<Outgoing> = vec![];
    let append = |piece: &mut Vec<Outgoing>| {
        log.append(piece, log.store().batch()).expect("room");
        piece.clear();
    };
    let put = |(time, name, topic, key, value): Made| {
        let mut headers = Headers::default();
        headers.push("domainflow-run", run_of(name));
        let partition = partition_of(name_of(name).as_bytes(), PARTITIONS as u32);
        let record = RawRecord { key: Some(Bytes::from(key)), value: Some(value), headers, time };
        piece.push(Outgoing::new(of[topic], partition, record));
        if piece.len() == PIECE {
            append(&mut piece);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(make(&on_kafka::registry(), PREFIX, Format::Json, (names, RATE), put));
    append(&mut piece);
}

/// Each name has its record, once.
fn check(log: &Log, names: usize) {
    let topic = log.topics().find(&format!("{PREFIX}.all_collected_data")).expect("a topic");
    let mut seen = vec![false; names];
    for partition in 0..PARTITIONS as u32 {
        let (mut next, end) = (0, log.end(topic, partition));
        while next < end {
            for fetched in log.read(topic, partition, next, READ).expect("records") {
                let number = number_of(fetched.record.key.as_deref().expect("a key"));
                assert!(!std::mem::replace(&mut seen[number], true), "name {number} twice");
                next = fetched.offset + 1;
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen), "names are lost");
}

fn until_joined(job: &Job, names: usize) -> Cost {
    job.wait("all names joined", |status| sum_of(status, "complete") == names);
    let wall = (SystemClock.now() - job.started) as f64 / 1e3;
    // The last cut.
    std::thread::sleep(Duration::from_millis(500));
    Cost { wall, processor: job.cpu(), memory: Some(job.peak_memory()) }
}
