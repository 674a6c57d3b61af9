//! A flow as a process on a running Kafka (`scripts/servers/servers.sh up`), with topics of its own in JSON; and the join
//! alone, whose parts are written and whose records are read by plain clients.

#![allow(dead_code, reason = "each bench uses a part")]

pub mod lab;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domainflow::clock::{Clock as _, Millis, SystemClock};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

/// Prefixes of this process: each has topics of its own.
static PREFIXES: AtomicUsize = AtomicUsize::new(0);

/// Partitions of each topic.
const PARTITIONS: &str = "4";

/// A running job.
pub struct Job {
    /// When the process was started.
    pub started: Millis,
    process: Child,
    admin: String,
    dir: tempfile::TempDir,
}

/// A running join.
pub struct Join {
    pub job: Job,
    brokers: String,
    prefix: String,
    producer: ThreadedProducer<DefaultProducerContext>,
}

/// A part of a name.
#[derive(Clone, Copy)]
pub enum Part {
    Zone,
    Rdap,
    /// Without addresses, so that nothing more is needed.
    Dns,
}

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

/// A producer that takes whatever comes.
pub fn producer(brokers: &str) -> ThreadedProducer<DefaultProducerContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "1")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "10000000")
        .create()
        .expect("a producer")
}

impl Job {
    /// Makes topics and starts the job with further settings; it runs when this returns.
    pub fn start(brokers: &str, spec: &str, settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let flow = dir.path().join("flow.yaml");
        std::fs::write(&flow, spec).expect("a file");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
        let command = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_domainflow"));
            command.args(words).arg(&flow);
            for setting in [
                format!("kafka.bootstrap_servers={brokers}"),
                format!("topics.partitions={PARTITIONS}"),
                "topics.format=json".to_owned(),
                format!("admin.listen={port}"),
                format!("state.dir={}", dir.path().join("state").display()),
            ] {
                command.args(["--set", &setting]);
            }
            command.args(settings.iter().flat_map(|setting| ["--set", setting]));
            command.stdout(Stdio::null());
            command
        };
        assert!(command(&["topics", "create"]).status().expect("the program runs").success());
        let started = SystemClock.now();
        let process = command(&["run"]).spawn().expect("the program runs");
        let job = Self { started, process, admin: port.to_string(), dir };
        job.wait("readiness", |status| status.contains("\"health\":\"running\""));
        job
    }

    /// Waits until the job says so.
    pub fn wait(&self, what: &str, mut is: impl FnMut(&str) -> bool) {
        let since = Instant::now();
        while !self.page("/status").is_some_and(|status| is(&status)) {
            assert!(since.elapsed() < Duration::from_secs(900), "{what}: not in time");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A page of the admin port.
    pub fn page(&self, path: &str) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&self.admin).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    /// A counter of `/metrics`.
    pub fn counter(&self, name: &str) -> f64 {
        let metrics = self.page("/metrics").unwrap_or_default();
        let values = metrics.lines().filter(|line| line.starts_with(name));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Processor seconds of the job.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let ticks: f64 = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    /// Resident memory of the job now, in MB.
    pub fn memory(&self) -> f64 {
        self.in_memory("VmRSS:")
    }

    /// The most that it was, in MB.
    pub fn peak_memory(&self) -> f64 {
        self.in_memory("VmHWM:")
    }

    fn in_memory(&self, what: &str) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or(0.0) / 1024.0
    }

    /// Bytes of the store's files, in MB.
    pub fn store(&self) -> f64 {
        let files = std::fs::read_dir(self.dir.path().join("state/db")).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len() as f64)).sum::<f64>() / 1e6
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Join {
    /// Makes topics and starts the job with further settings.
    pub fn start(settings: &[&str]) -> Self {
        let (brokers, prefix) = (brokers(), prefix());
        let spec = flow(include_str!("../../dataflows/join.yaml"), &prefix, &prefix);
        let job = Job::start(&brokers, &spec, settings);
        let producer = producer(&brokers);
        Self { job, brokers, prefix, producer }
    }

    /// Writes a part of the name with this number; it is on its way when this returns.
    pub fn write(&self, name: usize, part: Part) {
        let (key, run) = (name_of(name), format!("run-{name}"));
        let (topic, value) = match part {
            Part::Zone => (
                "processed_zone",
                format!(
                    r#"{{"statusCode":0,"error":null,"lastAttempt":1,"zone":{{"zone":"{key}","soa":{{"primaryNS":"ns1.{key}","respMailboxDname":"hostmaster.{key}","serial":"1","refresh":7200,"retry":900,"expire":1209600,"minTTL":300}},"publicSuffix":"cz","hasDNSKEY":false,"primaryNameserverIPs":["192.0.2.1"],"secondaryNameservers":[],"secondaryNameserverIPs":[]}}}}"#
                ),
            ),
            Part::Rdap => (
                "processed_RDAP_DN",
                format!(
                    r#"{{"statusCode":0,"error":null,"lastAttempt":1,"rdapTarget":"{key}","whoisStatusCode":35,"rdapData":{{"objectClassName":"domain","ldhName":"{key}","padding":"{:400}"}},"entities":null,"whoisError":null,"whoisRaw":null,"whoisParsed":null}}"#,
                    ""
                ),
            ),
            Part::Dns => (
                "processed_DNS",
                r#"{"statusCode":0,"error":null,"lastAttempt":1,"dnsData":null,"ips":null}"#.to_owned(),
            ),
        };
        let topic = format!("{}.{topic}", self.prefix);
        let headers = rdkafka::message::OwnedHeaders::new()
            .insert(rdkafka::message::Header { key: "domainflow-run", value: Some(&run) });
        let mut record = BaseRecord::to(&topic).key(&key).payload(&value).headers(headers);
        while let Err((_, back)) = self.producer.send(record) {
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the brokers have everything.
    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(300)).expect("the brokers take it");
    }

    /// A consumer of the joined records that can be read.
    pub fn joined(&self) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", format!("{}-reader", self.prefix))
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "1")
            .create()
            .expect("a consumer");
        consumer.subscribe(&[&format!("{}.all_collected_data", self.prefix)]).expect("a topic");
        consumer
    }
}

/// The name with this number.
pub fn name_of(number: usize) -> String {
    format!("n{number:07}-bench.cz")
}

/// The number of a name.
pub fn number_of(name: &[u8]) -> usize {
    std::str::from_utf8(&name[1..8]).ok().and_then(|digits| digits.parse().ok()).expect("a name of a bench")
}
