//! WHOIS (RFC 3912): the registration of a name as text, from the registry and the servers that it refers to.
//!
//! ```text
//! client.rs   the chain of questions                servers.rs   which server knows a top-level domain (servers.txt)
//! encoding.rs an answer as text                     dialect.rs   what is special in a server's answers (dialects.txt)
//! answer.rs   what it means (phrases.txt)           fields.rs    its fields under common keys, date.rs
//! lines.rs    its lines: keys, values, blocks            names.rs     what registries call the fields (fields.txt)
//! ```

mod answer;
mod client;
mod config;
mod date;
mod dialect;
mod encoding;
mod fields;
pub mod fuzz;
mod lines;
mod names;
mod servers;

pub use client::{Whois, WhoisClient, WhoisError};
pub use config::WhoisConfig;
