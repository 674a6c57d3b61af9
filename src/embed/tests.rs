//! A join alone on embedded topics, as a dataflow file says it: results in as anybody may write them, joined records out.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::clock::Millis;
use crate::codec::{Format, Schemas, TopicCodec};
use crate::config::{Loader, Settings};
use crate::error::Failure;
use crate::flow::headers::{COLLECTORS, COMPLETE, NOT_ASKED, REVISION};
use crate::io::embedded::Log;
use crate::io::{Fetched, Outgoing, RawRecord, partition_of};
use crate::model::AllCollectedData;
use crate::spec::Plan;

/// How long anything may take before a test gives up; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

mod audit;
mod placement;

/// A running join.
struct Job {
    service: Service,
    log: Log,
    schemas: Schemas,
    settings: Settings,
    plan: Plan,
}

impl Job {
    /// Starts `flow` on the state in `dir`.
    async fn start(dir: &Path, flow: &str, settings: &[&str]) -> Self {
        Self::try_start(dir, flow, settings).await.unwrap()
    }

    async fn try_start(dir: &Path, flow: &str, settings: &[&str]) -> Result<Self, Failure> {
        let mut loader = Loader::new();
        loader.set(&format!("state.dir={}", dir.join("state").display())).unwrap();
        let usual = ["topics.partitions=2", "topics.format=json", "admin.listen=", "engine.workers=1"];
        for setting in usual.iter().chain(settings) {
            loader.set(setting).unwrap();
        }
        let settings = loader.finish().unwrap();
        let plan = crate::spec::parse("flow.yaml", flow, settings.topics.format).unwrap();
        let process = Process::embedded(settings.clone(), plan.clone(), None).unwrap();
        let (log, schemas) = (process.log.clone().unwrap(), process.schemas.clone());
        Ok(Self { service: Service::start(process).await?, log, schemas, settings, plan })
    }

    /// Writes a result of `name` at a time of the stream.
    fn put(&self, topic: &str, name: &str, address: Option<&str>, time: Millis, value: &str) {
        self.put_with(topic, name, address, time, value, &[]);
    }

    /// The same with headers.
    fn put_with(
        &self,
        topic: &str,
        name: &str,
        address: Option<&str>,
        time: Millis,
        value: &str,
        headers: &[(&str, &str)],
    ) {
        let key = match address {
            Some(address) => json!({ "dn": name, "ip": address }).to_string(),
            None => name.to_owned(),
        };
        let (key, value) = (Some(key.into()), Some(value.to_owned().into()));
        let mut record = RawRecord { key, value, time, ..RawRecord::default() };
        headers.iter().for_each(|(name, value)| record.headers.push(name, (*value).to_owned()));
        let partition = partition_of(name.as_bytes(), self.log.topics().partitions());
        self.append(topic, partition, record);
    }

    fn append(&self, topic: &str, partition: u32, record: RawRecord) {
        let topic = self.log.topics().find(topic).unwrap();
        self.log.append(&[Outgoing::new(topic, partition, record)], self.log.store().batch()).unwrap();
    }

