//! A flow with topics of its own on the servers of the test run, written to and read as any client would: with librdkafka
//! and Avro, by the registry's schemas, nothing of our own code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use super::registry;
use crate::support::{PATIENCE, Running, free_port, run, text};

/// The script that starts and stops servers.
pub fn script() -> Command {
    Command::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/servers/servers.sh"))
}

/// Where servers listen: brokers, registry; from what the script says.
pub fn listening(shown: &str) -> Option<(String, String)> {
    let value = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    Some((value("KAFKA_BOOTSTRAP=")?, value("REGISTRY_URL=")?))
}

/// Where the servers of the test run listen: broker, registry.
pub fn servers() -> &'static (String, String) {
    static SERVERS: OnceLock<(String, String)> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let output = script().arg("env").output().unwrap();
        listening(&text(&output.stdout))
            .expect("Kafka and the registry do not run: `make test`, or scripts/servers/servers.sh up")
    })
}

/// The key and the value of a record.
pub type KeyValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A flow with topics and a group of its own.
pub struct Flow {
    pub dir: tempfile::TempDir,
    pub prefix: String,
    /// Brokers, registry.
    pub servers: (String, String),
}

impl Flow {
    /// Creates the topics of a flow whose names begin with `prefix`.
    pub fn new(prefix: &str, partitions: u32) -> Self {
        Self::on(servers().clone(), prefix, partitions, &[])
    }

    /// The same on other servers, with further settings of the topics.
    pub fn on(servers: (String, String), prefix: &str, partitions: u32, more: &[&str]) -> Self {
        Self::of(servers, prefix, partitions, include_str!("../../../dataflows/domainradar.yaml"), more)
    }

    /// The same of another dataflow, whose name is `domainradar`.
    pub fn of(servers: (String, String), prefix: &str, partitions: u32, spec: &str, more: &[&str]) -> Self {
        Self::counted(servers, prefix, partitions, spec, &[], more)
    }

    /// The same with topics that somebody else has made before, with other numbers of partitions.
    pub fn counted(
        servers: (String, String),
        prefix: &str,
        partitions: u32,
        spec: &str,
        theirs: &[(&str, i32)],
        more: &[&str],
    ) -> Self {
        let prefix = format!("{prefix}-{}", std::process::id());
        let flow = Self { dir: tempfile::tempdir().unwrap(), prefix, servers };
        let mut spec = spec.replace("name: domainradar", &format!("name: {}", flow.prefix));
        for topic in ["to_process_", "processed_", "collected_IP_data", "all_collected_data"] {
            for before in [" ", "["] {
                spec = spec.replace(&format!("{before}{topic}"), &format!("{before}{}.{topic}", flow.prefix));
            }
        }
        spec.push_str(&format!("\ndead_letters: {}\n", flow.topic("dead_letters")));
        std::fs::write(flow.dir.path().join("flow.yaml"), spec).unwrap();
        if !theirs.is_empty() {
            flow.make(theirs);
        }
        let partitions = format!("topics.partitions={partitions}");
        let created = run(&flow.command(&["topics", "create"], &[&["--set", &partitions], more].concat()));
        assert!(created.status.success(), "{}", text(&created.stderr));
        flow
    }

