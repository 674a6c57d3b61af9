//! Small types that say how a value looks on the wire in both formats: times, maps with text keys, bytes, free JSON.
//!
//! serde tells the formats apart by `is_human_readable`: JSON is, Avro is not.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Deref, DerefMut};

use apache_avro::schema::{Name, NamespaceRef, RecordField, Schema};
use apache_avro::serde::AvroSchemaComponent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::Status;
use crate::clock::Millis;

/// Gives a wire type an Avro schema that needs no context.
macro_rules! avro_schema {
    ($type:ty, $schema:expr) => {
        impl AvroSchemaComponent for $type {
            fn get_schema_in_ctxt(_: &mut HashSet<Name>, _: NamespaceRef) -> Schema {
                $schema
            }

            fn get_record_fields_in_ctxt(_: &mut HashSet<Name>, _: NamespaceRef) -> Option<Vec<RecordField>> {
                None
            }
        }
    };
}

/// A point in time in milliseconds since the UNIX epoch: a number in JSON, `timestamp-millis` in Avro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub Millis);

avro_schema!(Timestamp, Schema::TimestampMillis);
avro_schema!(Status, Schema::Int);

/// A map with text keys, in the order of the keys: an object in JSON, a map in Avro.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextMap<V>(pub BTreeMap<String, V>);

impl<V> Default for TextMap<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Deref for TextMap<V> {
    type Target = BTreeMap<String, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<V> DerefMut for TextMap<V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<V> FromIterator<(String, V)> for TextMap<V> {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<V: AvroSchemaComponent> AvroSchemaComponent for TextMap<V> {
    fn get_schema_in_ctxt(named: &mut HashSet<Name>, namespace: NamespaceRef) -> Schema {
        Schema::map(V::get_schema_in_ctxt(named, namespace)).build()
    }

    fn get_record_fields_in_ctxt(_: &mut HashSet<Name>, _: NamespaceRef) -> Option<Vec<RecordField>> {
        None
    }
}

/// Raw bytes, such as a certificate: Base64 (standard alphabet, padded) in JSON, `bytes` in Avro.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Der(pub Vec<u8>);

avro_schema!(Der, Schema::Bytes);

impl Serialize for Der {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            STANDARD.decode(text).map(Self).map_err(de::Error::custom)
        } else {
            serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self(bytes.into_vec()))
        }
    }
}

/// JSON of a shape that is not ours (RDAP answers, parsed WHOIS), kept as its text so that nothing in it changes:
/// written in place in JSON, a string in Avro.
#[derive(Clone, Debug)]
pub struct FreeJson(Box<RawValue>);

avro_schema!(FreeJson, Schema::String);

impl FreeJson {
    /// Checks that `text` is one JSON value and keeps it without the white space between its tokens.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let raw = RawValue::from_string(text.to_owned())?;
        if !raw.get().contains(['\n', '\r', '\t', ' ']) {
            return Ok(Self(raw));
        }
        RawValue::from_string(without_white_space(raw.get())).map(Self)
    }

    /// The JSON of a value of ours.
    pub fn of<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for FreeJson {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for FreeJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else {
            serializer.serialize_str(self.0.get())
        }
    }
}

impl<'de> Deserialize<'de> for FreeJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Box::<RawValue>::deserialize(deserializer).map(Self)
        } else {
            let text = String::deserialize(deserializer)?;
            RawValue::from_string(text).map(Self).map_err(de::Error::custom)
        }
    }
}

/// Drops the white space outside of strings from valid JSON: a record in a file of lines must be one line.
fn without_white_space(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            kept.push(c);
            (in_string, escaped) = match c {
                _ if escaped => (true, false),
                '\\' => (true, true),
                '"' => (false, false),
                _ => (true, false),
            };
        } else if !c.is_ascii_whitespace() {
            in_string = c == '"';
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_json_keeps_all_but_the_white_space_between_tokens() {
        for (text, kept) in [
            ("{ \"a\" : [1, 2 ,\n 3] }", "{\"a\":[1,2,3]}"),
            (r#"{"b":"x \" y\\","a":1e400}"#, r#"{"b":"x \" y\\","a":1e400}"#),
            ("\"a\\\\\" ", "\"a\\\\\""),
            ("12345678901234567890123", "12345678901234567890123"),
        ] {
            assert_eq!(FreeJson::parse(text).unwrap().text(), kept);
        }
        assert!(FreeJson::parse("{\"a\":}").is_err());
    }
}