    /// The records of a topic once there are `count` of them, by partition.
    async fn read(&self, topic: &str, count: usize) -> Vec<RawRecord> {
        let topic = self.log.topics().find(topic).unwrap();
        let started = Instant::now();
        loop {
            let partitions = 0..self.log.topics().partitions();
            let read = |partition| self.log.read(topic, partition, 0, usize::MAX).unwrap();
            let records: Vec<Fetched> = partitions.flat_map(read).collect();
            if records.len() >= count {
                return records.into_iter().map(|fetched| fetched.record).collect();
            }
            assert!(started.elapsed() < PATIENCE, "only {} of {count} records", records.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Reads an Avro value.
    async fn avro(&self, value: &[u8]) -> AllCollectedData {
        let codec = TopicCodec::new(Format::Avro, "all_collected_data", &self.schemas).await.unwrap();
        codec.decode(value).await.unwrap()
    }

    /// Asks the admin port; the status and the answer.
    async fn ask(&self, path: &str) -> (u16, Value) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.service.admin().unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    async fn stop(self) {
        self.service.stop().await.unwrap();
    }
}

/// The shipped join with more said about it.
fn join(more: &str) -> String {
    let shipped = include_str!("../../dataflows/join.yaml");
    shipped.replace("      zone: processed_zone\n", &format!("      zone: processed_zone\n{more}"))
}

fn result(time: Millis, more: &Value) -> String {
    let mut result = json!({ "statusCode": 0, "error": null, "lastAttempt": time });
    result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    result.to_string()
}

fn zone(time: Millis) -> String {
    result(time, &json!({ "zone": { "zone": "ok.cz" }, "label": "mine", "newer": 1 }))
}

fn dns(time: Millis, addresses: &[&str]) -> String {
    let ips: Vec<_> = addresses.iter().map(|ip| json!({ "ip": ip, "rrType": "A" })).collect();
    let a: Option<&[&str]> = Some(addresses).filter(|addresses| !addresses.is_empty());
    result(time, &json!({ "dnsData": { "ttlValues": {}, "A": a, "newer": 2 }, "ips": ips }))
}

/// Row M2 with an address, in both readings: which records come, and what is in them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_readings_work_from_topic_to_topic() {
    for (policy, settings, revisions, fields) in [
        ("", &[][..], 2, "zone dnsResult tlsResult rdapDomainResult ipResults label"),
        ("      policy: reference\n", &[][..], 3, "zone dnsResult tlsResult rdapDomainResult ipResults"),
        ("", &["join.policy=reference"][..], 3, "zone dnsResult tlsResult rdapDomainResult ipResults"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let job = Job::start(dir.path(), &join(policy), settings).await;
        let now = crate::clock::Clock::now(&crate::clock::SystemClock);
        let (other, at) = (json!({}), |offset: Millis| now - 1000 + offset);
        job.put("processed_zone", "ok.cz", None, at(0), &zone(at(0)));
        job.put("processed_DNS", "ok.cz", None, at(1), &dns(at(1), &[]));
        job.read("all_collected_data", 0).await;
        job.put("processed_RDAP_DN", "ok.cz", None, at(2), &result(at(2), &other));
        job.read("all_collected_data", 1).await;
        job.put("processed_RDAP_DN", "ok.cz", None, at(3), &result(at(3), &json!({ "rdapTarget": "ok.cz" })));
        job.read("all_collected_data", 2).await;
        // Worse than what is there, then what cannot be read, alone, then another name.
        job.put(
            "processed_RDAP_DN",
            "ok.cz",
            None,
            at(4),
            r#"{"statusCode":11,"error":null,"lastAttempt":1}"#,
        );
        job.put("processed_RDAP_DN", "ok.cz", None, at(5), r#"{"statusCode":11,"#);
        job.put("processed_DNS", "ok.cz", None, at(5), r#"{"statusCode":0,"lastAttempt":1,"dnsData":[]}"#);
        assert_eq!(job.read("dead_letters", 2).await.len(), 2);
        let records = job.read("all_collected_data", revisions).await;
        assert_eq!(records.len(), revisions, "{policy} {settings:?}");
        let numbers: Vec<_> = records.iter().map(|record| record.headers.text(REVISION).unwrap()).collect();
        assert_eq!(numbers, ["1", "2", "3"][..revisions]);
        assert!(records.iter().all(|record| record.headers.text(COMPLETE) == Some("true")));
        let last: Value = serde_json::from_slice(records.last().unwrap().value.as_ref().unwrap()).unwrap();
        let known: Vec<_> = last.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(known.join(" ").starts_with(fields), "{known:?}");
        assert_eq!(known.contains(&"label"), revisions == 2);
        assert_eq!(last["dnsResult"]["dnsData"].get("newer").is_some(), revisions == 2);
        assert_eq!(last["rdapDomainResult"]["rdapTarget"], "ok.cz");
        job.stop().await;
    }
}

/// One name on a flow: what its results are, and what its record says of itself.
struct Needs {
    what: &'static str,
    flow: String,
    /// Headers of the zone result.
    headers: &'static [(&'static str, &'static str)],
    /// Collectors of the results about the one address, and their topic.
    ips: &'static [(&'static str, &'static str)],
    /// Whether there is an RDAP result, and the statuses of zone and DNS.
    rdap: bool,
    statuses: (i32, i32),
    complete: &'static str,
    missing: Value,
}

/// What a name needs is said by the dataflow file and by its request; its record says what it has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_needed_is_data_and_what_is_missing_is_told() {
    const ALL: &str = "geo-asn, nerd, rdap-ip, rtt";
    let needs = || Needs {
        what: "",
        flow: join("").replace(ALL, "rtt"),
        headers: &[],
        ips: &[("rtt", "collected_IP_data")],
        rdap: true,
        statuses: (0, 0),
        complete: "true",
        missing: json!({}),
    };
    let quick = "      patience: 100ms\n";
    for case in [
        Needs { what: "everything", ..needs() },
        Needs {
            what: "the file needs no RDAP",
            flow: join("      needs: [tls]\n").replace(ALL, "rtt"),
            rdap: false,
            ..needs()
        },
        Needs {
            what: "the request needs no RDAP",
            headers: &[(NOT_ASKED, "rdap-dn")],
            rdap: false,
            missing: json!({ "rdap-dn": "not-asked" }),
            ..needs()
        },
        Needs {
            what: "the request needs one collector of four",
            flow: join(""),
            headers: &[(COLLECTORS, "nerd")],
            ips: &[("nerd", "collected_IP_data")],
            missing: json!({
                "geo-asn of 192.0.2.1": "not-asked", "rdap-ip of 192.0.2.1": "not-asked", "rtt of 192.0.2.1": "not-asked",
            }),
            ..needs()
        },
        Needs {
            what: "a collector of their own, and one with a topic of its own",
            flow: join("")
                .replace(ALL, "rtt, mine, qradar")
                .replace("addresses: collected_IP_data", "addresses: [collected_IP_data, processed_QRadar]"),
            ips: &[
                ("rtt", "collected_IP_data"),
                ("mine", "collected_IP_data"),
                ("qradar", "processed_QRadar"),
            ],
            ..needs()
        },
        Needs {
            what: "RDAP and an address in time out",
            flow: join(quick).replace(ALL, "rtt, nerd"),
            rdap: false,
            complete: "missing: rdap-dn (deadline), nerd of 192.0.2.1 (deadline)",
            missing: json!({ "rdap-dn": "deadline", "nerd of 192.0.2.1": "deadline" }),
            ..needs()
        },
        Needs {
            what: "zone and DNS failed",
            flow: join(quick).replace(ALL, "rtt"),
            ips: &[],
            rdap: false,
            statuses: (12, 11),
            complete: "missing: zone (failed), rdap-dn (failed), tls (failed)",
            missing: json!({ "zone": "failed", "rdap-dn": "failed", "tls": "failed" }),
            ..needs()
        },
    ] {
        let Needs { what, flow, headers, ips, rdap, statuses, complete, missing } = case;
        for format in ["json", "avro"] {
            let dir = tempfile::tempdir().unwrap();
            let setting = format!("topics.format={format}");
            let formats = "formats: {processed_zone: json, processed_DNS: json, processed_RDAP_DN: json, collected_IP_data: json}\n";
            let formats = match what.contains("topic of its own") {
                true => formats.replace("}", ", processed_QRadar: json}"),
                false => formats.to_owned(),
            };
            let job = Job::start(dir.path(), &format!("{flow}{formats}"), &[&setting]).await;
            let at = crate::clock::Clock::now(&crate::clock::SystemClock);
            let status = |text: String, status: i32| {
                text.replace("\"statusCode\":0", &format!("\"statusCode\":{status}"))
            };
            let value = match statuses.0 {
                0 => whole_zone(at),
                failed => status(result(at, &json!({ "zone": null })), failed),
            };
            job.put_with("processed_zone", "ok.cz", None, at, &value, headers);
            let value = match statuses.1 {
                0 => result(at, &json!({ "dnsData": null, "ips": [{ "ip": "192.0.2.1", "rrType": "MX" }] })),
                failed => status(result(at, &json!({ "dnsData": null, "ips": null })), failed),
            };
            job.put("processed_DNS", "ok.cz", None, at, &value);
            if rdap {
                let value = result(at, &json!({ "rdapTarget": "ok.cz", "whoisStatusCode": 35 }));
                job.put("processed_RDAP_DN", "ok.cz", None, at, &value);
            }
            for (collector, topic) in ips {
                let value = status(result(at, &json!({ "collector": collector, "data": null })), 11);
                job.put(topic, "ok.cz", Some("192.0.2.1"), at, &value);
            }
            let record = job.read("all_collected_data", 1).await.remove(0);
            assert_eq!(record.headers.text(COMPLETE), Some(complete), "{what} {format}");
            let value = record.value.unwrap();
            let value: Value = match format {
                "json" => serde_json::from_slice(&value).unwrap(),
                _ => serde_json::to_value(job.avro(&value).await).unwrap(),
            };
            assert_eq!(value["missing"], missing, "{what} {format}");
            let there = value["ipResults"]["192.0.2.1"].as_object().map_or(0, serde_json::Map::len);
            assert_eq!(there, ips.len(), "{what} {format}");
            job.stop().await;
        }
    }
}

fn whole_zone(time: Millis) -> String {
    let soa = json!({
        "primaryNS": "a", "respMailboxDname": "b", "serial": "1", "refresh": 1, "retry": 1, "expire": 1, "minTTL": 1,
    });
    let zone = json!({
        "zone": "ok.cz", "soa": soa, "publicSuffix": "cz", "hasDNSKEY": null, "primaryNameserverIPs": [],
        "secondaryNameservers": [], "secondaryNameserverIPs": [],
    });
    result(time, &json!({ "zone": zone }))
}

/// An open name is shown by the running job, and by the state of it, also beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_name_is_shown_with_its_parts_and_what_is_awaited() {
    for (policy, patience, expected) in [
        ("      patience: 1h\n", 3_600_000, json!(["run"])),
        ("      patience: 1h\n      policy: reference\n", 3_600_000, json!(["domain", "addresses"])),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let settings = ["admin.listen=127.0.0.1:0", "state.flush_interval=0s"];
        let flow = join(policy).replace("geo-asn, nerd, rdap-ip, rtt", "nerd, rtt");
        let job = Job::start(dir.path(), &flow, &settings).await;
        let at = crate::clock::Clock::now(&crate::clock::SystemClock) / 1000 * 1000;
        job.put("processed_zone", "ok.cz", None, at, &whole_zone(at));
        let value = result(at, &json!({ "dnsData": null, "ips": [{ "ip": "::1", "rrType": "MX" }] }));
        job.put("processed_DNS", "ok.cz", None, at, &value);
        let value = result(at, &json!({ "collector": "rtt", "data": null }));
        job.put("collected_IP_data", "ok.cz", Some("::1"), at, &value);
        let started = Instant::now();
        let is_whole = |open: &Value| {
            let parts = |run: &Value| run["parts"].as_array().unwrap().len();
            open.as_array().is_some_and(|open| open.iter().map(parts).sum::<usize>() == 3)
        };
        let asked = loop {
            let (code, answer) = job.ask("/domains/ok.cz").await;
            if is_whole(&answer["open"]) {
                assert_eq!(code, 200);
                break answer["open"].clone();
            }
            assert!(started.elapsed() < PATIENCE, "{answer}");
        };
        let of_all =
            |what: &str| asked.as_array().unwrap().iter().map(|run| run[what].clone()).collect::<Value>();
        assert_eq!(of_all("window"), expected);
        assert_eq!(asked[0]["parts"][0], json!({ "part": "zone", "status": 0, "attempt": at }));
        assert_eq!(asked[0]["awaited"][0], "rdap-dn");
        assert_eq!(asked[0]["deadline"], at + patience);
        assert_eq!((&asked[0]["since"], &asked[0]["revision"]), (&json!(at), &json!(0)));
        // The state tells the same once it is written; the job has it open.
        let (settings, plan) = (job.settings.clone(), job.plan.clone());
        let stored = loop {
            let stored = serde_json::to_value(open_names(&settings, &plan, "ok.cz").unwrap()).unwrap();
            if is_whole(&stored) {
                break stored;
            }
            assert!(started.elapsed() < PATIENCE, "{stored}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(stored, asked);
        assert_eq!(open_names(&settings, &plan, "ok.c").unwrap(), []);
        assert_eq!(job.ask("/domains/no.cz").await.0, 404);
        job.stop().await;
    }
    let nothing = tempfile::tempdir().unwrap();
    let mut loader = Loader::new();
    loader.set(&format!("state.dir={}", nothing.path().display())).unwrap();
    let plan = crate::spec::parse("flow.yaml", &join(""), Format::Json).unwrap();
    assert_eq!(open_names(&loader.finish().unwrap(), &plan, "ok.cz").unwrap(), []);
}
