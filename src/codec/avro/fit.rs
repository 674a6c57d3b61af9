//! Whether two schemas go together: what is written with either can be read with the other, whatever it is, by Avro's
//! rules of schema resolution (Avro 1.12, "Schema Resolution"). Where they do not, the place and both sides of it are told.
//!
//! That is Confluent's level FULL. apache-avro decides about single types, but not where in a record it went wrong, and it
//! takes a named type for another one when it is defined at another place. `registry/compare.rs` compares with what is registered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use apache_avro::Schema;
use apache_avro::schema::{Name, RecordSchema, ResolvedSchema};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use serde::Serialize;
use serde_json::Value;

use super::resolve::{defined, place};
use crate::codec::error::cut;

/// A place at which two schemas do not go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The fields that lead there, joined by dots; `[]` stands for the items of an array and the values of a map. Empty
    /// for the record itself.
    pub path: String,
    /// The type that the other schema has there.
    pub theirs: String,
    /// The type that our schema has there.
    pub ours: String,
    /// What becomes of it.
    pub breaks: Breaks,
}

/// What a difference breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Breaks {
    /// We cannot read what is written with their schema.
    Reading,
    /// Readers with their schema cannot read what we write.
    Writing,
    /// Both.
    Both,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, theirs, ours, breaks } = self;
        let path = if path.is_empty() { "the whole value" } else { path };
        let breaks = match breaks {
            Breaks::Reading => "we cannot read theirs",
            Breaks::Writing => "they cannot read ours",
            Breaks::Both => "neither can read the other's",
        };
        write!(f, "{path}: theirs {theirs}, ours {ours}; {breaks}")
    }
}

/// What keeps two schemas from going together, in the order of the paths; nothing if they do.
pub fn differences(theirs: &Schema, ours: &Schema) -> Vec<Difference> {
    let mut found = BTreeMap::new();
    for gap in gaps(theirs, ours) {
        found.insert((gap.path, gap.writer, gap.reader), Breaks::Reading);
    }
    for gap in gaps(ours, theirs) {
        found
            .entry((gap.path, gap.reader, gap.writer))
            .and_modify(|breaks| *breaks = Breaks::Both)
            .or_insert(Breaks::Writing);
    }
    let difference = |((path, theirs, ours), breaks)| Difference { path, theirs, ours, breaks };
    found.into_iter().map(difference).collect()
}

/// A place at which a reader may be unable to read what a writer writes.
struct Gap {
    path: String,
    writer: String,
    reader: String,
}

fn gaps(writer: &Schema, reader: &Schema) -> Vec<Gap> {
    let names = |schema| ResolvedSchema::new(schema).map(|resolved| resolved.get_names().clone());
    match (names(writer), names(reader)) {
        (Ok(of_writer), Ok(of_reader)) => {
            let mut walk = Walk { of_writer, of_reader, seen: HashSet::new() };
            walk.compare("", writer, reader)
        }
        // A parsed schema defines every name it uses.
        _ => vec![gap("", writer, reader)],
    }
}

/// The walk through both schemas at once.
struct Walk<'s> {
    of_writer: HashMap<Name, &'s Schema>,
    of_reader: HashMap<Name, &'s Schema>,
    /// Pairs of records that were compared before, or are being compared: what is wrong with them is told once.
    seen: HashSet<(&'s Name, &'s Name)>,
}

impl<'s> Walk<'s> {
    fn compare(&mut self, path: &str, writer: &'s Schema, reader: &'s Schema) -> Vec<Gap> {
        let (writer, reader) = (defined(&self.of_writer, writer), defined(&self.of_reader, reader));
        match (writer, reader) {
            (Schema::Union(branches), _) => {
                // Whatever the writer chooses has to be readable.
                let each = branches.variants().iter().flat_map(|branch| self.compare(path, branch, reader));
                let (here, deeper): (Vec<_>, Vec<_>) = each.partition(|gap| gap.path == path);
                match here.is_empty() {
                    true => deeper,
                    false => vec![gap(path, writer, reader)],
                }
            }
            (_, Schema::Union(branches)) => {
                let mut nearest = None;
                for branch in branches.variants() {
                    let gaps = self.compare(path, writer, branch);
                    if gaps.is_empty() {
                        return gaps;
                    }
                    // A branch that differs deeper inside is the one that is meant.
                    if gaps.iter().all(|gap| gap.path != path) {
                        nearest = Some(gaps);
                    }
                }
                nearest.unwrap_or_else(|| vec![gap(path, writer, reader)])
            }
            (Schema::Record(of_writer), Schema::Record(of_reader)) => {
                if of_writer.name.name() != of_reader.name.name() {
                    vec![gap(path, writer, reader)]
                } else if self.seen.insert((&of_writer.name, &of_reader.name)) {
                    self.fields(path, of_writer, of_reader)
                } else {
                    Vec::new()
                }
            }
            (Schema::Array(of_writer), Schema::Array(of_reader)) => {
                self.compare(&format!("{path}[]"), &of_writer.items, &of_reader.items)
            }
            (Schema::Map(of_writer), Schema::Map(of_reader)) => {
                self.compare(&format!("{path}[]"), &of_writer.types, &of_reader.types)
            }
            _ => match SchemaCompatibility::can_read(writer, reader) {
                Ok(Compatibility::Full) => Vec::new(),
                Ok(Compatibility::Partial) | Err(_) => vec![gap(path, writer, reader)],
            },
        }
    }

    fn fields(&mut self, path: &str, writer: &'s RecordSchema, reader: &'s RecordSchema) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for field in &reader.fields {
            let path = match path {
                "" => field.name.clone(),
                path => format!("{path}.{}", field.name),
            };
            match place(writer, field) {
                Some(index) => {
                    gaps.extend(self.compare(&path, &writer.fields[index].schema, &field.schema));
                }
                None if field.default.is_some() => {}
                None => {
                    let reader = format!("{} without a default", type_of(&field.schema));
                    gaps.push(Gap { path, writer: "nothing".to_owned(), reader });
                }
            }
        }
        gaps
    }
}

fn gap(path: &str, writer: &Schema, reader: &Schema) -> Gap {
    Gap { path: path.to_owned(), writer: type_of(writer), reader: type_of(reader) }
}

/// A type as a person would write it, in bounded length.
pub fn type_of(schema: &Schema) -> String {
    let json = serde_json::to_value(schema).unwrap_or_default();
    cut(spelled(&json))
}

fn spelled(json: &Value) -> String {
    let text = |key: &str| json[key].as_str().unwrap_or_default();
    match json {
        Value::String(name) => name.clone(),
        Value::Array(branches) => branches.iter().map(spelled).collect::<Vec<_>>().join(" | "),
        _ => match text("type") {
            "array" => format!("array of {}", spelled(&json["items"])),
            "map" => format!("map of {}", spelled(&json["values"])),
            "record" => format!("record {}", text("name")),
            "enum" => {
                let symbols = json["symbols"].as_array().into_iter().flatten().map(spelled);
                format!("enum {} ({})", text("name"), symbols.collect::<Vec<_>>().join(", "))
            }
            "fixed" => format!("fixed {} ({} bytes)", text("name"), json["size"]),
            // With a logical type, which reading does not depend on.
            "" => spelled(&json["type"]),
            plain => plain.to_owned(),
        },
    }
}
