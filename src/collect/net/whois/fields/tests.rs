//! Answers in the shapes of registries, with invented content: each `samples/NAME.txt` gives what `samples/NAME.json` says.

use std::path::PathBuf;

use super::super::answer::{Meaning, meaning};
use super::super::encoding;
use super::*;

/// Samples there are at least.
const SAMPLES: usize = 40;

/// What a sample comes to: the fields of a registration, or what else the answer means.
fn read(host: &str, bytes: Vec<u8>) -> Value {
    match meaning(host, &encoding::text(host, bytes)) {
        Meaning::Registration(fields) => Value::Object(fields),
        Meaning::Unknown => Value::String("unknown".to_owned()),
        Meaning::Limited => Value::String("limited".to_owned()),
        Meaning::Empty => Value::String("empty".to_owned()),
    }
}

/// A sample's name starts with the host of its server, where that matters.
#[test]
fn reads_the_shapes_of_registries() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/collect/net/whois/samples"));
    let mut wrong = vec![];
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        count += 1;
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let host = name.split('+').next().unwrap();
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap_or("null".to_owned());
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let found = read(host, std::fs::read(&path).unwrap());
        if found != expected {
            wrong.push(format!("{name} gives {found:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= SAMPLES, "{count} samples");
}

/// An answer of a hostile server is as bounded as one of a good one.
#[test]
fn lists_are_bounded() {
    let text: String =
        (0..10_000).map(|n| format!("Name Server: ns{n}.ok.com\nDomain Status: s{n}\n")).collect();
    let fields = parse(&text);
    for key in ["name_servers", "status"] {
        assert_eq!(fields[key].as_array().map(Vec::len), Some(MAX_LIST), "{key}");
    }
}
