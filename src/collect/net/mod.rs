//! What a collector is lent to reach the network: names to addresses, connections, HTTP, pings, and who may be asked.
//!
//! These are the seams: tests and the lab stand behind them. No collector opens a socket past them.

pub mod ping;
pub mod policy;
pub mod seam;

pub use ping::{IcmpPing, PingUnavailable};
pub use policy::{AddressPolicy, Refusal};
pub use seam::{Echo, EchoSeries, Ping, PingError, Resolve, ResolveError};
