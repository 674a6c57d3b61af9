//! The two formats of a topic's values.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The format of the values of a topic. Keys are plain text in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Avro behind the Confluent framing.
    #[default]
    Avro,
    /// JSON as the reference system writes it.
    Json,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Avro => "avro",
            Format::Json => "json",
        })
    }
}
