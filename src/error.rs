//! The shape every error of this program has: a stable code, a plain message, a hint, an exit code.
//!
//! Decides nothing about single errors: those are `thiserror` enums beside the code that raises them,
//! and each maps to one of the [`Code`]s its component declares. Next: `cli/exit.rs`, docs/reference/errors.md.

use std::fmt;

/// How the process ends. The numbers are a public contract, listed in `--help` and in the docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// An audit found something that is missing or twice.
    Found = 1,
    /// The command line or the dataflow file is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Config = 3,
    /// A dependency (broker, registry, a file of data) cannot be reached or does not fit.
    Unreachable = 4,
    /// The state on disk cannot be used.
    State = 5,
    /// An invariant of this program is broken; please report it.
    Internal = 6,
    /// Ended by an interrupt (128 + SIGINT) before the work was done.
    Interrupted = 130,
    /// Ended by a second SIGTERM (128 + SIGTERM) before the work was handed back.
    Terminated = 143,
}

/// A stable, documented kind of error. Declared beside the component that raises it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name in `area-what` form; scripts and dead-letter headers may rely on it.
    pub name: &'static str,
    /// How the process ends when this error ends it.
    pub exit: Exit,
    /// One sentence for the reference page.
    pub about: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

/// An error with a code. `Display` says only what went wrong, the chain is in `source`.
pub trait Coded: std::error::Error + Send + Sync + 'static {
    /// The kind of this error.
    fn code(&self) -> &'static Code;

    /// What to do about it; by default the remedy of the code.
    fn hint(&self) -> String {
        self.code().hint.to_owned()
    }
}

/// Any [`Coded`] error on its way to the edge of the program.
pub type Failure = Box<dyn Coded>;

impl<E: Coded> From<E> for Failure {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// Prints an error with its causes, joined by `: `, as the edge of the program shows it.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