    fn admin<T>(&self, ask: impl AsyncFnOnce(AdminClient<DefaultClientContext>) -> T) -> T {
        let admin = ClientConfig::new().set("bootstrap.servers", &self.servers.0).create().unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ask(admin))
    }

    /// Makes topics with so many partitions.
    fn make(&self, topics: &[(&str, i32)]) {
        let names: Vec<String> = topics.iter().map(|(name, _)| self.topic(name)).collect();
        let new = names.iter().zip(topics);
        let new: Vec<_> =
            new.map(|(name, (_, count))| NewTopic::new(name, *count, TopicReplication::Fixed(1))).collect();
        let made = self.admin(async |admin| admin.create_topics(&new, &AdminOptions::new()).await.unwrap());
        made.into_iter().for_each(|topic| drop(topic.unwrap()));
    }

    /// Adds partitions to a topic, up to so many.
    pub fn grow(&self, topic: &str, count: usize) {
        let topic = self.topic(topic);
        let grown = [NewPartitions::new(&topic, count)];
        let done =
            self.admin(async |admin| admin.create_partitions(&grown, &AdminOptions::new()).await.unwrap());
        done.into_iter().for_each(|topic| drop(topic.unwrap()));
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    pub fn spec(&self) -> String {
        self.dir.path().join("flow.yaml").display().to_string()
    }

    /// The arguments of a command on the flow's file.
    pub fn command(&self, command: &[&str], more: &[&str]) -> Vec<&'static str> {
        let (broker, registry) = &self.servers;
        let mut arguments: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        arguments.push(self.spec());
        for setting in [
            format!("kafka.bootstrap_servers={broker}"),
            format!("registry.url={registry}"),
            format!("state.dir={}", self.dir.path().join("state").display()),
        ] {
            arguments.extend(["--set".to_owned(), setting]);
        }
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        // A few short texts for each process that a test starts.
        arguments.into_iter().map(|argument| &*Box::leak(argument.into_boxed_str())).collect()
    }

    /// Starts the job on the lab with its admin port.
    pub fn start(&self, scale: usize, partitions: u32, more: &[&str]) -> (Running, String) {
        self.start_with(scale, partitions, more, &[])
    }

    /// The same with environment variables.
    pub fn start_with(
        &self,
        scale: usize,
        partitions: u32,
        more: &[&str],
        variables: &[(&str, &str)],
    ) -> (Running, String) {
        let address = format!("127.0.0.1:{}", free_port());
        let (scale, partitions) = (scale.to_string(), format!("topics.partitions={partitions}"));
        let listen = format!("admin.listen={address}");
        let mut arguments = vec!["--lab", "--lab-scale", &scale, "--set", &partitions, "--set", &listen];
        arguments.extend(more);
        let running = Running::start_with(&self.command(&["run"], &arguments), variables);
        (running, address)
    }

    /// Writes records as a client would that puts them into the partitions of their names, as those of Java do.
    pub fn produce(&self, topic: &str, records: &[KeyValue<'_>]) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers.0)
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        let topic = self.topic(topic);
        for (key, value) in records {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&topic);
            (record.key, record.payload) = (*key, *value);
            producer.send(record).unwrap();
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// Writes a record once more, with its headers.
    pub fn copy(&self, topic: &str, message: &OwnedMessage) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", &self.servers.0).create().unwrap();
        let topic = self.topic(topic);
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&topic).partition(message.partition()).headers(message.headers().unwrap().clone());
        (record.key, record.payload) = (message.key(), message.payload());
        producer.send(record).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
    }

    fn member(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.servers.0)
            .set("group.id", format!("domainflow-{}", self.prefix))
            .create()
            .unwrap()
    }

    fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect()
    }

    /// Moves the flow's group to the end of a topic, while no member of it runs.
    pub fn skip(&self, topic: &str) {
        let (consumer, topic, mut list) = (self.member(), self.topic(topic), TopicPartitionList::new());
        for partition in Self::partitions(&consumer, &topic) {
            let (_, end) = consumer.fetch_watermarks(&topic, partition, PATIENCE).unwrap();
            list.add_partition_offset(&topic, partition, Offset::Offset(end)).unwrap();
        }
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Commits a position in all partitions of a topic, while no member of the group runs.
    pub fn commit(&self, topic: &str, offset: i64, metadata: &str) {
        let (consumer, topic, mut list) = (self.member(), self.topic(topic), TopicPartitionList::new());
        for partition in Self::partitions(&consumer, &topic) {
            let mut element = list.add_partition(&topic, partition);
            element.set_offset(Offset::Offset(offset)).unwrap();
            element.set_metadata(metadata);
        }
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// What the group has committed in the partitions of a topic.
    pub fn committed(&self, topic: &str) -> Vec<(i64, String)> {
        let (consumer, topic, mut list) = (self.member(), self.topic(topic), TopicPartitionList::new());
        for partition in Self::partitions(&consumer, &topic) {
            list.add_partition(&topic, partition);
        }
        let committed = consumer.committed_offsets(list, PATIENCE).unwrap();
        let position = |element: TopicPartitionListElem<'_>| {
            (element.offset().to_raw().unwrap(), element.metadata().to_owned())
        };
        committed.elements().into_iter().map(position).collect()
    }

    pub fn produce_names(&self, names: &[String]) {
        let records: Vec<_> = names.iter().map(|name| (Some(name.as_bytes()), None)).collect();
        self.produce("to_process_zone", &records);
    }

    /// Reads a topic from its start until `enough` says so.
    pub fn read(&self, topic: &str, mut enough: impl FnMut(&[OwnedMessage]) -> bool) -> Vec<OwnedMessage> {
        let consumer = self.reader(topic);
        let (mut messages, deadline) = (vec![], Instant::now() + PATIENCE);
        while !enough(&messages) {
            assert!(Instant::now() < deadline, "{topic}: only {} records", messages.len());
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                messages.push(message.detach());
            }
        }
        messages
    }

    /// The committed records that a topic holds now.
    pub fn all(&self, topic: &str) -> Vec<OwnedMessage> {
        let mut messages = vec![];
        self.each(topic, |message| messages.push(message));
        messages
    }

    /// Sees the committed records that a topic holds now.
    pub fn each(&self, topic: &str, mut see: impl FnMut(OwnedMessage)) {
        let consumer = self.reader(topic);
        let mut open = consumer.assignment().unwrap().count();
        let mut heard = Instant::now();
        while open > 0 {
            assert!(heard.elapsed() < PATIENCE, "{topic} has no end");
            match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => see(message.detach()),
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                _ => continue,
            }
            heard = Instant::now();
        }
    }

    /// A consumer of all partitions of a topic from their start, which tells their ends.
    pub fn reader(&self, topic: &str) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers.0)
            .set("group.id", format!("{}-reader", self.prefix))
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let topic = self.topic(topic);
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition_offset(&topic, partition.id(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        consumer
    }

    /// The joined records once every name has one.
    pub fn joined(&self, names: &[String]) -> Vec<OwnedMessage> {
        let missing = |messages: &[OwnedMessage]| {
            let there: BTreeSet<_> = messages.iter().map(key).collect();
            names.iter().any(|name| !there.contains(name))
        };
        self.read("all_collected_data", |messages| messages.len() >= names.len() && !missing(messages))
    }
}

