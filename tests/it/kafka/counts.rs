//! Topics with another number of partitions than the flow: which may have one, and which are refused.

use domainflow::io::partition_of;
use rdkafka::message::Message as _;
use serde_json::{Value, json};

use super::flow::{Flow, header, key, servers};
use crate::support::{lab_names, run, text, wait_for};

/// A collector in place of another, on topics that are there: what it writes has whatever numbers of partitions it has.
#[test]
fn topics_that_are_only_written_may_have_any_number_of_partitions() {
    let spec = "
version: 1
name: domainradar
nodes:
  zone:
    collector: zone
    from: to_process_zone
    to: processed_zone
    follow_ups: { dns: to_process_DNS, rdap-dn: to_process_RDAP_DN }
";
    let theirs =
        [("processed_zone", 5), ("to_process_DNS", 2), ("to_process_RDAP_DN", 7), ("dead_letters", 1)];
    let flow = Flow::counted(servers().clone(), "written", 3, spec, &theirs, &[]);
    let names = lab_names(60);
    // What the client knows of topics is soon out of date here, and said at once.
    let quick = [
        "kafka.properties.topic.metadata.refresh.interval.ms=200",
        "kafka.properties.statistics.interval.ms=200",
    ];
    let (running, _) = flow.start(60, 3, &["--set", quick[0], "--set", quick[1]]);
    flow.produce_names(&names);
    let bad: Vec<Vec<u8>> = (0..20).map(|number| vec![0xff, number]).collect();
    flow.produce("to_process_zone", &bad.iter().map(|key| (Some(&key[..]), None)).collect::<Vec<_>>());
    flow.read("processed_zone", |messages| messages.len() >= names.len());
    let letters = flow.read("dead_letters", |messages| messages.len() >= bad.len());
    for (topic, count) in theirs {
        let messages = flow.all(topic);
        let used: std::collections::BTreeSet<_> =
            messages.iter().map(|message| message.partition()).collect();
        assert_eq!(used.len(), count as usize, "partitions of {topic} that are used");
        for message in messages.iter().filter(|_| topic != "dead_letters") {
            let owner = partition_of(key(message).as_bytes(), count as u32);
            assert_eq!(message.partition(), owner as i32, "{} in {topic}", key(message));
        }
    }

    // Each goes back to where it was, which the topic of the letters has no partition for.
    let shown = ["--all", "--format", "json", "--set", "topics.partitions=3"];
    let replayed = run(&flow.command(&["dead-letters", "replay"], &shown));
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    let told: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(told, json!({ "written": bad.len(), "kept": 0 }));
    let again = flow.read("dead_letters", |messages| messages.len() >= 2 * bad.len());
    let places = |letters: &[rdkafka::message::OwnedMessage]| {
        let place = |letter| (key(letter), header(letter, "domainflow-dead-partition").unwrap());
        letters.iter().map(place).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(places(&again), places(&letters));

    // Partitions that come in while the job runs are told; it goes on with those that it knows.
    flow.grow("to_process_zone", 4);
    wait_for("a warning", || running.log().contains("more partitions than at the start").then_some(()));
    let producer = (0..200).map(|number| format!("late{number}.cz"));
    let known: Vec<String> = producer.filter(|name| partition_of(name.as_bytes(), 4) < 3).collect();
    flow.produce_names(&known);
    flow.read("processed_zone", |messages| messages.len() >= names.len() + known.len());
    assert!(running.stop("TERM").success());
}

/// All that must agree is told at once, with what to do.
#[test]
fn requests_results_and_joined_records_have_the_number_of_the_flow() {
    let whole = include_str!("../../../dataflows/domainradar.yaml");
    let merger = include_str!("../../../dataflows/merger.yaml").replace("name: merger", "name: domainradar");
    for (case, spec, theirs, wrong) in [
        (
            "requests",
            whole,
            &[("to_process_zone", 3), ("processed_TLS", 4), ("all_collected_data", 5), ("dead_letters", 7)][..],
            &["to_process_zone has 3", "processed_TLS has 4", "all_collected_data has 5"][..],
        ),
        (
            "moved",
            &merger,
            &[("processed_DNS", 7), ("processed_DNS_by_name", 3), ("all_collected_data", 5)],
            &["processed_DNS_by_name has 3", "all_collected_data has 5"],
        ),
    ] {
        let flow = Flow::counted(servers().clone(), &format!("refused-{case}"), 2, spec, theirs, &[]);
        let refused = run(
            &flow.command(&["run"], &["--lab", "--set", "admin.listen=", "--set", "topics.partitions=2"])
        );
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(4), "{said}");
        for part in wrong.iter().chain(&["topics-partitions", "set topics.partitions", "repartition"]) {
            assert!(said.contains(part), "`{part}` is not said:\n{said}");
        }
        assert_eq!(said.matches(", not 2").count(), wrong.len(), "{said}");
    }
}
