//! Pings of the real network: ICMP echoes through surge-ping, by a datagram socket where the group of the process may
//! open one (`net.ipv4.ping_group_range`), else by a raw socket (CAP_NET_RAW).
//!
//! Datagram sockets hide ICMP errors, so unreachable and time exceeded show up through raw sockets only; without them
//! such an address counts as lost. One socket per address family serves all series.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use futures_util::future::{BoxFuture, FutureExt, try_join_all};
use socket2::{Domain, Protocol, Socket, Type};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use super::seam::{Echo, EchoSeries, Ping, PingError};
use crate::error::{Code, Coded, Exit};

/// What `ping` sends by default, too.
const PAYLOAD: [u8; 56] = [0; 56];

/// No ICMP socket may be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("no ICMP socket may be opened, so round-trip times cannot be measured")]
pub struct PingUnavailable(#[source] io::Error);

pub(crate) static PING_UNAVAILABLE: Code = Code {
    name: "ping-unavailable",
    exit: Exit::Config,
    about: "The process may open no ICMP socket.",
    hint: "let the group of the process ping with `sysctl -w net.ipv4.ping_group_range='0 2147483647'`, \
           or give the program CAP_NET_RAW",
};

impl Coded for PingUnavailable {
    fn code(&self) -> &'static Code {
        &PING_UNAVAILABLE
    }
}

/// Pings by the sockets of this machine. Sockets are opened at the first ping of their family.
#[derive(Default)]
pub struct IcmpPing {
    v4: OnceCell<Client>,
    v6: OnceCell<Client>,
    /// Tells series apart on raw sockets; the kernel does so on datagram sockets.
    identifier: AtomicU16,
    /// Tells requests apart: never the same for two requests in flight, of whatever series, so that a late reply
    /// is not taken for another one. surge-ping keys replies by address and sequence on datagram sockets.
    sequence: AtomicU16,
}

impl IcmpPing {
    /// Pings with identifiers that start at a random number, to differ from those of other processes.
    pub fn new() -> Self {
        Self { identifier: AtomicU16::new(rand::random()), ..Self::default() }
    }

    /// Checks at the start whether a socket may be opened at all (IPv4).
    pub fn available() -> Result<(), PingUnavailable> {
        let open = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4));
        open(Type::DGRAM).or_else(|_| open(Type::RAW)).map(drop).map_err(PingUnavailable)
    }

    async fn client(&self, address: IpAddr) -> Result<&Client, PingError> {
        let (cell, kind) = match address {
            IpAddr::V4(_) => (&self.v4, ICMP::V4),
            IpAddr::V6(_) => (&self.v6, ICMP::V6),
        };
        let open = async || Client::new(&Config::builder().kind(kind).build());
        cell.get_or_try_init(open).await.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => PingError::Permission,
            _ => PingError::Unsupported(error.to_string()),
        })
    }

    async fn series(&self, address: IpAddr, series: EchoSeries) -> Result<Vec<Echo>, PingError> {
        let client = self.client(address).await?;
        let identifier = PingIdentifier(self.identifier.fetch_add(1, Ordering::Relaxed));
        let start = Instant::now();
        let echoes = (0..series.count).map(async |number| {
            sleep_until(start + series.interval * number).await;
            let sequence = PingSequence(self.sequence.fetch_add(1, Ordering::Relaxed));
            let mut pinger = client.pinger(address, identifier).await;
            let answer = pinger.timeout(series.timeout).ping(sequence, &PAYLOAD).await;
            echo_of(answer.map(|(packet, time)| (kind_of(&packet), time)))
        });
        try_join_all(echoes).await
    }
}

impl Ping for IcmpPing {
    fn ping(&self, address: IpAddr, series: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>> {
        self.series(address, series).boxed()
    }
}

/// What an ICMP message says about the request it answers.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Reply,
    Unreachable,
    TimeExceeded,
    Other,
}

/// The kind by its type number: RFC 792, RFC 4443.
fn kind_of(packet: &IcmpPacket) -> Kind {
    match packet {
        IcmpPacket::V4(packet) => match packet.get_icmp_type().0 {
            0 => Kind::Reply,
            3 => Kind::Unreachable,
            11 => Kind::TimeExceeded,
            _ => Kind::Other,
        },
        IcmpPacket::V6(packet) => match packet.get_icmpv6_type().0 {
            129 => Kind::Reply,
            1 => Kind::Unreachable,
            3 => Kind::TimeExceeded,
            _ => Kind::Other,
        },
    }
}

fn echo_of(answer: Result<(Kind, std::time::Duration), SurgeError>) -> Result<Echo, PingError> {
    match answer {
        Ok((Kind::Reply, time)) => Ok(Echo::Reply(time)),
        Ok((Kind::Unreachable, _)) => Ok(Echo::Unreachable),
        Ok((Kind::TimeExceeded, _)) => Ok(Echo::TimeExceeded),
        Ok((Kind::Other, _)) | Err(SurgeError::Timeout { .. }) => Ok(Echo::Lost),
        Err(SurgeError::IOError(error)) => match error.kind() {
            // No route from here, or a rule of this machine's own firewall (EPERM) in place of a distant one.
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied => Ok(Echo::Unreachable),
            _ => Err(PingError::Io(error)),
        },
        Err(error) => Err(PingError::Io(io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn series(count: u32) -> EchoSeries {
        EchoSeries { count, interval: Duration::from_millis(2), timeout: Duration::from_secs(2) }
    }

    /// Series to the same and to different addresses at once; where no socket may be opened, the reason is told.
    #[tokio::test]
    async fn concurrent_series_get_their_own_replies() {
        let ping = IcmpPing::new();
        let address = |n: u8| IpAddr::from([127, 0, 0, 1 + n % 4]);
        let all = try_join_all((0..32).map(|n| ping.ping(address(n), series(4)))).await;
        match (IcmpPing::available(), all) {
            (Ok(()), Ok(all)) => {
                assert!(all.iter().all(|echoes| echoes.len() == 4), "{all:?}");
                assert!(all.iter().flatten().all(|echo| matches!(echo, Echo::Reply(_))), "{all:?}");
            }
            (Err(error), Err(PingError::Permission)) => assert!(error.hint().contains("ping_group_range")),
            (available, all) => panic!("{available:?}, but {all:?}"),
        }
    }

    #[test]
    fn errors_of_the_network_are_echoes_and_those_of_the_machine_are_errors() {
        let io = |kind: ErrorKind| echo_of(Err(SurgeError::IOError(kind.into())));
        for kind in [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::PermissionDenied] {
            assert!(matches!(io(kind), Ok(Echo::Unreachable)), "{kind}");
        }
        assert!(matches!(io(ErrorKind::OutOfMemory), Err(PingError::Io(_))));
        assert!(matches!(echo_of(Err(SurgeError::Timeout { seq: PingSequence(1) })), Ok(Echo::Lost)));
        let of = |kind| echo_of(Ok((kind, Duration::ZERO)));
        assert!(matches!(of(Kind::Unreachable), Ok(Echo::Unreachable)));
        assert!(matches!(of(Kind::TimeExceeded), Ok(Echo::TimeExceeded)));
        assert!(matches!(of(Kind::Other), Ok(Echo::Lost)));
    }
}