pub fn key(message: &OwnedMessage) -> String {
    String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned()
}

pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let header = headers.iter().find(|header| header.key == name)?;
    Some(text(header.value.unwrap_or_default()))
}

/// Reads values as a foreign consumer does: the schema by its id from the registry, nothing of our own code.
pub struct Foreign {
    registry: String,
    schemas: BTreeMap<u32, Schema>,
}

impl Foreign {
    /// A consumer that asks the registry at this address.
    pub fn new(registry: &str) -> Self {
        Self { registry: registry.to_owned(), schemas: BTreeMap::new() }
    }

    /// A value as JSON.
    pub fn read(&mut self, value: &[u8]) -> Value {
        Value::try_from(self.value(value)).unwrap()
    }

    /// A value as Avro has it.
    pub fn value(&mut self, value: &[u8]) -> apache_avro::types::Value {
        let (frame, datum) = value.split_at(5);
        assert_eq!(frame[0], 0);
        let id = u32::from_be_bytes(frame[1..].try_into().unwrap());
        let schema = self.schemas.entry(id).or_insert_with(|| {
            let answer = registry::ask(&self.registry, &format!("/schemas/ids/{id}"), None);
            Schema::parse_str(answer["schema"].as_str().unwrap()).unwrap()
        });
        let reader = GenericDatumReader::builder(schema).build().unwrap();
        let mut rest = datum;
        let value = reader.read_value(&mut rest).unwrap();
        assert!(rest.is_empty());
        value
    }
}
