//! The one integration binary: the program as its users meet it, and the rules the sources keep.
//!
//! Tests that need Kafka and a schema registry use those that `scripts/servers/servers.sh up` started; `make test` does
//! both. Nothing here reaches beyond the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and tells what it saw"
)]

mod admin;
mod batch;
mod commands;
mod extractor;
mod fresh;
mod interop_dns;
mod interop_tls;
mod interop_web;
mod kafka;
mod schemas;
mod structure;
mod support;
