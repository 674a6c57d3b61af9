//! The seams behind which the network can be replaced: name resolution and pings.
//!
//! Connections and DNS exchanges have no trait: tests and the lab serve them on the loopback with real sockets.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// Host names to addresses, by the configured recursive resolvers.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host` (A, then AAAA), following aliases. Empty never: no address is an error.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>>;
}

/// Why a host has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist or has no address.
    #[error("no address for {0}")]
    NotFound(String),
    /// No resolver answered in time.
    #[error("no answer for {0} in time")]
    Timeout(String),
    /// The resolvers failed otherwise.
    #[error("resolving {0} failed: {1}")]
    Failed(String, String),
}

/// ICMP echoes.
pub trait Ping: Send + Sync + 'static {
    /// Sends a series of echo requests to `address` and waits for what comes back.
    fn ping(&self, address: IpAddr, series: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>>;
}

/// How many echo requests to send, how far apart, and how long to wait for each reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoSeries {
    /// Requests to send.
    pub count: u32,
    /// Time between two requests.
    pub interval: Duration,
    /// How long to wait for a reply.
    pub timeout: Duration,
}

/// What came of one echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// A reply after this time.
    Reply(Duration),
    /// ICMP destination unreachable (RFC 792 type 3, RFC 4443 type 1), or no route from here.
    Unreachable,
    /// ICMP time exceeded (RFC 792 type 11, RFC 4443 type 3).
    TimeExceeded,
    /// Nothing in time.
    Lost,
}

/// Why no echo could be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The process may open no ICMP socket.
    #[error("no ICMP socket may be opened")]
    Permission,
    /// The family of the address is not available.
    #[error("no ICMP socket for this address family: {0}")]
    Unsupported(String),
    /// Another fault of the local system.
    #[error("ping failed: {0}")]
    Io(#[from] std::io::Error),
}
