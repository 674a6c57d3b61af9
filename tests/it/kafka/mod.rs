//! On a real Kafka with a real schema registry: records of foreign clients in, records that foreign clients can read out.

mod cluster;
mod counts;
mod deadlines;
mod faults;
mod flow;
mod foreign;
mod letters;
mod registry;
mod schemas;
mod sizes;

use std::collections::BTreeMap;

use rdkafka::message::Message as _;
use serde_json::Value;

use self::flow::{Flow, Foreign, header, key, servers};
use crate::support::{free_port, lab_names, page, run, status, text, wait_for};

#[test]
fn names_of_a_foreign_client_become_records_that_foreign_clients_read() {
    let (scale, partitions) = (100, 4);
    let flow = Flow::new("names", partitions);
    let names = lab_names(scale);
    // Before the group exists: a group without offsets starts at the earliest record.
    flow.produce_names(&names);
    let (running, address) = flow.start(scale, partitions, &[]);
    let joined = flow.joined(&names);
    let mut keys: Vec<_> = joined.iter().map(key).collect();
    keys.sort();
    assert_eq!(keys, names, "each name once");
    let mut foreign = Foreign::new(&flow.servers.1);
    for message in &joined {
        let record = foreign.read(message.payload().unwrap());
        assert!(record["dnsResult"]["statusCode"].is_number(), "{record}");
        assert_eq!(header(message, "domainflow-revision").as_deref(), Some("1"));
        assert_eq!(header(message, "domainflow-complete").as_deref(), Some("true"));
        assert!(header(message, "domainflow-run").is_some());
    }
    let report = status(&address).unwrap();
    for node in report["nodes"].as_array().unwrap() {
        assert!(node["statuses"]["OK"].as_u64() > Some(100), "{node}");
    }
    assert_eq!(report["dead_letters"], serde_json::json!({}));
    wait_for("a lag of 0 everywhere", || {
        let report = status(&address)?;
        report["partitions"].as_array()?.iter().all(|partition| partition["lag"] == 0).then_some(())
    });
    assert!(running.stop("TERM").success());
    // The requests of every stage are on their topics, the results of every collector are readable as well.
    let collected = flow.read("collected_IP_data", |messages| messages.len() >= 4 * names.len());
    let result = foreign.read(collected[0].payload().unwrap());
    assert!(key(&collected[0]).starts_with("{\"dn\":"), "{}", key(&collected[0]));
    assert!(result["collector"].is_string());
}

#[test]
fn a_stopped_job_goes_on_where_it_was() {
    goes_on("TERM", Some(0), Keep::State);
}

#[test]
fn a_killed_job_goes_on_where_it_was() {
    goes_on("KILL", None, Keep::State);
}

#[test]
fn a_killed_job_whose_state_is_lost_reads_its_open_names_again() {
    goes_on("KILL", None, Keep::Nothing);
}

