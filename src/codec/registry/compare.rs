//! Our schemas beside the newest ones of the registry, so that a job that could not be understood does not start.

use std::fmt;

use apache_avro::Schema;
use serde::Serialize;

use super::{Registry, RegistryError, SchemaId};
use crate::codec::avro::{Breaks, Difference, differences, type_of};
use crate::codec::error::cut;
use crate::codec::schemas::subject;

/// Our schema of a topic beside the newest one that the registry has for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The topic.
    pub topic: String,
    /// Their schema; `None` if there is none yet.
    pub schema: Option<SchemaId>,
    /// What keeps the two from going together; nothing if they do.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether what is written with either can be read with the other.
    pub fn fits(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.schema {
            None => write!(f, "{}: no schema is registered yet", self.topic),
            Some(id) if self.fits() => write!(f, "{}: fits schema {id}", self.topic),
            Some(id) => {
                write!(f, "{}: does not fit schema {id}", self.topic)?;
                self.differences.iter().try_for_each(|difference| write!(f, "\n  {difference}"))
            }
        }
    }
}

/// Compares our schemas of `topics`.
pub async fn compare(
    registry: &dyn Registry,
    topics: impl IntoIterator<Item = (&str, &'static Schema)>,
) -> Result<Vec<Comparison>, RegistryError> {
    let mut comparisons = Vec::new();
    for (topic, ours) in topics {
        let (schema, differences) = match registry.latest(&subject(topic)).await? {
            None => (None, Vec::new()),
            Some((id, text)) => (Some(id), between(&text, ours)),
        };
        comparisons.push(Comparison { topic: topic.to_owned(), schema, differences });
    }
    Ok(comparisons)
}

/// An error if one of them does not fit.
pub fn agree(comparisons: Vec<Comparison>) -> Result<(), RegistryError> {
    let misfits: Vec<_> = comparisons.into_iter().filter(|comparison| !comparison.fits()).collect();
    if misfits.is_empty() { Ok(()) } else { Err(RegistryError::Incompatible(misfits)) }
}

fn between(theirs: &str, ours: &Schema) -> Vec<Difference> {
    match Schema::parse_str(theirs) {
        Ok(theirs) => differences(&theirs, ours),
        // A registry may hold schemas of other kinds.
        Err(error) => vec![Difference {
            path: String::new(),
            theirs: cut(format!("no Avro schema ({error})")),
            ours: type_of(ours),
            breaks: Breaks::Both,
        }],
    }
}
