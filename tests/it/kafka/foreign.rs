//! Results written by clients of others, Java's and two of Python, each with the partitioner that it has by default: the
//! shipped `merger` joins every name once, in both readings; a join without its node is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use rdkafka::message::Message as _;
use serde_json::{Value, json};

use super::flow::{Flow, header, key, script, servers};
use crate::support::{run, status, text, wait_for};

const PARTITIONS: u32 = 5;
const NAMES: usize = 60;
const ADDRESSES: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const COLLECTORS: [&str; 4] = ["geo-asn", "nerd", "rdap-ip", "rtt"];

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

/// In both readings, on the shipped dataflow.
#[test]
fn java_and_python_producers_meet_in_one_flow() {
    let shipped = include_str!("../../../dataflows/merger.yaml").replace("name: merger", "name: domainradar");
    let names: Vec<String> = (0..NAMES).map(|number| format!("n{number}-foreign.cz")).collect();
    for reading in ["reference", "target"] {
        let spec = shipped.replace("policy: reference", &format!("policy: {reading}"));
        let flow = Flow::of(servers().clone(), &format!("foreign-{reading}"), PARTITIONS, &spec, &[]);
        write_results(&flow, &names);

        // The same join on the topics as they are.
        let whole = std::fs::read_to_string(flow.spec()).unwrap();
        let node = whole.find("  by-name:").unwrap()..whole.find("  join:").unwrap();
        let bare = whole.replace(&whole[node], "").replace("_by_name", "");
        std::fs::write(flow.spec(), bare).unwrap();
        let partitions = format!("topics.partitions={PARTITIONS}");
        let refused = run(&flow.command(&["run"], &["--set", "admin.listen=", "--set", &partitions]));
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{said}");
        for part in [
            "results-misplaced",
            "its name belongs to partition",
            "foreign.cz is in partition",
            "repartition",
        ] {
            assert!(said.contains(part), "`{part}` is not said:\n{said}");
        }
        std::fs::write(flow.spec(), whole).unwrap();

        let (running, address) = flow.start(0, PARTITIONS, &[]);
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
        assert_eq!(moved("collected_IP_data"), Some((NAMES * ADDRESSES.len() * COLLECTORS.len()) as u64));
        let misplaced = report["join"]["misplaced"].as_object().unwrap();
        assert!(misplaced.len() == 5 && misplaced.values().all(|count| count == 0), "{report}");
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
            assert_eq!(
                results.keys().collect::<BTreeSet<_>>(),
                ADDRESSES.map(str::to_owned).iter().collect()
            );
            for of_address in results.values() {
                let of_address: Vec<_> = of_address.as_object().unwrap().keys().map(String::as_str).collect();
                assert_eq!(BTreeSet::from_iter(of_address), BTreeSet::from(COLLECTORS));
            }
        }
    }
}