/// What an audit prints; it has to end with `code`.
fn audit(flow: &Flow, partitions: u32, code: i32) -> Value {
    let partitions = format!("topics.partitions={partitions}");
    let done = run(&flow.command(&["audit"], &["--format", "json", "--set", &partitions]));
    assert_eq!(done.status.code(), Some(code), "{}{}", text(&done.stdout), text(&done.stderr));
    assert_eq!(text(&done.stderr), "", "nothing to say beside the report");
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Each name has one joined record, and an audit finds nothing else either.
fn joined_once(flow: &Flow, partitions: u32, names: &[String]) {
    let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
    flow.each("all_collected_data", |message| {
        let told = |name| header(&message, name).unwrap_or_default();
        let (revision, complete) = (told("domainflow-revision"), told("domainflow-complete"));
        let (partition, offset, time) = (message.partition(), message.offset(), message.timestamp());
        let record = format!("{partition} at {offset}, {time:?}: revision {revision}, complete {complete}");
        records.entry(key(&message)).or_default().push(record);
    });
    let twice: Vec<_> = records.iter().filter(|(_, records)| records.len() > 1).collect();
    assert!(twice.is_empty(), "{} names twice, such as {:#?}", twice.len(), &twice[..twice.len().min(8)]);
    assert!(records.keys().eq(names), "{} of {} names are joined", records.len(), names.len());
    let report = audit(flow, partitions, 0);
    assert_eq!((&report["requests"], &report["joined"]), (&names.len().into(), &names.len().into()));
}

#[test]
fn an_audit_names_what_is_missing_and_what_is_twice() {
    let flow = Flow::new("audit", 2);
    let (running, _) = flow.start(0, 2, &[]);
    let names = ["plna-lab.cz".to_owned(), "kratka-lab.cz".to_owned()];
    flow.produce_names(&names[..1]);
    flow.produce("to_process_zone", &[(Some(b"foo..com"), None), (Some(b"\xff"), None)]);
    let joined = flow.joined(&names[..1]);
    flow.read("dead_letters", |messages| !messages.is_empty());
    flow.read("processed_zone", |messages| messages.len() >= 2);
    assert!(running.stop("TERM").success());
    let whole = serde_json::json!({
        "requests": 3, "joined": 1, "ended_early": 2, "dead_letters": 1, "open": 0, "missing": 0, "twice": 0, "named": []
    });
    assert_eq!(audit(&flow, 2, 0), whole);

    // The job has not read this one, and somebody writes the joined record a second time.
    flow.produce_names(&names[1..]);
    flow.copy("all_collected_data", &joined[0]);
    let report = audit(&flow, 2, 1);
    assert_eq!((&report["open"], &report["missing"], &report["twice"]), (&1.into(), &0.into(), &1.into()));
    let said: BTreeMap<_, _> = report["named"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["key"].as_str().unwrap(), finding["what"].as_str().unwrap()))
        .collect();
    assert_eq!(said, BTreeMap::from([(names[0].as_str(), "twice"), (names[1].as_str(), "open")]));

    // Only some requests: by time, and by their place.
    let requests = |more: &[&str]| {
        let done = run(&flow
            .command(&["audit"], &[&["--format", "json", "--set", "topics.partitions=2"], more].concat()));
        assert_eq!(text(&done.stderr), "");
        let report: Value = serde_json::from_slice(&done.stdout).unwrap();
        report["requests"].as_u64().unwrap()
    };
    assert_eq!((requests(&["--since", "1h"]), requests(&["--until", "1h"])), (4, 0));
    let all = ["--offsets", "0:0..9", "--offsets", "1:0..9"];
    assert_eq!((requests(&all), requests(&["--offsets", "0:9..10"])), (4, 0));

    // Somebody says that it was read.
    flow.skip("to_process_zone");
    let report = audit(&flow, 2, 1);
    assert_eq!((&report["open"], &report["missing"]), (&0.into(), &1.into()));
}

/// What is left of a job's own files.
#[derive(PartialEq)]
enum Keep {
    State,
    Nothing,
}

/// Stops the job in the middle and starts it again: every name has its record, once for those who read what is committed.
fn goes_on(how: &str, code: Option<i32>, keep: Keep) {
    let (scale, partitions) = (300, 4);
    let prefix = if keep == Keep::State { how.to_owned() } else { format!("{how}-lost") };
    let flow = Flow::new(&prefix, partitions);
    let names = lab_names(scale);
    // A killed member is missed only after its session, so this test has a short one.
    let session = ["--set", "kafka.properties.session.timeout.ms=6000"];
    let (running, address) = flow.start(scale, partitions, &session);
    flow.produce_names(&names);
    wait_for("some records", || {
        let report = status(&address)?;
        (report["join"]["complete"].as_u64()? >= 50).then_some(())
    });
    assert_eq!(running.stop(how).code(), code);
    if keep == Keep::Nothing {
        std::fs::remove_dir_all(flow.dir.path().join("state")).unwrap();
    }
    let (again, address) = flow.start(scale, partitions, &session);
    flow.joined(&names);
    let report = status(&address).unwrap();
    let mut of_partitions = report["partitions"].as_array().unwrap().iter();
    assert!(of_partitions.all(|of| of["again"] == 0), "everything is read again: {report}");
    assert!(again.stop("TERM").success());
    joined_once(&flow, partitions, &names);
}

