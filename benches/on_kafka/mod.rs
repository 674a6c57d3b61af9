//! A flow as processes on a running Kafka (`scripts/servers/servers.sh up`), with topics of its own in JSON. Next: `job.rs`
//! (one process), `join.rs` (the join alone, whose parts are written one by one), `backlog.rs` (the join alone, whose results
//! lie ready: `results.rs`), `lab.rs` (what collectors ask).

#![allow(dead_code, reason = "each bench uses a part")]

pub mod backlog;
mod job;
pub mod join;
pub mod lab;
pub mod results;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use job::Job;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{DefaultProducerContext, ThreadedProducer};

/// Prefixes of this process: each has topics of its own.
static PREFIXES: AtomicUsize = AtomicUsize::new(0);

/// Where the brokers listen.
pub fn brokers() -> String {
    server("KAFKA_BOOTSTRAP=")
}

/// Where the schema registry listens.
pub fn registry() -> String {
    server("REGISTRY_URL=")
}

fn server(what: &str) -> String {
    let servers = Command::new("scripts/servers/servers.sh").arg("env").output().expect("the script runs");
    let servers = String::from_utf8_lossy(&servers.stdout).into_owned();
    let server = servers.lines().find_map(|line| line.strip_prefix(what));
    server.expect("servers run: scripts/servers/servers.sh up").to_owned()
}

/// Makes a topic with settings of its own.
pub fn create_topic(brokers: &str, topic: &str, partitions: usize, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
    let made = on_admin(brokers, async |admin| admin.create_topics([&new], &AdminOptions::new()).await);
    made[0].as_ref().expect("a topic that nobody has yet");
}

/// Deletes a topic.
pub fn delete_topic(brokers: &str, topic: &str) {
    let gone = on_admin(brokers, async |admin| admin.delete_topics(&[topic], &AdminOptions::new()).await);
    gone[0].as_ref().expect("the topic is there");
}

fn on_admin(
    brokers: &str,
    ask: impl AsyncFnOnce(&AdminClient<DefaultClientContext>) -> KafkaResult<Vec<TopicResult>>,
) -> Vec<TopicResult> {
    let admin = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(ask(&admin)).expect("the brokers answer")
}

/// A prefix for topics that nobody has yet.
pub fn prefix() -> String {
    format!("bench-{}-{}", std::process::id(), PREFIXES.fetch_add(1, Ordering::Relaxed))
}

/// A flow named `name`, whose topics begin with `prefix` and a dot.
pub fn flow(text: &str, name: &str, prefix: &str) -> String {
    let mut spec = String::new();
    for line in text.lines() {
        spec.push_str(&if line.starts_with("name:") { format!("name: {name}") } else { line.to_owned() });
        spec.push('\n');
    }
    for topic in ["to_process_", "processed_", "collected_IP_data", "all_collected_data"] {
        spec = spec.replace(&format!(" {topic}"), &format!(" {prefix}.{topic}"));
    }
    spec + &format!("\ndead_letters: {prefix}.dead_letters\n")
}

/// A producer that takes whatever comes and holds it back for so many milliseconds. Beyond a few requests at once it waits,
/// so that a busy broker gets fewer and larger ones.
pub fn producer(brokers: &str, linger: u32) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", linger.to_string())
        .set("max.in.flight.requests.per.connection", "4")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "10000000")
        .create()
        .expect("a producer")
}

/// What a knob of the environment says, or what it usually is.
pub fn knob(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// How records are packed by everybody: what COMPRESSION says.
pub fn compression() -> String {
    std::env::var("COMPRESSION").unwrap_or("lz4".to_owned())
}

/// A knob that is a list.
pub fn list(name: &str, usual: &str) -> Vec<usize> {
    let text = std::env::var(name).unwrap_or(usual.to_owned());
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The sum of all numbers that follow `key` in a status.
pub fn sum_of(status: &str, key: &str) -> usize {
    let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok();
    status.split(&format!("\"{key}\":")).skip(1).filter_map(digits).sum()
}

/// The name with this number.
pub fn name_of(number: usize) -> String {
    format!("n{number:08}-bench.cz")
}

/// The number of a name.
pub fn number_of(name: &[u8]) -> usize {
    std::str::from_utf8(&name[1..9]).ok().and_then(|digits| digits.parse().ok()).expect("a name of a bench")
}
