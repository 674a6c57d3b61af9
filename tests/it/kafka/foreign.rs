//! Results written by clients of others, Java's and two of Python, each with the partitioner that it has by default: the
//! shipped `merger` joins every name once, in both readings, and when it is killed meanwhile; a join without its node is
//! refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use rdkafka::message::Message as _;
use serde_json::{Value, json};

use super::flow::{Flow, header, key, script, servers};
use crate::support::{run, status, text, wait_for};

/// Partitions of the topics of results.
const PARTITIONS: u32 = 5;
const NAMES: usize = 60;
const ADDRESSES: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const COLLECTORS: [&str; 4] = ["geo-asn", "nerd", "rdap-ip", "rtt"];
const TOPICS: [&str; 5] =
    ["processed_zone", "processed_DNS", "processed_TLS", "processed_RDAP_DN", "collected_IP_data"];

/// Results about the addresses of a name, and all of a name.
const OF_ADDRESSES: usize = ADDRESSES.len() * COLLECTORS.len();
const OF_NAME: usize = 4 + OF_ADDRESSES;

/// A client, with its default partitioner.
#[derive(Clone, Copy)]
enum Client {
    /// murmur2 of the key.
    Java,
    /// librdkafka: CRC32 of the key.
    Confluent,
    /// murmur2 of the key.
    KafkaPython,
}

const CONFLUENT: &str = "
import sys
from confluent_kafka import Producer
producer = Producer({'bootstrap.servers': sys.argv[1]})
for line in sys.stdin:
    key, value = line.rstrip('\\n').split('\\t')
    producer.produce(sys.argv[2], value, key)
producer.flush()
";

const KAFKA_PYTHON: &str = "
import sys
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers=sys.argv[1])
for line in sys.stdin:
    key, value = line.rstrip('\\n').split('\\t')
    producer.send(sys.argv[2], key=key.encode(), value=value.encode())
producer.flush()
";

/// Where the clients are: Java's jars, Python.
fn clients() -> (String, String) {
    let output = script().arg("clients").output().unwrap();
    let shown = text(&output.stdout);
    let value = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let found = value("KAFKA_JARS=").zip(value("PYTHON="));
    found.unwrap_or_else(|| panic!("no clients: {}", text(&output.stderr)))
}

