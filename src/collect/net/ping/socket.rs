//! One ICMP socket of the machine: a datagram socket where the group of the process may open one
//! (`net.ipv4.ping_group_range`), else a raw one (CAP_NET_RAW). Sends requests, and says what came.
//!
//! Datagram sockets report ICMP errors in their error queue. The kernel also returns a queued error from whatever call is
//! next: a send to another address fails so, and its packet is not sent. Such a call is made again once the queue is empty.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::filter;
use super::packet::{Family, Identity, REQUEST, Said};
use crate::collect::net::seam::PingError;

/// Room for replies that come while the sender rests. The kernel gives less where `net.core.rmem_max` is less.
const BUFFER: usize = 4 << 20;

/// Messages that are read at most before something else is done.
const AT_A_TIME: usize = 4096;

/// How often a send is made again because of the errors of others.
const AGAIN: usize = 8;

/// The longest message that is of interest: an error that quotes a request, with room for options and extensions.
const MESSAGE: usize = 576;

/// Something that came, from `source`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub said: Said,
    pub source: IpAddr,
    pub at: Instant,
}

/// What came of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Out,
    /// There is no way to the address from here.
    NoRoute,
    /// There is no room now.
    Later,
}

/// An open socket.
pub(super) struct EchoSocket {
    socket: Socket,
    family: Family,
    raw: bool,
    identity: Identity,
    control: Vec<u8>,
    /// When nothing more was there to read.
    emptied: Instant,
}

/// Opens a socket for echoes, and says whether it is a raw one.
pub(super) fn open(family: Family) -> io::Result<(Socket, bool)> {
    let (domain, protocol) = match family {
        Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
        Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
    };
    let open = |kind| Socket::new(domain, kind, Some(protocol));
    open(Type::DGRAM).map(|socket| (socket, false)).or_else(|_| open(Type::RAW).map(|socket| (socket, true)))
}

