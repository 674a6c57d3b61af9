//! A join alone on embedded topics, as a dataflow file says it: results in as anybody may write them, joined records out.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::clock::Millis;
use crate::config::Loader;
use crate::flow::headers::{COMPLETE, REVISION};
use crate::io::embedded::Log;
use crate::io::{Fetched, Outgoing, RawRecord, partition_of};

/// How long anything may take before a test gives up; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running join.
struct Job {
    service: Service,
    log: Log,
}

impl Job {
    /// Starts `flow` on the state in `dir`.
    async fn start(dir: &Path, flow: &str, settings: &[&str]) -> Self {
        let mut loader = Loader::new();
        loader.set(&format!("state.dir={}", dir.join("state").display())).unwrap();
        let usual = ["topics.partitions=2", "topics.format=json", "admin.listen=", "engine.workers=1"];
        for setting in usual.iter().chain(settings) {
            loader.set(setting).unwrap();
        }
        let settings = loader.finish().unwrap();
        let plan = crate::spec::parse("flow.yaml", flow, settings.topics.format).unwrap();
        let process = Process::embedded(settings, plan, None).unwrap();
        let log = process.log.clone().unwrap();
        Self { service: Service::start(process).await.unwrap(), log }
    }

    /// Writes a result of `name` at a time of the stream.
    fn put(&self, topic: &str, name: &str, address: Option<&str>, time: Millis, value: &str) {
        let key = match address {
            Some(address) => json!({ "dn": name, "ip": address }).to_string(),
            None => name.to_owned(),
        };
        let (key, value) = (Some(key.into()), Some(value.to_owned().into()));
        let record = RawRecord { key, value, time, ..RawRecord::default() };
        let partition = partition_of(name.as_bytes(), self.log.topics().partitions());
        let topic = self.log.topics().find(topic).unwrap();
        self.log.append(&[Outgoing { topic, partition, record }], self.log.store().batch()).unwrap();
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