impl Client {
    /// Writes keys and values to a topic.
    fn produce(self, servers: &str, topic: &str, records: &[(String, Value)]) {
        let (jars, python) = clients();
        let mut command = match self {
            Self::Java => {
                let mut java = Command::new("java");
                let jars = format!("{jars}/*");
                java.args([
                    "-XX:TieredStopAtLevel=1",
                    "-cp",
                    &jars,
                    "org.apache.kafka.tools.ConsoleProducer",
                ]);
                java.args(["--bootstrap-server", servers, "--topic", topic]);
                java.args(["--reader-property", "parse.key=true"]);
                java
            }
            Self::Confluent => python_with(&python, CONFLUENT, servers, topic),
            Self::KafkaPython => python_with(&python, KAFKA_PYTHON, servers, topic),
        };
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = piped.spawn().unwrap();
        let lines: String = records.iter().map(|(key, value)| format!("{key}\t{value}\n")).collect();
        running.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let done = running.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
}

fn python_with(python: &str, program: &str, servers: &str, topic: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", program, servers, topic]);
    command
}

fn result(more: &Value) -> Value {
    let mut result = json!({ "statusCode": 0, "error": null, "lastAttempt": 1_700_000_000_000_i64 });
    result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    result
}

/// Has each topic written by other clients, that of the addresses by two.
fn write_results(flow: &Flow, names: &[String]) {
    let soa = json!({
        "primaryNS": "a", "respMailboxDname": "b", "serial": "1", "refresh": 1, "retry": 1, "expire": 1, "minTTL": 1,
    });
    let zone = json!({
        "zone": "x.cz", "soa": soa, "publicSuffix": "cz", "hasDNSKEY": null, "primaryNameserverIPs": [],
        "secondaryNameservers": [], "secondaryNameserverIPs": [],
    });
    let ips = ADDRESSES.map(|ip| json!({ "ip": ip, "rrType": "A" }));
    let dns = json!({ "dnsData": { "ttlValues": { "A": 1 }, "A": ADDRESSES }, "ips": ips });
    let of_names = |value: &Value| -> Vec<(String, Value)> {
        names.iter().map(|name| (name.clone(), result(value))).collect()
    };
    // Java's collectors write the key as they serialise it, Python's as `json.dumps` does.
    let of_addresses = |collectors: &[&str], key: fn(&str, &str) -> String| -> Vec<(String, Value)> {
        let each = |name| ADDRESSES.iter().map(move |ip| (name, *ip));
        let with = |(name, ip): (&String, &str)| -> Vec<(String, Value)> {
            let value = |collector: &&str| result(&json!({ "collector": collector, "data": null }));
            collectors.iter().map(|collector| (key(name, ip), value(collector))).collect()
        };
        names.iter().flat_map(each).flat_map(with).collect()
    };
    let java_key = |name: &str, ip: &str| format!("{{\"dn\":\"{name}\",\"ip\":\"{ip}\"}}");
    let python_key = |name: &str, ip: &str| format!("{{\"dn\": \"{name}\", \"ip\": \"{ip}\"}}");
    let write = |client: Client, topic: &str, records: Vec<(String, Value)>| {
        client.produce(&flow.servers.0, &flow.topic(topic), &records);
    };
    write(Client::KafkaPython, "processed_zone", of_names(&json!({ "zone": zone })));
    write(Client::Confluent, "processed_DNS", of_names(&dns));
    write(Client::Confluent, "processed_TLS", of_names(&json!({ "tlsData": null, "html": null })));
    write(
        Client::Java,
        "processed_RDAP_DN",
        of_names(&json!({ "rdapTarget": "x.cz", "whoisStatusCode": -1 })),
    );
    write(Client::Java, "collected_IP_data", of_addresses(&COLLECTORS[..2], java_key));
    write(Client::Confluent, "collected_IP_data", of_addresses(&COLLECTORS[2..], python_key));
}

/// The shipped dataflow in this reading.
fn merger(reading: &str) -> String {
    let shipped = include_str!("../../../dataflows/merger.yaml").replace("name: merger", "name: domainradar");
    shipped.replace("policy: reference", &format!("policy: {reading}"))
}

/// In both readings: as the reference is deployed, with twice as many partitions for joined records as for results, and
/// with one number for all.
#[test]
fn java_and_python_producers_meet_in_one_flow() {
    meet("reference", 2 * PARTITIONS, ("topics-partitions", 4), &["has 5, not 10", "repartition: TOPIC"]);
    let said = ["its name belongs to partition", "foreign.cz is in partition", "repartition"];
    meet("target", PARTITIONS, ("results-misplaced", 3), &said);
}

/// Joins results in a flow of so many partitions. Without the node that brings them to their partitions it is refused, with
/// this code and these words.
fn meet(reading: &str, partitions: u32, (code, exit): (&str, i32), words: &[&str]) {
    let names: Vec<String> = (0..NAMES).map(|number| format!("n{number}-foreign.cz")).collect();
    let theirs = TOPICS.map(|topic| (topic, PARTITIONS as i32));
    let prefix = format!("foreign-{reading}");
    let flow = Flow::counted(servers().clone(), &prefix, partitions, &merger(reading), &theirs, &[]);
    write_results(&flow, &names);

    // The same join on the topics as they are.
    let whole = std::fs::read_to_string(flow.spec()).unwrap();
    let node = whole.find("  by-name:").unwrap()..whole.find("  join:").unwrap();
    let bare = whole.replace(&whole[node], "").replace("_by_name", "");
    std::fs::write(flow.spec(), bare).unwrap();
    let setting = format!("topics.partitions={partitions}");
    let refused = run(&flow.command(&["run"], &["--set", "admin.listen=", "--set", &setting]));
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(exit), "{said}");
    for part in words.iter().chain([&code]) {
        assert!(said.contains(part), "`{part}` is not said:\n{said}");
    }
    std::fs::write(flow.spec(), whole).unwrap();

