//! WHOIS (RFC 3912): the registration of a name as text, from the registry and the servers that it refers to.
//!
//! ```text
//! client.rs   the chain of questions       servers.rs  which server knows a top-level domain (servers.txt)
//! answer.rs   what an answer means (phrases.txt)   fields.rs   its fields under common keys (fields.txt), date.rs
//! ```

mod answer;
mod client;
mod config;
mod date;
mod fields;
mod servers;

pub use client::{Whois, WhoisClient, WhoisError};
pub use config::WhoisConfig;
