//! Where a setting comes from, and what is told when it is wrong.

use std::fmt;

use crate::error::{Code, Coded, Exit};

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file, at a line and column.
    File(String, usize, usize),
    /// In an environment variable.
    Environment(String),
    /// With `--set`.
    Set(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(file, line, column) => write!(f, "{file}:{line}:{column}"),
            Origin::Environment(variable) => write!(f, "environment variable {variable}"),
            Origin::Set(text) => write!(f, "--set {text}"),
        }
    }
}

/// A mistake in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key, a value or a text is wrong.
    #[error("{origin}: {message}")]
    Wrong {
        /// Where it was given.
        origin: Origin,
        /// What is wrong.
        message: String,
        /// What to do, if there is something better to say than where to look.
        hint: Option<String>,
    },
    /// A file cannot be read.
    #[error("the configuration file {file} cannot be read")]
    File {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Settings do not go together.
    #[error("{message}")]
    Conflict {
        /// What does not go together.
        message: String,
        /// What to do.
        hint: String,
    },
}

static CONFIG: Code = Code {
    name: "config-invalid",
    exit: Exit::Config,
    about: "A setting is wrong.",
    hint: "every key with its default is in config/default.toml",
};
static FILE: Code = Code {
    name: "config-file",
    exit: Exit::Config,
    about: "A configuration file cannot be read.",
    hint: "check the path given with --config",
};

/// All codes of this component.
pub static CONFIG_CODES: &[&Code] = &[&CONFIG, &FILE];

impl Coded for ConfigError {
    fn code(&self) -> &'static Code {
        match self {
            ConfigError::Wrong { .. } | ConfigError::Conflict { .. } => &CONFIG,
            ConfigError::File { .. } => &FILE,
        }
    }

    fn hint(&self) -> String {
        match self {
            ConfigError::Wrong { hint: Some(hint), .. } | ConfigError::Conflict { hint, .. } => hint.clone(),
            _ => self.code().hint.to_owned(),
        }
    }
}