/// From one process to three and back, one of them killed: partitions and their open names go from hand to hand.
#[test]
fn processes_that_come_and_go_lose_nothing_and_repeat_nothing() {
    let (scale, partitions) = (600, 6);
    let flow = Flow::new("scale", partitions);
    let names = lab_names(scale);
    let start = |number: usize| {
        let state = format!("state.dir={}", flow.dir.path().join(format!("state-{number}")).display());
        let session = "kafka.properties.session.timeout.ms=6000";
        flow.start(scale, partitions, &["--set", session, "--set", &state])
    };
    let complete = |addresses: &[&String]| {
        let count =
            |address: &&String| status(address).and_then(|report| report["join"]["complete"].as_u64());
        addresses.iter().filter_map(count).sum::<u64>()
    };
    let (first, address) = start(1);
    let (some, rest) = names.split_at(names.len() / 2);
    flow.produce_names(some);
    wait_for("some records", || (complete(&[&address]) >= 50).then_some(()));
    let (second, of_second) = start(2);
    let (third, of_third) = start(3);
    let both = |holds: &dyn Fn(&String) -> bool| [&of_second, &of_third].into_iter().all(holds).then_some(());
    wait_for("partitions of all three", || {
        both(&|address| status(address).is_some_and(|report| report["partitions"] != serde_json::json!([])))
    });
    // However soon the first was done with what it had, there is something to do for all.
    flow.produce_names(rest);
    wait_for("records of all three", || both(&|address| complete(&[address]) > 0));
    assert_eq!(second.stop("KILL").code(), None);
    assert!(first.stop("TERM").success());
    flow.joined(&names);
    wait_for("the end of all calls", || {
        let report = status(&of_third)?;
        report["nodes"].as_array()?.iter().all(|node| node["in_flight"] == 0).then_some(())
    });
    assert!(third.stop("TERM").success());
    joined_once(&flow, partitions, &names);
}

