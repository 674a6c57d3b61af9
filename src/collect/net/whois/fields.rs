//! The fields of a WHOIS answer under the keys of `whoisParsed` (those of asyncwhois, which the consumers know).
//!
//! Reads `key: value`, `[key] value`, `key....: value`, and values on the lines below their key (`samples/`). What
//! registries call the keys is in `fields.txt`. Of answers in other shapes fields are missing.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::date;
use crate::model::DomainName;

/// Values by key: text, or a list of texts. Without empty ones.
pub type Fields = Map<String, Value>;

/// One line of `fields.txt`.
#[derive(Clone, Copy)]
struct Field {
    key: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Date,
    List,
    Hosts,
}

/// Fields by the names that registries use.
static FIELDS: LazyLock<HashMap<&'static str, Field>> = LazyLock::new(|| {
    let lines = include_str!("fields.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .flat_map(|line| {
            // The file is part of the program; a test reads all of it.
            let (head, names) = line.split_once(" = ").expect("a line of fields.txt is `kind key = names`");
            let (kind, key) = head.split_once(' ').expect("a line of fields.txt starts with `kind key`");
            let kind = match kind {
                "date" => Kind::Date,
                "list" => Kind::List,
                "hosts" => Kind::Hosts,
                _ => Kind::Text,
            };
            names.split(" | ").map(move |name| (name, Field { key, kind }))
        })
        .collect()
});

/// The key (lower case) and the value of a line, if it has the shape.
pub fn key_and_value(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let (key, value) = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => line.split_once(':')?,
    };
    Some((key.trim_end_matches(['.', ' ', '\t']).to_lowercase(), value.trim()))
}

/// Reads the fields of an answer.
pub fn parse(text: &str) -> Fields {
    let mut fields = Fields::new();
    // The field whose values may go on below, and how far its key is indented.
    let mut open: Option<(Field, usize)> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = None;
            continue;
        }
        if line.starts_with(['%', '#', '>']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let named = key_and_value(line).and_then(|(key, value)| Some((*FIELDS.get(key.as_str())?, value)));
        match (named, open) {
            (Some((field, value)), _) => {
                add(&mut fields, field, value);
                let goes_on = value.is_empty() || matches!(field.kind, Kind::List | Kind::Hosts);
                open = goes_on.then_some((field, indent));
            }
            (None, Some((field, at))) if indent > at => add(&mut fields, field, line.trim()),
            (None, _) => open = None,
        }
    }
    fields
}

fn add(fields: &mut Fields, field: Field, value: &str) {
    let value = match field.kind {
        // Addresses and remarks may stand behind a host.
        Kind::Hosts => value.split_whitespace().next().and_then(|host| DomainName::parse(host).ok()),
        Kind::Date => {
            return set(fields, field.key, date::rfc3339(value).unwrap_or_else(|| value.to_owned()));
        }
        Kind::Text => return set(fields, field.key, value.to_owned()),
        Kind::List => return push(fields, field.key, value.to_owned()),
    };
    if let Some(host) = value {
        push(fields, field.key, host.to_string());
    }
}

/// The first value counts: what follows in an answer describes contacts and servers.
fn set(fields: &mut Fields, key: &str, value: String) {
    if !value.is_empty() {
        fields.entry(key).or_insert(Value::String(value));
    }
}

fn push(fields: &mut Fields, key: &str, value: String) {
    let list = fields.entry(key).or_insert_with(|| Value::Array(vec![]));
    if let Value::Array(list) = list {
        let value = Value::String(value);
        if !list.contains(&value) {
            list.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! sample {
        ($name:literal) => {
            (
                $name,
                include_str!(concat!("samples/", $name, ".txt")),
                include_str!(concat!("samples/", $name, ".json")),
            )
        };
    }

    #[test]
    fn reads_the_shapes_of_registries() {
        for (shape, text, expected) in [
            sample!("gtld"),
            sample!("objects"),
            sample!("below"),
            sample!("aside"),
            sample!("dots"),
            sample!("brackets"),
            sample!("nothing"),
        ] {
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(Value::Object(parse(text)), expected, "{shape}");
        }
    }

    #[test]
    fn every_name_of_the_file_can_be_found() {
        for name in FIELDS.keys() {
            assert_eq!(key_and_value(&format!("{name}: x")), Some(((*name).to_owned(), "x")));
        }
    }
}
