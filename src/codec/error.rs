//! Why a value cannot be read. The codes go into dead letters, so they are stable.

use super::SchemaId;
use crate::error::{Code, Coded, Exit};

/// Longest text of a library's error that is kept: Avro's print whole schemas.
const DETAIL: usize = 300;

/// Why the bytes of a value are no record of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The value does not begin with the magic byte and a schema id.
    #[error("the value is not framed as Avro with a schema id")]
    NotFramed,
    /// The registry does not know the schema id.
    #[error("the registry knows no schema {0}")]
    UnknownSchema(SchemaId),
    /// The writer's schema cannot be read as ours.
    #[error("schema {id} does not fit: {detail}")]
    Incompatible {
        /// The writer's schema.
        id: SchemaId,
        /// What does not fit.
        detail: String,
    },
    /// The bytes are not what their schema says.
    #[error("the value is not well formed: {0}")]
    Malformed(String),
    /// A value is needed and there is none.
    #[error("the value is missing")]
    Missing,
}

impl DecodeError {
    /// A malformed value, with the library's text cut to a bounded length.
    pub fn malformed(detail: impl ToString) -> Self {
        Self::Malformed(cut(detail.to_string()))
    }

    pub(super) fn incompatible(id: SchemaId, detail: impl ToString) -> Self {
        Self::Incompatible { id, detail: cut(detail.to_string()) }
    }
}

pub(super) fn cut(mut detail: String) -> String {
    if let Some((end, _)) = detail.char_indices().nth(DETAIL) {
        detail.truncate(end);
        detail.push_str(" ...");
    }
    detail
}

macro_rules! codes {
    ($($id:ident = $name:literal, $about:literal, $hint:literal;)*) => {
        $(static $id: Code = Code { name: $name, exit: Exit::Unreachable, about: $about, hint: $hint };)*
        /// All codes of this component.
        pub(super) static CODES: &[&Code] = &[$(&$id),*];
    };
}

codes! {
    NOT_FRAMED = "value-not-framed", "A value of an Avro topic lacks the Confluent framing.",
        "the producer must use an Avro serializer with the schema registry, or the topic must have format json";
    UNKNOWN = "schema-unknown", "A value names a schema id that the registry does not know.",
        "the producer and this job must use the same schema registry";
    INCOMPATIBLE = "schema-incompatible", "A value was written with a schema that cannot be read as ours.",
        "compare the schemas with `domainflow schema check`";
    MALFORMED = "value-malformed", "A value is not what its format or schema says.",
        "look at the bytes in the dead letter; the producer is at fault";
    MISSING = "value-missing", "A record that needs a value has none.",
        "the producer is at fault";
}

impl Coded for DecodeError {
    fn code(&self) -> &'static Code {
        match self {
            DecodeError::NotFramed => &NOT_FRAMED,
            DecodeError::UnknownSchema(_) => &UNKNOWN,
            DecodeError::Incompatible { .. } => &INCOMPATIBLE,
            DecodeError::Malformed(_) => &MALFORMED,
            DecodeError::Missing => &MISSING,
        }
    }
}
