//! Deadlines of open names: an outage of the job does not count, and a partition in which nothing happens keeps its own.

use std::time::Duration;

use rdkafka::message::{Message as _, OwnedMessage};

use super::flow::{Flow, header, key};
use super::joined_once;
use crate::support::{ordinary_names, status, wait_for};

fn is_complete(message: &OwnedMessage) -> bool {
    header(message, "domainflow-complete").as_deref() == Some("true")
}

#[test]
fn an_outage_longer_than_every_deadline_gives_no_name_up() {
    let (scale, partitions, patience) = (300, 4, Duration::from_secs(10));
    let flow = Flow::new("outage", partitions);
    // Each stage of these takes far less than the patience.
    let names = ordinary_names(scale);
    assert!(names.len() >= scale / 2);
    let patient = format!("join.patience={}s", patience.as_secs());
    let settings = ["--set", &patient, "--set", "kafka.properties.session.timeout.ms=6000"];
    let (running, address) = flow.start(scale, partitions, &settings);
    flow.produce_names(&names);
    wait_for("some records", || {
        let report = status(&address)?;
        (report["join"]["complete"].as_u64()? >= 20).then_some(())
    });
    running.stop("KILL");
    let open = names.len() - flow.all("all_collected_data").len();
    assert!(open > 50, "the job was too fast to be interrupted: {open} names left");
    // Not a wait for something: the outage itself.
    std::thread::sleep(patience + Duration::from_secs(2));
    let (again, _) = flow.start(scale, partitions, &settings);
    let joined = flow.joined(&names);
    assert!(again.stop("TERM").success());
    let early: Vec<_> = joined.iter().filter(|message| !is_complete(message)).map(key).collect();
    assert!(early.is_empty(), "given up: {early:?}");
    joined_once(&flow, partitions, &names);
}

#[test]
fn deadlines_fire_in_partitions_where_nothing_happens() {
    let (partitions, patience) = (4, 2000);
    let flow = Flow::new("idle", partitions);
    let (running, _) =
        flow.start(0, partitions, &["--set", "topics.format=json", "--set", "join.patience=2s"]);
    let zone = br#"{"statusCode":0,"error":null,"lastAttempt":1,"zone":null}"#;
    let names: Vec<String> = (0..40).map(|number| format!("idle-{number}.cz")).collect();
    let parts: Vec<_> = names.iter().map(|name| (Some(name.as_bytes()), Some(&zone[..]))).collect();
    flow.produce("processed_zone", &parts);
    let dns = br#"{"statusCode":0,"error":null,"lastAttempt":1,"dnsData":null,"ips":null}"#;
    let parts: Vec<_> = names.iter().map(|name| (Some(name.as_bytes()), Some(&dns[..]))).collect();
    flow.produce("processed_DNS", &parts);
    let mut lateness = vec![];
    // One partition is busy all the while, the others are silent.
    let joined = flow.read("all_collected_data", |messages| {
        flow.produce("processed_zone", &[(Some(b"busy.cz"), Some(zone))]);
        names.iter().all(|name| messages.iter().any(|message| key(message) == *name))
    });
    assert!(running.stop("TERM").success());
    let written = flow.all("processed_DNS");
    for message in joined.iter().filter(|message| key(message).starts_with("idle-")) {
        assert_eq!(header(message, "domainflow-complete").as_deref(), Some("missing: rdap-dn (deadline)"));
        let part = written.iter().find(|part| key(part) == key(message)).unwrap();
        let time = |message: &OwnedMessage| message.timestamp().to_millis().unwrap();
        lateness.push(time(message) - time(part) - patience);
    }
    let quiet: std::collections::HashSet<_> =
        joined.iter().filter(|message| key(message) != "busy.cz").map(rdkafka::Message::partition).collect();
    assert_eq!(quiet.len(), partitions as usize, "every partition has some");
    let (first, last) = (lateness.iter().min().unwrap(), lateness.iter().max().unwrap());
    assert!(*first >= 0, "before its time: {first} ms");
    println!("deadlines fired {first} to {last} ms after they were due");
}
