//! Results whose producers partition in another way than by the name: brought to where they belong by a node, or refused
//! and told.

use super::*;
use crate::error::Exit;

const NOW: Millis = 1_700_000_000_000;
const IP: &str = "192.0.2.1";

/// The shipped join behind a node that brings every input to the partitions of the names.
fn by_name(more: &str) -> String {
    let topics =
        ["processed_zone", "processed_DNS", "processed_TLS", "processed_RDAP_DN", "collected_IP_data"];
    let mut flow = join(more);
    for topic in topics {
        flow = flow.replace(&format!("{topic}\n"), &format!("{topic}_by_name\n"));
    }
    format!("{flow}\n  by-name:\n    repartition: [{}]\n", topics.join(", "))
}

/// The results that a name needs.
fn results(name: &str, time: Millis) -> Vec<(&'static str, RawRecord)> {
    let mut results = vec![
        ("processed_zone", name.to_owned(), whole_zone(time)),
        ("processed_DNS", name.to_owned(), dns(time + 1, &[IP])),
        ("processed_TLS", name.to_owned(), result(time + 2, &json!({}))),
        ("processed_RDAP_DN", name.to_owned(), result(time + 3, &json!({}))),
    ];
    // As some write it, with a key that has more in it.
    let key = format!("{{\"ip\": \"{IP}\",  \"dn\":\"{name}\", \"more\":1}}");
    for collector in ["geo-asn", "nerd", "rdap-ip", "rtt"] {
        let value = result(time + 4, &json!({ "collector": collector, "data": null }));
        results.push(("collected_IP_data", key.clone(), value));
    }
    let record = |(topic, key, value): (_, String, String)| {
        let mut record =
            RawRecord { key: Some(key.into()), value: Some(value.into()), time, ..RawRecord::default() };
        record.headers.push("theirs", name.to_owned());
        (topic, record)
    };
    results.into_iter().map(record).collect()
}

/// A backlog of hours, in which every topic is of another length and in a partition of its own: each name is joined once
/// and whole, although the patience is short. What is moved stays as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_in_foreign_partitions_are_joined() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..400).map(|number| format!("n{number}.cz")).collect();
    let settings = ["topics.partitions=4", "engine.workers=2", "admin.listen=127.0.0.1:0"];
    let job = Job::start(dir.path(), &by_name("      patience: 1s\n"), &settings).await;
    // All of a topic at once, so that a job that does not wait for what is moved would read on without it.
    let mut written: Vec<(&str, u32, RawRecord)> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        for (index, (topic, record)) in results(name, NOW + 10_000 * number as Millis).into_iter().enumerate()
        {
            written.push((topic, (number + index) as u32 % 4, record));
        }
    }
    written.push((
        "collected_IP_data",
        1,
        RawRecord { key: Some("no pair".into()), time: NOW, ..RawRecord::default() },
    ));
    written.sort_by_key(|(topic, ..)| *topic);
    let outgoing = |(topic, partition, record): &(&str, u32, RawRecord)| {
        Outgoing::new(job.log.topics().find(topic).unwrap(), *partition, record.clone())
    };
    let all: Vec<_> = written.iter().map(outgoing).collect();
    job.log.append(&all, job.log.store().batch()).unwrap();

    let joined = job.read("all_collected_data", names.len()).await;
    let told = |record: &RawRecord| {
        let header = |name| record.headers.text(name).unwrap_or_default().to_owned();
        (header(COMPLETE), header(REVISION))
    };
    let whole = ("true".to_owned(), "1".to_owned());
    let wrong: Vec<_> = joined.iter().filter(|record| told(record) != whole).collect();
    assert!(wrong.is_empty(), "{} of {}: {:?}", wrong.len(), joined.len(), told(wrong[0]));
    let mut keys: Vec<_> = joined.iter().map(|record| record.key.clone().unwrap()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), names.len());

    let letter = job.read("dead_letters", 1).await.remove(0);
    assert_eq!(letter.key.as_deref(), Some(&b"no pair"[..]));
    let moved = job.read("collected_IP_data_by_name", 4 * names.len()).await;
    let mut were: Vec<_> = written
        .into_iter()
        .filter(|(topic, ..)| *topic == "collected_IP_data")
        .map(|(.., record)| record)
        .collect();
    were.retain(|record| record.value.is_some());
    let sorted = |mut records: Vec<RawRecord>| {
        records.sort_by_key(|record| (record.time, record.value.clone()));
        records
    };
    assert_eq!(sorted(moved), sorted(were));
    let (_, status) = job.ask("/status").await;
    assert_eq!(status["repartitioned"]["collected_IP_data"], 4 * names.len());
    assert_eq!(status["join"]["misplaced"]["collected_IP_data_by_name"], 0);
    job.stop().await;
}

/// What is elsewhere is counted while the job runs, and nothing that is unread may be elsewhere when it starts, but for a
/// stray record among many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_in_foreign_partitions_are_told_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ["admin.listen=127.0.0.1:0"];
    let job = Job::start(dir.path(), &join(""), &settings).await;
    let put = |job: &Job, name: &str, elsewhere: u32| {
        let partition = (partition_of(name.as_bytes(), 2) + elsewhere) % 2;
        let (topic, record) = results(name, NOW).remove(0);
        job.append(topic, partition, record);
    };
    put(&job, "foreign.cz", 1);
    put(&job, "ours.cz", 0);
    let started = Instant::now();
    while job.ask("/status").await.1["join"]["misplaced"]["processed_zone"] != 1 {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    job.stop().await;
    // What is read cannot be helped.
    Job::start(dir.path(), &join(""), &settings).await.stop().await;

    let anew = ["admin.listen=127.0.0.1:0", "kafka.group_id=anew"];
    let refused = Job::try_start(dir.path(), &join(""), &anew).await.map(drop).unwrap_err();
    assert_eq!((refused.code().name, refused.code().exit), ("results-misplaced", Exit::Config));
    let owner = partition_of(b"foreign.cz", 2);
    assert_eq!(
        refused.to_string(),
        format!(
            "results of processed_zone are not in the partitions of their names: foreign.cz is in partition {}, \
             its name belongs to partition {owner} (1 of the 2 newest results are elsewhere)",
            1 - owner
        )
    );

    let job = Job::start(dir.path(), &join(""), &settings).await;
    (0..20).for_each(|number| put(&job, &format!("n{number}.cz"), 0));
    job.stop().await;
    Job::start(dir.path(), &join(""), &anew).await.stop().await;
}
