//! DNS: one engine for all queries of the process, and recursive resolution on top of it.
//!
//! [`Exchange`] puts one question to one server, or to several in a race, over UDP sockets that all queries share.
//! [`Resolver`] puts it to the configured resolvers, caches by TTL, and asks identical questions once.
//! What a record means to a collector is decided in `collect/zone` and `collect/dns`, not here.
//!
//! ```text
//! Resolver ── race over the resolvers ──┐                        ┌─ ports: UDP, id table, readers
//!                                       ├─ Exchange::ask ── query┤
//! DnsCollector ── race over the zone's ─┘    └─ server: what is  └─ tcp: after truncation
//!                 name servers                  known of one
//! ```

mod answer;
mod config;
mod error;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod name;
mod ports;
mod query;
mod race;
mod recent;
mod resolver;
mod server;
mod session;
mod silence;
mod tcp;
mod upstream;

pub use answer::{Answer, RrSet};
pub use config::{DnsConfig, RrType};
pub use error::AskError;
pub use exchange::Exchange;
pub use name::{of_domain, text};
pub use query::Question;
pub(crate) use resolver::NO_RESOLVER;
pub use resolver::{Resolver, ResolverError};
pub use upstream::{Transport, Upstream, UpstreamError};

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
mod tests;
