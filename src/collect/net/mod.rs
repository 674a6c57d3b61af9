//! What a collector is lent to reach the network: names to addresses, connections, HTTP, pings, and who may be asked.
//!
//! These are the seams: tests and the lab stand behind them. No collector opens a socket past them.

pub mod config;
pub mod deny;
pub mod dial;
pub mod dns;
pub mod file;
pub mod http;
mod latin;
pub mod limit;
pub mod list;
#[cfg(test)]
pub mod loopback;
#[cfg(test)]
pub mod network;
pub mod ping;
pub mod policy;
pub mod rdap;
pub mod seam;
#[cfg(test)]
mod seeds;
pub mod suffix;
pub mod tls;
pub mod trust;
pub mod whois;

pub use config::NetConfig;
pub use dial::{DialError, Dialed, Dialer};
pub use dns::{AskError, DnsConfig, Exchange, Resolver, ResolverError};
pub use http::client::HttpClient;
pub use limit::{LimitError, Limiter, LimitsConfig, Pass};
pub use list::{ListError, Lists};
pub use ping::{IcmpPing, PingUnavailable};
pub use policy::{AddressPolicy, Refusal};
pub use seam::{Echo, EchoSeries, Ping, PingError, Resolve, ResolveError};
pub use suffix::Suffixes;
