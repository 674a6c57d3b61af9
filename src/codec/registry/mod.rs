//! The schema registry: schemas by id, ids by subject. Two implementations: Confluent's HTTP API, and a folder of files
//! for the embedded transport. `compare.rs` holds our schemas beside what is there.

mod compare;
mod folder;
mod http;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Coded, Exit};

pub use compare::{Comparison, agree, compare};
pub use folder::FolderRegistry;
pub use http::HttpRegistry;

/// The id of a registered schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaId(pub u32);

impl std::fmt::Display for SchemaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Section `registry`: where the schemas are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// URL of the registry's Confluent-compatible API; needed with Kafka and format avro.
    pub url: String,
}

/// Stores schemas. Subjects are topic names with `-value`.
pub trait Registry: Send + Sync + 'static {
    /// The id of `schema` under `subject`, registering it if it is new there.
    fn register<'a>(
        &'a self,
        subject: &'a str,
        schema: &'a str,
    ) -> BoxFuture<'a, Result<SchemaId, RegistryError>>;

    /// The text of a schema; `None` if the id is not known.
    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Option<String>, RegistryError>>;

    /// The newest schema of `subject`, if it has one.
    fn latest<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<Option<(SchemaId, String)>, RegistryError>>;
}

/// Why the registry did not answer as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or none that makes sense.
    #[error("the schema registry at {url} cannot be reached: {detail}")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What happened.
        detail: String,
    },
    /// The registry refuses a schema.
    #[error("the schema registry refuses the schema of {subject}: {detail}")]
    Refused {
        /// The subject.
        subject: String,
        /// Its reason.
        detail: String,
    },
    /// Schemas in the registry and ours cannot be read by each other's readers.
    #[error("schemas in the registry do not go together with ours{}", told(.0))]
    Incompatible(Vec<Comparison>),
    /// The folder cannot be used.
    #[error("the schemas in {dir} cannot be used: {detail}")]
    Folder {
        /// The folder.
        dir: String,
        /// What happened.
        detail: String,
    },
}

/// One line for each topic that does not fit, and one below for each difference.
fn told(comparisons: &[Comparison]) -> String {
    comparisons.iter().map(|comparison| format!("\n{comparison}")).collect()
}

static UNREACHABLE: Code = Code {
    name: "registry-unreachable",
    exit: Exit::Unreachable,
    about: "The schema registry does not answer.",
    hint: "check registry.url (with its path, such as /apis/ccompat/v7) and that the registry runs; topics of \
           format json need none",
};
static REFUSED: Code = Code {
    name: "registry-refused",
    exit: Exit::Unreachable,
    about: "The schema registry refuses a schema, most often because it is incompatible with an older one.",
    hint: "compare with `domainflow schema check SPEC`",
};
static INCOMPATIBLE: Code = Code {
    name: "registry-incompatible",
    exit: Exit::Unreachable,
    about: "The newest schema of a topic in the registry and ours cannot be read by each other's readers.",
    hint: "use the version of this program that goes with what is registered, or topics of other names; if the break is \
           meant, `domainflow schema register SPEC` makes ours the newest, where the registry allows it",
};
static FOLDER: Code = Code {
    name: "schemas-broken",
    exit: Exit::State,
    about: "The folder of schemas in the state directory cannot be used.",
    hint: "check that the directory is writable, or give another with --set state.dir=DIR",
};

/// All codes of this component.
pub(super) static CODES: &[&Code] = &[&UNREACHABLE, &REFUSED, &INCOMPATIBLE, &FOLDER];

impl Coded for RegistryError {
    fn code(&self) -> &'static Code {
        match self {
            RegistryError::Unreachable { .. } => &UNREACHABLE,
            RegistryError::Refused { .. } => &REFUSED,
            RegistryError::Incompatible(_) => &INCOMPATIBLE,
            RegistryError::Folder { .. } => &FOLDER,
        }
    }
}
