//! Why a store cannot be used, and what to do about it.

use std::path::PathBuf;

use super::store::FORMAT;
use crate::error::{Code, Coded, Exit};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has the store open.
    #[error("the state in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The store was written in another format.
    #[error("the state in {} has format {found}, this version reads format {FORMAT}", .dir.display())]
    Format {
        /// Where the store is.
        dir: PathBuf,
        /// The format it says it has.
        found: String,
    },
    /// A row cannot be read.
    #[error("a row of the {family} family cannot be read: {what}")]
    Row {
        /// The family of the row.
        family: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// RocksDB failed.
    #[error("the state in {} cannot be used", .dir.display())]
    Rocks {
        /// Where the store is.
        dir: PathBuf,
        /// What RocksDB says.
        source: rocksdb::Error,
    },
}

static IN_USE: Code = Code {
    name: "state-in-use",
    exit: Exit::State,
    about: "Another process has the state directory open.",
    hint: "stop the other process, or give this one a directory of its own with --set state.dir=DIR",
};
static FORMAT_CODE: Code = Code {
    name: "state-format",
    exit: Exit::State,
    about: "The state directory was written by a version with another format.",
    hint: "use the version that wrote it, or give another directory with --set state.dir=DIR",
};
static BROKEN: Code = Code {
    name: "state-broken",
    exit: Exit::State,
    about: "The state directory cannot be read or written.",
    hint: "check that the directory is writable and the disk is not full; with Kafka the directory may be \
           deleted, the state is rebuilt from the topics",
};

/// All codes of this component.
pub static STATE_CODES: &[&Code] = &[&IN_USE, &FORMAT_CODE, &BROKEN];

impl Coded for StateError {
    fn code(&self) -> &'static Code {
        match self {
            StateError::InUse(_) => &IN_USE,
            StateError::Format { .. } => &FORMAT_CODE,
            StateError::Row { .. } | StateError::Rocks { .. } => &BROKEN,
        }
    }
}
