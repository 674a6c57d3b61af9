//! Why: the join is to be nearly as fast as a client that only moves the bytes, with deadlines, exactly-once and state on disk.
//! What: result topics that lie ready (`peers/results.rs`), joined by a process on a running Kafka, gathered by a bare librdkafka
//! loop (`peers/gather.rs`), and joined by bytewax in two processes (`peers/join.py`, JSON only), in turns. From the start of
//! the process to the broker's time of its last record; each must have given every name once. Rounds are told as they end.
//! Knobs: NAMES, ROUNDS, RATE of names a second by the times of their results, FORMATS, SET of further settings; needs Kafka.

#![expect(clippy::print_stderr, reason = "rounds are told beside the table")]

#[path = "peers/gather.rs"]
mod gather;
mod on_kafka;
mod peers;
#[path = "peers/results.rs"]
mod results;

use std::process::Command;
use std::time::Duration;

use domainflow::clock::{Clock as _, Millis, SystemClock};
use domainflow::codec::Format;
use on_kafka::{Job, create_topic, flow, number_of, prefix};
use peers::Cost;
use peers::paired::in_turns;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use results::{PARTITIONS, Results, TOPICS};

const NAMES: usize = 40_000;
const ROUNDS: usize = 3;
/// What the whole flow does on such a machine; the names of five seconds are in their grace.
const RATE: usize = 300;

/// Says to a process of this bench that it gathers, and what.
const GATHER: [&str; 3] = ["BENCH_BROKERS", "BENCH_PREFIX", "BENCH_OUTPUT"];

fn main() {
    if let [Ok(brokers), Ok(prefix), Ok(output)] = GATHER.map(std::env::var) {
        return gather::gather(&brokers, &prefix, &output);
    }
    let knob =
        |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (names, rounds, rate) = (knob("NAMES", NAMES), knob("ROUNDS", ROUNDS), knob("RATE", RATE));
    let formats = std::env::var("FORMATS").unwrap_or("json avro".to_owned());
    let (brokers, registry) = (on_kafka::brokers(), on_kafka::registry());
    let bytewax = peers::peer("bytewax");
    for format in
        [Format::Json, Format::Avro].into_iter().filter(|format| formats.contains(&format.to_string()))
    {
        let topics = prefix();
        TOPICS.iter().for_each(|topic| create_topic(&brokers, &format!("{topics}.{topic}"), PARTITIONS, &[]));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let results = Results::write(&brokers, &registry, topics, format, names, rate);
        let results = runtime.block_on(results);
        let bytes = results.bytes.iter().sum::<usize>() / names;
        let bench = Bench { brokers: brokers.clone(), registry: registry.clone(), results, format };
        let gather = || std::env::current_exe().map(Command::new).expect("a program");
        let python = || {
            let mut command = Command::new(&bytewax);
            command.args(["-m", "bytewax.testing", "benches/peers/join.py:flow", "-p", "2"]);
            command
        };
        let (mut ours, mut gathers) = (|| bench.ours(), || bench.other("gather", gather()));
        let mut theirs = || bench.other("bytewax", python());
        let ways: &mut [peers::paired::Way<'_>] =
            &mut [("join", &mut ours), ("gather", &mut gathers), ("bytewax", &mut theirs)];
        let ways = if format == Format::Json { ways } else { &mut ways[..2] };
        in_turns(&format!("{names} names of {bytes} B, {format}"), names, rounds, ways);
        for topic in TOPICS {
            on_kafka::delete_topic(&brokers, &format!("{}.{topic}", bench.results.prefix));
        }
    }
}

/// What all ways share.
struct Bench {
    brokers: String,
    registry: String,
    results: Results,
    format: Format,
}

impl Bench {
    /// A topic for what a way writes; its broker tells when.
    fn output(&self) -> String {
        let topic = format!("{}.all", prefix());
        create_topic(&self.brokers, &topic, PARTITIONS, &[("message.timestamp.type", "LogAppendTime")]);
        topic
    }

    fn ours(&self) -> Cost {
        let (output, prefix) = (self.output(), &self.results.prefix);
        let spec = flow(include_str!("../dataflows/join.yaml"), &output, prefix);
        let spec = spec.replace(&format!("{prefix}.all_collected_data"), &output);
        let (format, registry) =
            (format!("topics.format={}", self.format), format!("registry.url={}", self.registry));
        let mut settings = vec![format, registry, format!("topics.partitions={PARTITIONS}")];
        settings
            .extend(std::env::var("SET").iter().flat_map(|set| set.split_whitespace()).map(str::to_owned));
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let job = Job::start(&self.brokers, &spec, &settings);
        let complete = format!("\"complete\":{}", self.results.bytes.len());
        job.wait("all names joined", |status| status.contains(&complete));
        // The last cut.
        std::thread::sleep(Duration::from_millis(500));
        let mut cost = Cost { wall: 0.0, processor: job.cpu(), memory: Some(job.peak_memory()) };
        cost.wall = self.read_back("join", &output, job.started, cost);
        cost
    }

    fn other(&self, what: &str, mut command: Command) -> Cost {
        let (output, started) = (self.output(), SystemClock.now());
        command.envs(GATHER.into_iter().zip([&self.brokers, &self.results.prefix, &output]));
        let mut cost = peers::watch(command);
        cost.wall = self.read_back(what, &output, started, cost);
        cost
    }

    /// Checks that every name is in the topic once and whole, and tells how long after the start the last came.
    fn read_back(&self, what: &str, topic: &str, started: Millis, cost: Cost) -> f64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", topic)
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut from = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            from.add_partition_offset(topic, partition as i32, Offset::Beginning).expect("an offset");
        }
        consumer.assign(&from).expect("a topic");
        let (mut seen, mut first, mut last) = (vec![false; self.results.bytes.len()], i64::MAX, 0);
        for _ in 0..seen.len() {
            let message = consumer.poll(Duration::from_secs(20)).expect("a record").expect("a record");
            let number = number_of(message.key().expect("a key"));
            assert!(!std::mem::replace(&mut seen[number], true), "{what}: name {number} twice");
            // What a record has of its own is shorter than what it leaves out, or a little longer.
            let (bytes, parts) = (message.payload_len(), self.results.bytes[number]);
            assert!(bytes.abs_diff(parts) < 700, "{what}: {bytes} bytes of {parts}");
            if let Some(headers) = message.headers() {
                let whole = |header: rdkafka::message::Header<'_, &[u8]>| {
                    header.key != "domainflow-complete" || header.value == Some(b"true")
                };
                assert!(headers.iter().all(whole), "{what}: name {number} is not whole");
            }
            let time = message.timestamp().to_millis().expect("a time");
            (first, last) = (first.min(time), last.max(time));
        }
        assert!(consumer.poll(Duration::from_secs(1)).is_none(), "{what}: more records than names");
        on_kafka::delete_topic(&self.brokers, topic);
        let seconds = |time: i64| (time - started) as f64 / 1e3;
        eprintln!(
            "{what}: {:.2} s, first record at {:.2} s, {:.2} CPU s, {:.0} MB",
            seconds(last),
            seconds(first),
            cost.processor,
            cost.memory.unwrap_or_default()
        );
        seconds(last)
    }
}
