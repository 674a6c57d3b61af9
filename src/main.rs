//! The program. Everything is in the library; see `cli` for the commands.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Names stay open for different times; what glibc's allocator frees between them never goes back to the system (after a
/// million open names it kept 1.3 GB, this one keeps 0.15). RocksDB and librdkafka use it as well. Its settings are in
/// `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    ExitCode::from(domainflow::cli::main() as u8)
}
