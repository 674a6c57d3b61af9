//! RDAP (RFC 9082, RFC 9083): what registries and registrars know of a name or an address, as JSON that stays as it is.
//!
//! ```text
//! bootstrap.rs  which server is responsible (RFC 9224)     document.rs  links and entities of an answer
//! client.rs     asks it, then the servers that it names    range.rs     the addresses that an answer speaks for
//! config.rs     section `rdap`
//! ```
//!
//! Serves the collectors `rdap-dn` and `rdap-ip`, which decide what is asked for and what the record says.

mod bootstrap;
mod client;
mod config;
mod document;
pub mod fuzz;
mod range;

pub use client::{Network, Other, RdapClient, RdapError, Registration};
pub use config::{Prefer, RdapConfig};
pub use range::Range;