    let (running, address) = flow.start(0, partitions, &[]);
    let mut last = BTreeMap::new();
    // The reference's rules give some names several records; the last has everything.
    wait_for("a whole record of every name", || {
        for message in flow.all("all_collected_data") {
            last.insert(key(&message), message);
        }
        let whole =
            |name: &String| header(last.get(name)?, "domainflow-complete").filter(|told| told == "true");
        names.iter().all(|name| whole(name).is_some()).then_some(())
    });
    let report = status(&address).unwrap();
    let moved = |topic: &str| report["repartitioned"][flow.topic(topic)].as_u64();
    assert_eq!(moved("processed_DNS"), Some(NAMES as u64), "{report}");
    assert_eq!(moved("collected_IP_data"), Some((NAMES * OF_ADDRESSES) as u64));
    let misplaced = report["join"]["misplaced"].as_object().unwrap();
    assert!(misplaced.len() == TOPICS.len() && misplaced.values().all(|count| count == 0), "{report}");
    assert!(running.stop("TERM").success());

    let records = flow.all("all_collected_data");
    let keys: BTreeSet<_> = records.iter().map(key).collect();
    assert_eq!(keys, names.iter().cloned().collect());
    if reading == "target" {
        assert_eq!(records.len(), NAMES, "each name once");
    }
    for message in last.values() {
        let record: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        for part in ["zone", "dnsResult", "tlsResult", "rdapDomainResult"] {
            assert!(record[part].is_object(), "{part} of {}: {record}", key(message));
        }
        let results = record["ipResults"].as_object().unwrap();
        assert_eq!(results.keys().collect::<BTreeSet<_>>(), ADDRESSES.map(str::to_owned).iter().collect());
        for of_address in results.values() {
            let of_address: Vec<_> = of_address.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(BTreeSet::from_iter(of_address), BTreeSet::from(COLLECTORS));
        }
    }
}

/// A job is killed while it moves a backlog; the next one shares the partitions with another, and hands them over when it
/// stops. There are more partitions to be moved from than numbers by which they are dealt out.
#[test]
fn jobs_that_are_killed_while_they_move_results_join_each_name_once() {
    let (partitions, theirs) = (4, TOPICS.map(|topic| (topic, 7)));
    let flow = Flow::counted(servers().clone(), "moving", partitions, &merger("target"), &theirs, &[]);
    let mut names: Vec<String> = (0..1000).map(|number| format!("n{number}-moving.cz")).collect();
    let results = names.len() * OF_NAME;
    write_results(&flow, &names);
    // Little in each transaction, so that there are hundreds of them.
    let start = |number: u32| {
        let state = format!("state.dir={}", flow.dir.path().join(format!("state-{number}")).display());
        let session = "kafka.properties.session.timeout.ms=6000";
        let small = "engine.outbox=16KiB";
        flow.start(0, partitions, &["--set", session, "--set", &state, "--set", small])
    };
    let moved = || TOPICS.map(|topic| flow.all(&format!("{topic}_by_name")).len()).into_iter().sum::<usize>();

    let (killed, _) = start(1);
    flow.read("processed_zone_by_name", |messages| messages.len() >= 50);
    assert_eq!(killed.stop("KILL").code(), None);
    let before = moved();
    assert!(before > 0 && before < results, "{before} of {results} were moved: it is not in the middle");

    let (first, address) = start(1);
    wait_for("some results are moved", || {
        let report = status(&address)?;
        let moved = report["repartitioned"].as_object()?.values().filter_map(Value::as_u64);
        (moved.sum::<u64>() > 0).then_some(())
    });
    let (second, of_second) = start(2);
    let reads = |address: &str| {
        let report = status(address)?;
        let read = report["partitions"].as_array()?.iter().filter(|of| of["topic"] == flow.topic(TOPICS[0]));
        Some(read.count()).filter(|count| *count > 0)
    };
    wait_for("the second has partitions", || reads(&of_second).filter(|count| *count < 7));
    assert!(first.stop("TERM").success());
    wait_for("the second has all partitions", || reads(&of_second).filter(|count| *count == 7));
    let more: Vec<String> = (0..50).map(|number| format!("m{number}-moving.cz")).collect();
    write_results(&flow, &more);
    names.extend(more);
    flow.joined(&names);
    assert!(second.stop("TERM").success());

    names.sort();
    let records = flow.all("all_collected_data");
    let mut keys: Vec<_> = records.iter().map(key).collect();
    keys.sort();
    assert_eq!(keys, names, "each name once");
    let complete = |record| header(record, "domainflow-complete").as_deref() == Some("true");
    assert_eq!(records.iter().filter(|record| !complete(record)).count(), 0, "incomplete");
    assert_eq!(moved(), names.len() * OF_NAME, "each result is moved once");
}
