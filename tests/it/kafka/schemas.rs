//! Schemas of other versions on a real registry: what does not go together keeps a job from starting, what does works
//! together while it runs. The other programs are librdkafka and Avro, nothing of our own code.

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use rdkafka::message::{Message as _, OwnedMessage};
use serde_json::json;

use super::flow::{Flow, Foreign, header, key, servers};
use super::registry::{register, subjects};
use crate::support::{run, text};

type Json = serde_json::Value;

/// A schema of the code, as it is released with it.
fn schema(topic: &str) -> Json {
    let path = format!("{}/schemas/{topic}.avsc", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A value written with a schema of the registry, from JSON; what is missing there has its default.
fn written(id: u32, schema: &Json, value: Json) -> Vec<u8> {
    framed(id, &Schema::parse(schema).unwrap(), Value::try_from(value).unwrap())
}

fn framed(id: u32, schema: &Schema, value: Value) -> Vec<u8> {
    let datum = GenericDatumWriter::builder(schema).build().unwrap();
    let datum = datum.write_value_to_vec(value.resolve(schema).unwrap()).unwrap();
    [&[0][..], &id.to_be_bytes(), &datum].concat()
}

#[test]
fn a_job_whose_schemas_do_not_go_together_with_the_registry_does_not_start() {
    let flow = Flow::new("misfit", 2);
    let mut theirs = schema("processed_zone");
    let fields = theirs["fields"].as_array_mut().unwrap();
    let status = fields.iter_mut().find(|field| field["name"] == "statusCode").unwrap();
    status["type"] = json!("string");
    fields.retain(|field| field["name"] != "lastAttempt");
    fields.push(json!({ "name": "priority", "type": "int" }));
    let id = register(&flow, "processed_zone", &theirs);
    let before = subjects(&flow);
    let lines = [
        format!("{}: does not fit schema {id}", flow.topic("processed_zone")),
        "  lastAttempt: theirs nothing, ours long without a default; we cannot read theirs".to_owned(),
        "  priority: theirs int without a default, ours nothing; they cannot read ours".to_owned(),
        "  statusCode: theirs string, ours int; neither can read the other's".to_owned(),
    ];
    let fails = |command: &[&str], more: &[&str], code: &str| {
        let done = run(&flow.command(command, &[&["--set", "topics.partitions=2"], more].concat()));
        let said = text(&done.stdout) + &text(&done.stderr);
        assert_eq!(done.status.code(), Some(4), "{said}");
        assert!(said.contains(&lines.join("\n")), "{said}");
        assert!(said.contains(code), "{said}");
    };
    let refused = "hint: use the version of this program";
    fails(&["run"], &["--lab", "--set", "admin.listen="], "registry-incompatible, exit code 4");
    fails(&["run"], &["--lab", "--set", "admin.listen="], refused);
    fails(&["validate"], &["--probe", "--set", "dns.resolvers=127.0.0.1:53"], refused);
    fails(
        &["schema", "check"],
        &[],
        &format!("ok {}: no schema is registered yet", flow.topic("processed_DNS")),
    );
    assert_eq!(subjects(&flow), before, "nothing was registered");

    let checked = run(&flow.command(&["schema", "check"], &["--format", "json"]));
    let checked: Json = serde_json::from_slice(&checked.stdout).unwrap();
    let zone = checked.as_array().unwrap().iter().find(|topic| topic["schema"] == id).unwrap();
    let expected = json!({ "path": "priority", "theirs": "int without a default", "ours": "nothing", "breaks": "writing" });
    assert_eq!(zone["differences"][1], expected);
}

/// Older and newer producers and consumers around a running job, on the way in, into the join and out.
#[test]
fn old_and_new_programs_work_together() {
    let flow = Flow::new("mixed", 2);
    let added = json!({ "name": "added", "type": { "type": "map", "values": "int" }, "default": {} });

    // An older producer does not know labels yet; a newer one says more, and in another order.
    let mut older = schema("to_process_zone");
    older["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "label");
    let mut newer = schema("to_process_zone");
    newer["fields"].as_array_mut().unwrap().insert(0, added.clone());
    let (of_older, of_newer) =
        (register(&flow, "to_process_zone", &older), register(&flow, "to_process_zone", &newer));
    let by_older = written(of_older, &older, json!({ "collectRDAP": true }));
    let by_newer = written(of_newer, &newer, json!({ "label": "by the newer one", "added": { "a": 1 } }));
    let names = ["www.plna-lab.cz".to_owned(), "plna-lab.cz".to_owned()];
    let record = |index: usize, value: &[u8]| {
        flow.produce("to_process_zone", &[(Some(names[index].as_bytes()), Some(value))])
    };
    record(0, &by_older);
    let (running, _) = flow.start(0, 2, &[]);
    record(1, &by_newer);
    let joined = flow.joined(&names);
    let mut foreign = Foreign::new(&servers().1);
    for message in &joined {
        let label = foreign.read(message.payload().unwrap())["label"].clone();
        let expected = if key(message) == names[1] { json!("by the newer one") } else { Json::Null };
        assert_eq!(label, expected, "{}", key(message));
    }

    // A newer collector gives a newer result, in its own words: it becomes the second revision.
    let mut newer = schema("processed_TLS");
    newer["fields"].as_array_mut().unwrap().insert(0, added.clone());
    let id = register(&flow, "processed_TLS", &newer);
    let result = flow.all("processed_TLS").into_iter().find(|message| key(message) == names[1]).unwrap();
    let Value::Record(mut fields) = foreign.value(result.payload().unwrap()) else { panic!("no record") };
    for (name, value) in &mut fields {
        match (name.as_str(), value) {
            ("lastAttempt", Value::TimestampMillis(time)) => *time += 1,
            ("html", html) => *html = Value::Union(1, Box::new(Value::String("a newer page".to_owned()))),
            _ => {}
        }
    }
    let value = framed(id, &Schema::parse(&newer).unwrap(), Value::Record(fields));
    flow.copy("processed_TLS", &result.set_payload(Some(value)));
    let is_second = |message: &OwnedMessage| header(message, "domainflow-revision").as_deref() == Some("2");
    let joined = flow.read("all_collected_data", |messages| messages.iter().any(is_second));
    let second = joined.into_iter().find(is_second).unwrap();
    assert_eq!(foreign.read(second.payload().unwrap())["tlsResult"]["html"], "a newer page");

    // Consumers of either side read it.
    let mut older = schema("all_collected_data");
    older["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "label");
    let mut newer = schema("all_collected_data");
    newer["fields"].as_array_mut().unwrap().push(added);
    for (reader, label, added) in [(older, None, None), (newer, Some("by the newer one"), Some(json!({})))] {
        let value =
            foreign.value(second.payload().unwrap()).resolve(&Schema::parse(&reader).unwrap()).unwrap();
        let value = Json::try_from(value).unwrap();
        assert_eq!(value["tlsResult"]["html"], "a newer page");
        assert_eq!(value.get("label").and_then(Json::as_str), label);
        assert_eq!(value.get("added"), added.as_ref());
    }
    assert_eq!(flow.all("dead_letters").len(), 0);
    assert!(running.stop("TERM").success());
}

/// Positions that a program of another version, or another program, has committed are neither read nor changed.
#[test]
fn positions_of_another_version_are_refused() {
    let flow = Flow::new("positions", 2);
    let names = ["plna-lab.cz".to_owned()];
    flow.produce_names(&names);
    for (topic, metadata, found) in [
        ("processed_zone", "v1 17 0", "format v1, this version reads format v2"),
        ("to_process_zone", "zone:AQEBAQEBAQEBAQEB", "format none, this version reads format v2"),
    ] {
        flow.commit(topic, 0, metadata);
        let more = ["--lab", "--set", "admin.listen=", "--set", "topics.partitions=2"];
        let done = run(&flow.command(&["run"], &more));
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(4), "{said}");
        for said_is in [
            &format!("the group's position in {} [0] has {found}", flow.topic(topic)),
            "group-format",
            "hint:",
        ] {
            assert!(said.contains(said_is), "`{said_is}` is not said:\n{said}");
        }
        assert_eq!(flow.committed(topic), [(0, metadata.to_owned()), (0, metadata.to_owned())], "{topic}");
        // As Kafka's own tools set a position.
        flow.commit(topic, 0, "");
    }
    let (running, _) = flow.start(0, 2, &[]);
    flow.joined(&names);
    assert!(running.stop("TERM").success());
    let written = flow.committed("processed_zone");
    assert!(
        written.iter().any(|(offset, metadata)| *offset > 0 && metadata.starts_with("v2 ")),
        "{written:?}"
    );
}
