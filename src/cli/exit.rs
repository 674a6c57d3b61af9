//! The exit codes and the codes of errors, as help and reference pages list them.

use crate::error::{Code, Exit};

/// The exit codes with their meaning.
pub fn exit_codes() -> [(Exit, &'static str); 9] {
    [
        (Exit::Done, "done"),
        (Exit::Found, "an audit found something that is missing or twice"),
        (Exit::Usage, "the command line or the dataflow file is wrong"),
        (Exit::Config, "the configuration is wrong"),
        (
            Exit::Unreachable,
            "a dependency (broker, registry, database file) cannot be reached or does not fit",
        ),
        (Exit::State, "the state on disk cannot be used"),
        (Exit::Internal, "a broken invariant; please report it"),
        (Exit::Interrupted, "stopped by an interrupt before the work was done"),
        (Exit::Terminated, "ended by a second SIGTERM"),
    ]
}

/// Every code that an error of this program may have, in the order of the names.
pub fn all_codes() -> Vec<&'static Code> {
    let mut codes: Vec<&'static Code> = crate::codec::codes()
        .chain(crate::collect::codes())
        .chain(crate::config::CONFIG_CODES.iter().copied())
        .chain(crate::embed::EMBED_CODES.iter().copied())
        .chain(crate::flow::PLACEMENT_CODES.iter().copied())
        .chain(crate::io::IO_CODES.iter().copied())
        .chain(crate::lab::LAB_CODES.iter().copied())
        .chain(crate::spec::SPEC_CODES.iter().copied())
        .chain(crate::state::STATE_CODES.iter().copied())
        .chain(crate::telemetry::TELEMETRY_CODES.iter().copied())
        .chain(super::start::CODES.iter().copied())
        .collect();
    codes.sort_by_key(|code| code.name);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_the_exit_codes() {
        let listed = exit_codes().map(|(exit, about)| format!("  {:<4} {about}", exit as u8)).join("\n");
        assert_eq!(crate::cli::args::AFTER_HELP, format!("Exit codes:\n{listed}"));
    }

    #[test]
    fn codes_are_unique() {
        let names: Vec<_> = all_codes().iter().map(|code| code.name).collect();
        let mut unique = names.clone();
        unique.dedup();
        assert_eq!(names, unique);
        assert!(names.len() > 20);
    }
}
