//! Sockets of the lab: one port for all addresses of a service, loopback only, and the loop that accepts connections.
//!
//! Decides the bounds that hold for every server: connections at once, and how long one may last.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::LabError;

/// Connections that one address serves at once; more wait in the backlog.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection may last; RDAP and NERD clients keep theirs alive.
const MAX_CONNECTION_TIME: Duration = Duration::from_secs(600);
/// How long a server that says nothing keeps a connection.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// Free ports that are tried until one is free on every address.
const ATTEMPTS: usize = 16;
/// Queries that may wait in a socket, in bytes.
const UDP_BUFFER: usize = 1 << 20;

/// Binds every address to the same port, by `bind`. Port 0 takes a free one. `::1` is left out where there is no IPv6.
pub fn on_one_port<T>(
    addresses: &[IpAddr],
    port: u16,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<(u16, Vec<(IpAddr, T)>), LabError> {
    let all = |port| {
        let mut bound = Vec::with_capacity(addresses.len());
        for &address in addresses {
            // The data name the addresses; whatever they say, nothing is offered to the network.
            let allowed =
                if address.is_loopback() { Ok(()) } else { Err(ErrorKind::AddrNotAvailable.into()) };
            match allowed.and_then(|()| bind(SocketAddr::new(address, port))) {
                Ok(socket) => bound.push((address, socket)),
                Err(error) if address == Ipv6Addr::LOCALHOST && error.kind() != ErrorKind::AddrInUse => {}
                Err(source) => {
                    return Err(LabError::Bind { address: SocketAddr::new(address, port), source });
                }
            }
        }
        Ok((port, bound))
    };
    if port != 0 {
        return all(port);
    }
    let mut last = all(free_port()?);
    for _ in 1..ATTEMPTS {
        match last {
            Err(LabError::Bind { source, .. }) if source.kind() == ErrorKind::AddrInUse => {
                last = all(free_port()?)
            }
            done => return done,
        }
    }
    last
}

fn free_port() -> Result<u16, LabError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bind = || std::net::TcpListener::bind(address)?.local_addr();
    bind().map(|address| address.port()).map_err(|source| LabError::Bind { address, source })
}

/// A listening TCP socket.
pub fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// A UDP socket.
pub fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel lowers this to what the machine allows.
    socket.set_recv_buffer_size(UDP_BUFFER)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Hands each connection to `handle`, until the task is aborted; open connections end with it.
pub async fn accept<F>(listener: TcpListener, handle: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    // Without this small answers wait for the acknowledgement of the one before.
                    let _ = stream.set_nodelay(true);
                    open.spawn(timeout(MAX_CONNECTION_TIME, handle(stream)));
                }
                // Out of descriptors: those that are open have to end first.
                Err(error) => {
                    tracing::warn!(%error, "the lab cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// Reads and says nothing, until the other side gives up.
pub async fn stay_silent(mut stream: impl AsyncRead + Unpin) {
    let read = async {
        let mut buffer = [0; 1024];
        while matches!(stream.read(&mut buffer).await, Ok(length) if length > 0) {}
    };
    let _ = timeout(MAX_SILENCE, read).await;
}

/// Closes a connection with a reset.
pub fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