impl EchoSocket {
    pub(super) fn open(family: Family, identity: Identity) -> Result<Self, PingError> {
        let (socket, raw) = open(family).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => PingError::Permission,
            _ => PingError::Unsupported(error.to_string()),
        })?;
        socket.set_nonblocking(true)?;
        // Beyond the limit of the system where that is allowed.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            socket.set_recv_buffer_size(BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
            socket.set_send_buffer_size(BUFFER)?;
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(io::Error::from)?;
        match family {
            // A raw socket reads errors like any other message.
            _ if raw => filter::attach(&socket, family, identity),
            Family::V4 => setsockopt(&socket, sockopt::Ipv4RecvErr, &true).map_err(io::Error::from),
            Family::V6 => setsockopt(&socket, sockopt::Ipv6RecvErr, &true).map_err(io::Error::from),
        }?;
        let control = nix::cmsg_space!(TimeSpec, libc::sock_extended_err, libc::sockaddr_in6);
        Ok(Self { socket, family, raw, identity, control, emptied: Instant::now() })
    }

    /// Sends a request. What is found in the error queue meanwhile is added to `heard`.
    pub(super) fn send(
        &mut self,
        to: IpAddr,
        request: &[u8; REQUEST],
        heard: &mut Vec<Heard>,
    ) -> io::Result<Sent> {
        let address = SockAddr::from(SocketAddr::new(to, 0));
        for again in 0..AGAIN {
            let Err(error) = self.socket.send_to(request, &address) else { return Ok(Sent::Out) };
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            if error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS) {
                return Ok(Sent::Later);
            }
            let of_another = self.errors(heard) > 0 || again == 0;
            if !of_another {
                return if is_no_route(&error) { Ok(Sent::NoRoute) } else { Err(error) };
            }
        }
        Ok(Sent::Later)
    }

    /// Reads what came.
    pub(super) fn receive(&mut self, heard: &mut Vec<Heard>) {
        // The kernel stamps messages with the time of day; both clocks are read together, so that a step of the clock
        // falls on the messages of one tick at most.
        let (now, of_day) = (Instant::now(), time_of_day());
        for _ in 0..AT_A_TIME {
            let mut buffer = [0; MESSAGE];
            match self.read(&mut buffer, MsgFlags::empty()) {
                Ok(message) => {
                    let bytes = &buffer[..message.bytes];
                    let said = match self.raw {
                        true => self.identity.raw(self.family, bytes),
                        false => self.identity.reply(self.family, bytes),
                    };
                    let (Some(said), Some(source)) = (said, message.address) else { continue };
                    let at = message.stamp.map_or(now, |stamp| at(stamp, now, of_day, self.emptied));
                    heard.push(Heard { said, source, at });
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    self.emptied = now;
                    return;
                }
                // The error of a request.
                Err(_) => {
                    self.errors(heard);
                }
            }
        }
    }

    /// Empties the error queue; how many errors were in it.
    fn errors(&mut self, heard: &mut Vec<Heard>) -> usize {
        let now = Instant::now();
        let mut buffer = [0; MESSAGE];
        let mut count = 0;
        while count < AT_A_TIME {
            let Ok(message) = self.read(&mut buffer, MsgFlags::MSG_ERRQUEUE) else { break };
            count += 1;
            let fault = message.icmp_error.and_then(|icmp_type| self.family.fault(icmp_type));
            let (Some(fault), Some(to)) = (fault, message.address) else { continue };
            let said = self.identity.fault(self.family, fault, to, &buffer[..message.bytes]);
            heard.extend(said.map(|said| Heard { said, source: to, at: now }));
        }
        count
    }

    fn read(&mut self, buffer: &mut [u8], flags: MsgFlags) -> nix::Result<Message> {
        let mut parts = [IoSliceMut::new(buffer)];
        let read = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut self.control),
            flags | MsgFlags::MSG_DONTWAIT,
        )?;
        let address = read.address.as_ref().and_then(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
        });
        let mut message = Message { bytes: read.bytes, address, stamp: None, icmp_error: None };
        for part in read.cmsgs().into_iter().flatten() {
            match part {
                ControlMessageOwned::ScmTimestampns(stamp) => message.stamp = Some(Duration::from(stamp)),
                ControlMessageOwned::Ipv4RecvErr(error, _) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP => {
                    message.icmp_error = Some(error.ee_type);
                }
                ControlMessageOwned::Ipv6RecvErr(error, _) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 => {
                    message.icmp_error = Some(error.ee_type);
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

impl AsFd for EchoSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message as the kernel gives it.
struct Message {
    bytes: usize,
    /// Who sent it; of an error, whom the request was for.
    address: Option<IpAddr>,
    /// When it came, since 1970.
    stamp: Option<Duration>,
    icmp_error: Option<u8>,
}

fn time_of_day() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "it is compared with stamps of the kernel")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// When a message came that the kernel stamped with `stamp`, on the clock of `now`, which showed `of_day`. It did so after
/// the socket had been emptied, and not in the future: more than that a clock that was set cannot disturb.
fn at(stamp: Duration, now: Instant, of_day: Duration, emptied: Instant) -> Instant {
    let at = match of_day.checked_sub(stamp) {
        Some(ago) => now.checked_sub(ago).unwrap_or(emptied),
        None => now + (stamp - of_day).min(Duration::from_secs(1)),
    };
    at.clamp(emptied, Instant::now().max(emptied))
}

/// Errors of a send that say something about the address: no route, one that refuses, or a rule of this machine's firewall.
fn is_no_route(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied
            // Of a blackhole route.
            | ErrorKind::InvalidInput
    )
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::super::packet::Token;
    use super::*;
    use crate::collect::net::network::own;

    #[test]
    fn a_clock_that_is_set_moves_a_reply_no_further_than_it_can_have_come() {
        let now = Instant::now();
        let emptied = now - Duration::from_millis(5);
        let of_day = Duration::from_secs(1_000_000);
        let came = |stamp| at(stamp, now, of_day, emptied);
        assert_eq!(came(of_day - Duration::from_millis(2)), now - Duration::from_millis(2));
        assert_eq!(came(of_day - Duration::from_secs(3600)), emptied, "the clock was set forth");
        let after = came(of_day + Duration::from_secs(3600));
        assert!(after >= emptied && after <= Instant::now().max(emptied), "the clock was set back");
    }

    #[test]
    fn a_raw_socket_is_given_what_matters_only() {
        let Some(_network) = own(module_path!(), "a_raw_socket_is_given_what_matters_only", &[]) else {
            return;
        };
        for (family, address) in [(Family::V4, "127.0.0.1"), (Family::V6, "::1")] {
            let open = |identifier| EchoSocket::open(family, Identity { cookie: 7, identifier }).unwrap();
            let (mut ours, mut others) = (open(1), open(2));
            let request = ours.identity.request(family, 0, Token { series: 1, slot: 0, number: 0 });
            let mut heard = vec![];
            assert!(ours.raw);
            assert_eq!(ours.send(address.parse().unwrap(), &request, &mut heard).unwrap(), Sent::Out);
            let mut files = [PollFd::new(ours.as_fd(), PollFlags::POLLIN)];
            poll(&mut files, PollTimeout::from(10_000_u16)).unwrap();
            let read = |socket: &mut EchoSocket| {
                let mut buffer = [0; MESSAGE];
                std::iter::from_fn(|| socket.read(&mut buffer, MsgFlags::empty()).ok()).count()
            };
            // The loopback hands over the reply before the send returns.
            assert_eq!((read(&mut ours), read(&mut others)), (1, 0), "{address}");
        }
    }

    #[test]
    fn errors_of_the_way_are_told_from_those_of_the_machine() {
        for errno in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EPERM, libc::EINVAL] {
            assert!(is_no_route(&io::Error::from_raw_os_error(errno)), "{errno}");
        }
        for errno in [libc::ENOMEM, libc::EBADF, libc::EMSGSIZE] {
            assert!(!is_no_route(&io::Error::from_raw_os_error(errno)), "{errno}");
        }
    }
}
