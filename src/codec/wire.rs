//! The records that topics carry, each with the schema derived from its definition and the file that documents it.

use std::sync::LazyLock;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{AvroSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeError, spelling};
use crate::model::{
    AllCollectedData, CommonIPResult, DNSRequest, DNSResult, IPRequest, RDAPDomainRequest, RDAPDomainResult,
    TLSResult, ZoneRequest, ZoneResult,
};

/// A record that is the value of a topic.
pub trait Wire: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The schema it is written with.
    fn schema() -> &'static Schema;

    /// Reads what was written with that schema. Made once, since it looks up every name of the schema.
    fn datum_reader() -> &'static GenericDatumReader<'static>;

    /// Writes with that schema.
    fn datum_writer() -> &'static GenericDatumWriter<'static>;

    /// The Parsing Canonical Form of its schema: what tells whether two schemas write the same bytes (Avro 1.12).
    fn canonical_form() -> &'static str;

    /// Its JSON.
    fn to_json(&self) -> Result<Vec<u8>, DecodeError> {
        serde_json::to_vec(self).map_err(DecodeError::malformed)
    }

    /// Reads its JSON.
    fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        // serde would take an array for a struct as well, field by field.
        match json.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => serde_json::from_slice(json).map_err(DecodeError::malformed),
            _ => Err(DecodeError::malformed("not a JSON object")),
        }
    }
}

/// The schema of a record and the topic it is named after.
#[derive(Clone, Copy, Debug)]
pub struct RecordSchema {
    /// The topic of the seed that carries the record; also the name of its file under `schemas/`.
    pub topic: &'static str,
    /// The derived schema.
    pub schema: fn() -> &'static Schema,
}

/// Why a reader and a writer of our schemas can be made.
const DEFINED: &str = "a derived schema defines every name it uses";

macro_rules! wire {
    ($($record:ty = $topic:literal $({ $($method:item)* })?),* $(,)?) => {
        $(impl Wire for $record {
            fn schema() -> &'static Schema {
                static SCHEMA: LazyLock<Schema> = LazyLock::new(<$record>::get_schema);
                &SCHEMA
            }

            fn datum_reader() -> &'static GenericDatumReader<'static> {
                static READER: LazyLock<GenericDatumReader<'static>> = LazyLock::new(|| {
                    let reader = GenericDatumReader::builder(<$record as Wire>::schema()).human_readable(false);
                    reader.build().expect(DEFINED)
                });
                &READER
            }

            fn datum_writer() -> &'static GenericDatumWriter<'static> {
                static WRITER: LazyLock<GenericDatumWriter<'static>> = LazyLock::new(|| {
                    let writer = GenericDatumWriter::builder(<$record as Wire>::schema()).human_readable(false);
                    writer.build().expect(DEFINED)
                });
                &WRITER
            }

            fn canonical_form() -> &'static str {
                static FORM: LazyLock<String> = LazyLock::new(|| <$record as Wire>::schema().canonical_form());
                &FORM
            }

            $($($method)*)?
        })*

        /// Every record that a topic carries.
        pub static RECORDS: &[RecordSchema] = &[
            $(RecordSchema { topic: $topic, schema: <$record as Wire>::schema }),*
        ];
    };
}

wire! {
    ZoneRequest = "to_process_zone" {
        fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
            spelling::request(json)
        }
    },
    DNSRequest = "to_process_DNS" {
        fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
            spelling::request(json)
        }
    },
    // The value is the address alone, and plain text in JSON topics.
    String = "to_process_TLS" {
        fn to_json(&self) -> Result<Vec<u8>, DecodeError> {
            Ok(self.as_bytes().to_vec())
        }

        fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
            std::str::from_utf8(json).map(str::to_owned).map_err(DecodeError::malformed)
        }
    },
    RDAPDomainRequest = "to_process_RDAP_DN",
    IPRequest = "to_process_IP",
    ZoneResult = "processed_zone",
    DNSResult = "processed_DNS",
    TLSResult = "processed_TLS",
    RDAPDomainResult = "processed_RDAP_DN",
    CommonIPResult = "collected_IP_data",
    AllCollectedData = "all_collected_data",
}
