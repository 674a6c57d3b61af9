//! The program. Everything is in the library; see `cli` for the commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(domainflow::cli::main() as u8)
}
