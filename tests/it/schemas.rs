//! Every released version of a schema goes together with every other one and with that of the code, in both directions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use apache_avro::Schema;
use domainflow::codec::{Breaks, RECORDS, RecordSchema, differences};
use serde_json::{Value, json};

/// The released versions by their number, each with its schemas by topic.
fn released() -> BTreeMap<u32, BTreeMap<String, Value>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas/released");
    let version = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap().parse().expect("a version is a number");
        let schema = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (topic, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        };
        (number, std::fs::read_dir(path).unwrap().map(schema).collect())
    };
    std::fs::read_dir(dir).unwrap().map(version).collect()
}

fn parse(schema: &Value) -> Schema {
    Schema::parse(schema).unwrap()
}

#[test]
fn all_versions_go_together() {
    let released = released();
    let numbers: Vec<_> = released.keys().copied().collect();
    assert_eq!(numbers, (1..=numbers.len().max(1) as u32).collect::<Vec<_>>(), "versions are counted from 1");
    let mut versions: Vec<_> =
        released.into_iter().map(|(number, schemas)| (format!("version {number}"), schemas)).collect();
    let code =
        |record: &RecordSchema| (record.topic.to_owned(), serde_json::to_value((record.schema)()).unwrap());
    versions.push(("the code".to_owned(), RECORDS.iter().map(code).collect()));
    let mut wrong = vec![];
    for (index, (earlier, schemas)) in versions.iter().enumerate() {
        for (later, others) in &versions[index + 1..] {
            for (topic, schema) in schemas {
                let pair = format!("{topic}, {earlier} (theirs) and {later} (ours)");
                match others.get(topic) {
                    None => wrong.push(format!("{pair}: the topic is missing")),
                    Some(other) => {
                        let differences = differences(&parse(schema), &parse(other));
                        wrong.extend(differences.iter().map(|difference| format!("{pair}: {difference}")));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "see schemas/README.md:\n{}", wrong.join("\n"));
}

/// Whatever field of a released schema is touched, the check above would find it.
#[test]
fn a_break_of_any_field_would_be_found() {
    let mut tried = 0;
    for (topic, schema) in released().remove(&1).unwrap() {
        let theirs = parse(&schema);
        for pointer in fields(&schema, "") {
            let field = schema.pointer(&pointer).unwrap();
            let mut changed = schema.clone();
            *changed.pointer_mut(&pointer).unwrap() = json!({ "name": field["name"], "type": "bytes" });
            if !(field["type"] == "string" || field["type"] == "bytes") {
                assert_ne!(differences(&theirs, &parse(&changed)), [], "{topic}{pointer} of another type");
            }
            // Which is read from strings, but a default is gone or its name.
            changed.pointer_mut(&pointer).unwrap()["name"] = json!("renamed");
            let found = differences(&theirs, &parse(&changed));
            assert!(
                found.iter().any(|difference| difference.path.ends_with("renamed")),
                "{topic}{pointer} renamed"
            );
            let needed = field.get("default").is_none();
            let lost = found.iter().any(|difference| difference.breaks == Breaks::Writing);
            assert_eq!(lost, needed, "{topic}{pointer} gone");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried} fields");
}

/// JSON pointers to the fields of all records inside of a schema.
fn fields(schema: &Value, at: &str) -> Vec<String> {
    match schema {
        Value::Array(branches) => {
            let each = branches.iter().enumerate();
            each.flat_map(|(index, branch)| fields(branch, &format!("{at}/{index}"))).collect()
        }
        Value::Object(object) => {
            let mut found = vec![];
            for (index, field) in
                object.get("fields").and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                found.push(format!("{at}/fields/{index}"));
                found.extend(fields(&field["type"], &format!("{at}/fields/{index}/type")));
            }
            for inner in ["items", "values", "type"] {
                if let Some(inner_schema) = object.get(inner) {
                    found.extend(fields(inner_schema, &format!("{at}/{inner}")));
                }
            }
            found
        }
        _ => vec![],
    }
}
