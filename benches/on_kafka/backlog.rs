//! Results that lie ready on Kafka, processes that join them, and what is in the topic of their records afterwards.

use std::time::{Duration, Instant};

use domainflow::clock::Millis;
use domainflow::codec::Format;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::results::{TOPICS, write};
use super::{Job, brokers, compression, create_topic, delete_topic, flow, number_of, prefix, registry};

/// Names a second of which results come: what the whole flow does on such a machine. Those of five seconds are in their grace.
pub const RATE: usize = 300;

/// How long nothing may come before it is taken that nothing will.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long it is looked for more records than there should be.
const MORE: Duration = Duration::from_secs(1);

/// Results in topics of their own, which go when this is dropped.
pub struct Backlog {
    pub brokers: String,
    /// How the topics begin.
    pub prefix: String,
    /// Bytes of the results of each name.
    pub bytes: Vec<usize>,
    pub partitions: usize,
    registry: String,
    format: Format,
}

/// What is in a topic of joined records.
pub struct Joined {
    /// When each record was appended, by the broker's clock, in order.
    pub times: Vec<Millis>,
    /// Names without a record.
    pub lost: usize,
    /// Records beyond the first of a name.
    pub twice: usize,
}

impl Backlog {
    /// Writes the results of so many names, of which `rate` have come in a second by the times of their results.
    pub fn write(format: Format, partitions: usize, names: usize, rate: usize) -> Self {
        let (brokers, registry, prefix) = (brokers(), registry(), prefix());
        let create = |topic: &&str| create_topic(&brokers, &format!("{prefix}.{topic}"), partitions, &[]);
        TOPICS.iter().for_each(create);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let written = write(&brokers, &registry, &prefix, format, partitions, (names, rate));
        let bytes = runtime.block_on(written);
        Self { brokers, prefix, bytes, partitions, registry, format }
    }

    pub fn names(&self) -> usize {
        self.bytes.len()
    }

    /// A topic for joined records, whose broker tells when they came.
    pub fn output(&self) -> String {
        let topic = format!("{}.all", prefix());
        let settings = [("message.timestamp.type", "LogAppendTime")];
        create_topic(&self.brokers, &topic, self.partitions, &settings);
        topic
    }

    /// Starts a process that joins everything to `output`, in a group of this output; further settings are in SET.
    pub fn join(&self, output: &str) -> Job {
        let spec = flow(include_str!("../../dataflows/join.yaml"), output, &self.prefix);
        let spec = spec.replace(&format!("{}.all_collected_data", self.prefix), output);
        let mut settings = vec![
            format!("topics.format={}", self.format),
            format!("registry.url={}", self.registry),
            format!("topics.partitions={}", self.partitions),
            format!("kafka.properties.compression.type={}", compression()),
        ];
        settings
            .extend(std::env::var("SET").iter().flat_map(|set| set.split_whitespace()).map(str::to_owned));
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        Job::spawn(&self.brokers, &spec, &settings)
    }

    /// When the first record was appended to `output`, as soon as it can be read.
    pub fn first(&self, output: &str) -> Millis {
        let reader = self.reader(output);
        let first = reader.poll(PATIENCE).expect("a record").expect("a record");
        first.timestamp().to_millis().expect("a time")
    }

    /// Reads what is committed to `output` until every name was there and nothing more is, then deletes the topic.
    pub fn joined(&self, output: &str) -> Joined {
        let (reader, mut seen) = (self.reader(output), vec![false; self.names()]);
        let (mut times, mut twice, mut last) = (vec![], 0, Instant::now());
        loop {
            let lost = seen.len() + twice - times.len();
            if last.elapsed() > if lost == 0 { MORE } else { PATIENCE } {
                delete_topic(&self.brokers, output);
                times.sort_unstable();
                return Joined { times, lost, twice };
            }
            let Some(message) = reader.poll(Duration::from_millis(100)) else { continue };
            let message = message.expect("a record");
            let number = number_of(message.key().expect("a key"));
            twice += usize::from(std::mem::replace(&mut seen[number], true));
            // What a record has of its own is shorter than what it leaves out, or a little longer.
            let (bytes, parts) = (message.payload_len(), self.bytes[number]);
            assert!(bytes.abs_diff(parts) < 700, "name {number}: {bytes} bytes of {parts}");
            let whole = |header: rdkafka::message::Header<'_, &[u8]>| {
                header.key != "domainflow-complete" || header.value == Some(b"true")
            };
            let headers = message.headers();
            assert!(headers.is_none_or(|all| all.iter().all(whole)), "name {number} is not whole");
            times.push(message.timestamp().to_millis().expect("a time"));
            last = Instant::now();
        }
    }

    fn reader(&self, output: &str) -> BaseConsumer {
        let reader: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", output)
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .create()
            .expect("a consumer");
        let mut from = TopicPartitionList::new();
        for partition in 0..self.partitions {
            from.add_partition_offset(output, partition as i32, Offset::Beginning).expect("an offset");
        }
        reader.assign(&from).expect("a topic");
        reader
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        TOPICS.iter().for_each(|topic| delete_topic(&self.brokers, &format!("{}.{topic}", self.prefix)));
    }
}

impl Joined {
    /// Makes sure that each name is there once, and tells when the first and the last came.
    pub fn once(&self) -> (Millis, Millis) {
        assert_eq!((self.lost, self.twice), (0, 0), "names lost, names twice");
        (self.times[0], self.times[self.times.len() - 1])
    }
}