/// What cannot be read is told where it can be found, and nothing else suffers.
#[test]
fn bad_input_is_answered_or_becomes_a_dead_letter() {
    let flow = Flow::new("bad", 2);
    let (running, address) = flow.start(0, 2, &[]);
    let unknown_schema = [0, 0, 1, 134, 159, 2, 0];
    let truncated = |schema: u32| [&[0][..], &schema.to_be_bytes(), &[1]].concat();
    wait_for("readiness", || page(&address, "/readyz").filter(|(code, _)| *code == 200));
    flow.produce(
        "to_process_zone",
        &[
            (Some(b"\xff\xfe"), None),
            (None, None),
            (Some(b"foo..com"), None),
            (Some(b"bad-json.cz"), Some(b"{bad json")),
            (Some(b"bad-schema.cz"), Some(&unknown_schema)),
            (Some(b"cut.cz"), Some(&truncated(1))),
            (Some(b"plna-lab.cz"), Some(b"")),
        ],
    );
    flow.produce("to_process_DNS", &[(Some(b"null.cz"), None)]);
    flow.produce("to_process_TLS", &[(Some(b"null.cz"), None)]);
    flow.produce(
        "to_process_IP",
        &[
            (Some(b"{bad"), None),
            (Some(b"{\"dn\":\"a\"}"), None),
            (Some(b"{\"dn\":\"a\",\"ip\":\"999.1.1.1\"}"), None),
        ],
    );
    flow.produce(
        "processed_TLS",
        &[(Some(b"x.cz"), None), (Some(b"x.cz"), Some(b"garbage")), (Some(b"x.cz"), Some(&unknown_schema))],
    );
    flow.produce("collected_IP_data", &[(Some(b"no json"), Some(b"garbage"))]);

    // Whatever else, the good name has its record.
    assert_eq!(key(&flow.joined(&["plna-lab.cz".to_owned()])[0]), "plna-lab.cz");

    let letters = flow.read("dead_letters", |messages| messages.len() >= 11);
    let mut codes: Vec<_> = letters
        .iter()
        .map(|letter| {
            let topic = header(letter, "domainflow-dead-topic").unwrap();
            format!(
                "{} {}",
                topic.split_once('.').unwrap().1,
                header(letter, "domainflow-dead-code").unwrap()
            )
        })
        .collect();
    codes.sort();
    assert_eq!(
        codes,
        [
            "collected_IP_data key-not-an-address",
            "processed_TLS schema-unknown",
            "processed_TLS value-missing",
            "processed_TLS value-not-framed",
            "to_process_IP key-not-an-address",
            "to_process_IP key-not-an-address",
            "to_process_zone key-missing",
            "to_process_zone key-not-text",
            "to_process_zone schema-unknown",
            "to_process_zone value-malformed",
            "to_process_zone value-not-framed",
        ]
    );
    let cut = letters.iter().find(|letter| key(letter) == "cut.cz").unwrap();
    assert_eq!(cut.payload().unwrap(), truncated(1), "the bytes as they came");
    for name in ["partition", "offset", "time", "stage", "message"] {
        assert!(header(cut, &format!("domainflow-dead-{name}")).is_some(), "{name}");
    }

    // Requests with a readable key have their answer.
    let mut foreign = Foreign::new(&flow.servers.1);
    let mut statuses = |topic: &str, count: usize| -> Vec<(String, i64)> {
        let messages = flow.read(topic, |messages| messages.len() >= count);
        messages
            .iter()
            .filter(|message| key(message) != "no json")
            .map(|message| {
                (key(message), foreign.read(message.payload().unwrap())["statusCode"].as_i64().unwrap())
            })
            .collect()
    };
    let zones: BTreeMap<_, _> = statuses("processed_zone", 5).into_iter().collect();
    for (name, expected) in
        [("foo..com", 2), ("bad-json.cz", 1), ("bad-schema.cz", 1), ("cut.cz", 1), ("plna-lab.cz", 0)]
    {
        assert_eq!(zones[name], expected, "{name}");
    }
    assert!(statuses("processed_DNS", 2).contains(&("null.cz".to_owned(), 1)));
    let addresses = statuses("collected_IP_data", 5);
    let of_bad = addresses.iter().filter(|(key, _)| key.contains("999.1.1.1"));
    assert!(of_bad.clone().all(|(_, status)| *status == 3), "{addresses:?}");
    let report = status(&address).unwrap();
    let counted: u64 = report["dead_letters"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(counted, 11, "{report}");
    assert!(running.stop("TERM").success());
}

#[test]
fn what_does_not_fit_at_the_start_is_told() {
    let flow = Flow::new("start", 3);
    let fails = |more: &[&str], code: i32, said: &[&str]| {
        let output = run(&flow.command(&["run"], &[more, &["--lab", "--set", "admin.listen="]].concat()));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        for said in said {
            assert!(message.contains(said), "`{said}` is not said:\n{message}");
        }
    };
    fails(
        &["--set", "topics.partitions=4"],
        4,
        &["topics have the wrong number of partitions", "has 3, not 4", "topics-partitions", "hint:"],
    );
    let closed = format!("registry.url=http://127.0.0.1:{}", free_port());
    fails(
        &["--set", "topics.partitions=3", "--set", &closed],
        4,
        &["the schema registry at", "cannot be reached", "registry-unreachable", "hint:"],
    );
    let (broker, registry) = servers();
    let missing = run(&[
        "validate",
        "join",
        "--probe",
        "--set",
        &format!("kafka.bootstrap_servers={broker}"),
        "--set",
        &format!("registry.url={registry}"),
        "--set",
        "dns.resolvers=127.0.0.1:53",
        "--set",
        "topics.partitions=3",
    ]);
    // Nobody has created topics without a prefix on this broker.
    assert_eq!(missing.status.code(), Some(4), "{}", text(&missing.stderr));
    assert!(
        text(&missing.stderr).contains("topics are missing: processed_zone"),
        "{}",
        text(&missing.stderr)
    );
    let probed = run(&flow.command(
        &["validate"],
        &["--probe", "--set", "topics.partitions=3", "--set", "dns.resolvers=127.0.0.1:53"],
    ));
    assert!(probed.status.success(), "{}", text(&probed.stderr));
    assert!(text(&probed.stdout).contains("broker and topics"));
    let registered = run(&flow.command(&["schema", "register"], &["--format", "json"]));
    assert!(registered.status.success(), "{}", text(&registered.stderr));
    let checked = run(&flow.command(&["schema", "check"], &[]));
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).contains("fits schema"));
}
