//! The join alone on a running Kafka: parts are written one by one, and its records are read, by plain clients.

use std::ops::Range;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _};

use super::{Job, brokers, flow, name_of, number_of, prefix, producer, sum_of};

/// A running join.
pub struct Join {
    pub job: Job,
    brokers: String,
    prefix: String,
    /// Of last parts, and of those that have time: one request for each would keep the broker from all else.
    prompt: ThreadedProducer<DefaultProducerContext>,
    patient: ThreadedProducer<DefaultProducerContext>,
}

/// A part of a name.
#[derive(Clone, Copy)]
pub enum Part {
    Zone,
    Rdap,
    /// Without addresses, so that nothing more is needed.
    Dns,
}

/// What a name has before its last part.
pub const EARLIER: [Part; 2] = [Part::Zone, Part::Rdap];

/// How long names took from the writing of their last part to the reading of their record, and what that cost.
pub struct Latency {
    /// Of each name, the shortest first.
    took: Vec<Duration>,
    /// Of all of them together.
    pub seconds: f64,
    /// Cuts a second.
    pub cuts: f64,
    /// Processor seconds of the job for a name.
    pub cpu: f64,
}

/// How long it may take until all names are joined.
const LIMIT: Duration = Duration::from_secs(300);

impl Join {
    /// Makes topics and starts the job with further settings.
    pub fn start(settings: &[&str]) -> Self {
        let (brokers, prefix) = (brokers(), prefix());
        let spec = flow(include_str!("../../dataflows/join.yaml"), &prefix, &prefix);
        let job = Job::start(&brokers, &spec, settings);
        let (prompt, patient) = (producer(&brokers, 1), producer(&brokers, 100));
        Self { job, brokers, prefix, prompt, patient }
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
        let producer = if matches!(part, Part::Dns) { &self.prompt } else { &self.patient };
        while let Err((_, back)) = producer.send(record) {
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the brokers have everything.
    pub fn flush(&self) {
        for producer in [&self.patient, &self.prompt] {
            producer.flush(Duration::from_secs(300)).expect("the brokers take it");
        }
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

    /// Writes these parts of these names and waits until so many names are open.
    pub fn open(&self, names: Range<usize>, parts: &[Part], open: usize) {
        names.for_each(|name| parts.iter().for_each(|part| self.write(name, *part)));
        self.flush();
        self.job.wait("open names", |status| sum_of(status, "open") == open);
    }

    /// Writes the last parts of these names, `rate` a second, and reads their records with `reader`, whom nobody else's wait
    /// for. The first `open` of them are open; of the others the first parts are written so many names ahead.
    pub fn complete(&self, names: Range<usize>, open: usize, rate: f64, reader: &BaseConsumer) -> Latency {
        let (cpu, cuts, start) = (self.job.cpu(), self.job.counter("domainflow_cuts_total"), Instant::now());
        let (mut written, mut took) = (vec![start; names.len()], vec![]);
        let mut next = 0;
        while took.len() < names.len() {
            assert!(start.elapsed() < LIMIT, "{} of {} names were joined", took.len(), names.len());
            while next < names.len() && start.elapsed().as_secs_f64() >= next as f64 / rate {
                let name = names.start + next;
                let ahead = (name + open < names.end).then_some(name + open);
                ahead.iter().for_each(|name| EARLIER.iter().for_each(|part| self.write(*name, *part)));
                written[next] = Instant::now();
                self.write(name, Part::Dns);
                next += 1;
            }
            if let Some(Ok(message)) = reader.poll(Duration::from_millis(1)) {
                took.push(written[number_of(message.key().expect("a key")) - names.start].elapsed());
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        took.sort_unstable();
        Latency {
            took,
            seconds,
            cuts: (self.job.counter("domainflow_cuts_total") - cuts) / seconds,
            cpu: (self.job.cpu() - cpu) / names.len() as f64,
        }
    }
}

impl Latency {
    /// What so many percent of the names took at most, in milliseconds.
    pub fn at(&self, percent: usize) -> f64 {
        self.took[(self.took.len() - 1) * percent / 100].as_secs_f64() * 1e3
    }
}
