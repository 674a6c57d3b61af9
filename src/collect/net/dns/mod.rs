//! DNS: one engine for all queries of the process, and recursive resolution on top of it.
//!
//! [`Exchange`] puts one question to one server, or to several in a race, over UDP sockets that all queries share.
//! [`Resolver`] puts it to the configured resolvers, or finds the answer from the root servers down; it caches by TTL, and
//! asks identical questions once.
//! What a record means to a collector is decided in `collect/zone` and `collect/dns`, not here.
//!
//! ```text
//! Resolver ── forwarder: race over the ──┐
//!        │               resolvers       │                        ┌─ ports: UDP, id table, readers
//!        └─── recursor: zone by zone ────┼─ Exchange::ask ── query┤
//!                                        │    └─ server: what is  └─ tcp: after truncation
//! DnsCollector ── race over the zone's ──┘       known of one
//!                 name servers
//! ```

mod answer;
mod cache;
mod config;
mod error;
mod exchange;
mod forwarder;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod name;
mod ports;
mod query;
mod race;
mod recent;
mod recursor;
mod resolver;
mod server;
mod session;
mod signed;
mod silence;
mod tcp;
mod upstream;
mod validator;
mod wildcard;

pub use answer::{Answer, RrSet};
pub use config::{DnsConfig, Recursion, RrType};
pub use error::AskError;
pub use exchange::Exchange;
pub use name::{of_domain, text};
pub use query::Question;
pub(crate) use resolver::NO_RESOLVER;
pub use resolver::{Resolver, ResolverError};
pub use upstream::{Transport, Upstream, UpstreamError};
pub use validator::Security;

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
