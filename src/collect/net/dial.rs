//! Opens TCP connections, to addresses and to hosts: the one way out for TLS, pages and WHOIS.
//!
//! Every address passes the policy here, right before it is connected to: no name and no redirect gets around it.
//! Time is bounded by the caller's deadline. Next: `policy.rs`, `tls/mod.rs`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::{AddressPolicy, Refusal, Resolve, ResolveError};

/// Addresses of one host that are tried before it counts as not reachable.
const ADDRESSES_TRIED: usize = 4;

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Dialer {
    resolver: Arc<dyn Resolve>,
    policy: AddressPolicy,
}

/// An open connection, and how long it took to get it.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: TcpStream,
    /// The address at its other end.
    pub address: SocketAddr,
    /// Time until the host's addresses were known; zero if an address was given.
    pub resolve: Duration,
    /// Time until the connection stood, including addresses that failed before.
    pub connect: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The policy does not allow any of the addresses.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The host has no addresses that could be tried.
    #[error("{0}")]
    Resolve(#[from] ResolveError),
    /// The other side refuses connections on this port.
    #[error("connection refused")]
    ConnectionRefused,
    /// Nothing came back in time.
    #[error("connecting timed out")]
    Timeout,
    /// There is no way to the address.
    #[error("host or network unreachable")]
    Unreachable,
    /// The other side broke the connection off.
    #[error("connection reset")]
    Reset,
    /// Any other fault of the system.
    #[error("connecting failed: {0}")]
    Other(io::Error),
}

impl DialError {
    /// Whether time ran out, be it for the addresses or for the connection.
    pub fn timed_out(&self) -> bool {
        matches!(self, Self::Timeout | Self::Resolve(ResolveError::Timeout(_)))
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Other(error),
        }
    }
}

impl Dialer {
    /// A dialer that finds hosts by `resolver` and connects to what `policy` allows.
    pub fn new(resolver: Arc<dyn Resolve>, policy: AddressPolicy) -> Self {
        Self { resolver, policy }
    }

    /// Who may be connected to.
    pub fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    /// Connects to one address.
    pub async fn connect(&self, address: SocketAddr, deadline: Instant) -> Result<Dialed, DialError> {
        self.policy.check(address.ip())?;
        let start = Instant::now();
        let stream = match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(connected) => connected?,
            Err(_) => return Err(DialError::Timeout),
        };
        // Requests are written in one piece; waiting for more of it only costs time. A failure costs only that time.
        let _ = stream.set_nodelay(true);
        Ok(Dialed { stream, address, resolve: Duration::ZERO, connect: start.elapsed() })
    }

    /// Connects to the first address of `host`, a name or an address, that answers. Each address may use an equal part
    /// of the time left, so that a dead one leaves time for the next.
    pub async fn connect_host(&self, host: &str, port: u16, deadline: Instant) -> Result<Dialed, DialError> {
        let start = Instant::now();
        let addresses = match timeout_at(deadline, self.addresses(host)).await {
            Ok(addresses) => addresses?,
            Err(_) => return Err(ResolveError::Timeout(host.to_owned()).into()),
        };
        let resolve = start.elapsed();
        let mut last = DialError::Timeout;
        for (tried, &address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (addresses.len() - tried) as u32;
            match self.connect(SocketAddr::new(address, port), now + share).await {
                Ok(dialed) => return Ok(Dialed { resolve, connect: start.elapsed() - resolve, ..dialed }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The first addresses of `host`, a name or an address, that may be connected to. Empty never.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DialError> {
        self.policy.check_host(host)?;
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let found = match literal {
            Ok(address) => vec![address],
            Err(_) => self.resolver.addresses(host).await?,
        };
        let mut allowed = vec![];
        let mut refusal = None;
        for address in found {
            match self.policy.check(address) {
                Ok(()) => allowed.push(address),
                Err(refused) => refusal = Some(refused),
            }
        }
        allowed.truncate(ADDRESSES_TRIED);
        match refusal {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(refused) => Err(refused.into()),
            None => Err(ResolveError::NotFound(host.to_owned()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::collect::net::loopback::{Hosts, soon};

    fn dialer(policy: AddressPolicy, hosts: &[(&str, &[&str])]) -> Dialer {
        Dialer::new(Arc::new(Hosts::new(hosts)), policy)
    }

    #[tokio::test]
    async fn connects_to_what_the_policy_allows() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(
            dialer(AddressPolicy::private(), &[]).connect(address, soon()).await.unwrap().address,
            address
        );
        let refused = dialer(AddressPolicy::public(), &[]).connect(address, soon()).await;
        assert!(matches!(refused, Err(DialError::Refused(Refusal::Loopback))), "{refused:?}");
        for host in ["127.0.0.1", "[::1]", "::ffff:127.0.0.1", "inside.example"] {
            let hosts: &[(&str, &[&str])] = &[("inside.example", &["127.0.0.1"])];
            let refused =
                dialer(AddressPolicy::public(), hosts).connect_host(host, address.port(), soon()).await;
            assert!(matches!(refused, Err(DialError::Refused(Refusal::Loopback))), "{host}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn tries_the_addresses_of_a_host_in_their_order() {
        let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // The first is refused by the policy, the second by the system: nobody listens there.
        let hosts: &[(&str, &[&str])] = &[("some.example", &["0.0.0.0", "127.0.0.2", "127.0.0.3"])];
        let dialed =
            dialer(AddressPolicy::private(), hosts).connect_host("some.example", port, soon()).await.unwrap();
        assert_eq!(dialed.address, listener.local_addr().unwrap());
    }

    #[tokio::test]
    async fn tells_apart_why_there_is_no_connection() {
        let port = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap().port();
        let hosts: &[(&str, &[&str])] = &[("closed.example", &["127.0.0.2"])];
        let dialer = dialer(AddressPolicy::private(), hosts);
        let closed = dialer.connect_host("closed.example", port, soon()).await;
        assert!(matches!(closed, Err(DialError::ConnectionRefused)), "{closed:?}");
        let unknown = dialer.connect_host("unknown.example", port, soon()).await;
        assert!(matches!(unknown, Err(DialError::Resolve(ResolveError::NotFound(_)))), "{unknown:?}");
        let silent = dialer.connect_host(Hosts::SILENT, port, Instant::now()).await.unwrap_err();
        assert!(silent.timed_out(), "{silent:?}");
    }
}
