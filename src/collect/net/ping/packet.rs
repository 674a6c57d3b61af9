//! Echo messages as bytes: requests of ours, and what replies and ICMP errors say about them (RFC 792, RFC 4443).
//!
//! A request carries in its data who sent it and what for; a reply brings that back in whole, an error perhaps only the
//! first eight bytes, with the sequence number. Decides what is ours; nothing here does I/O.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a request: header and 56 bytes of data, as `ping` has it.
pub(super) const REQUEST: usize = 64;

const HEADER: usize = 8;

/// Which request a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Of the series: never the same twice.
    pub series: u64,
    /// Where the series is kept.
    pub slot: u32,
    /// Of the request in its series, from 0.
    pub number: u32,
}

/// Who we are among all that ping from this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    /// In the data of each request.
    pub cookie: u64,
    /// Of the ICMP header; the kernel puts its own there on datagram sockets.
    pub identifier: u16,
}

/// An address family's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// An ICMP error that ends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Unreachable,
    TimeExceeded,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A reply to this request.
    Reply(Token),
    /// A request to this address met a fault.
    Fault { fault: Fault, to: IpAddr, sequence: u16, token: Option<Token> },
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    const fn request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    pub(super) const fn reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }

    /// The ICMP types of destination unreachable and of time exceeded.
    pub(super) const fn faults(self) -> [u8; 2] {
        match self {
            Self::V4 => [3, 11],
            Self::V6 => [1, 3],
        }
    }

    /// The fault that an ICMP type stands for; of others a request may still be answered.
    pub(super) fn fault(self, icmp_type: u8) -> Option<Fault> {
        let [unreachable, time_exceeded] = self.faults();
        match icmp_type {
            found if found == unreachable => Some(Fault::Unreachable),
            found if found == time_exceeded => Some(Fault::TimeExceeded),
            _ => None,
        }
    }
}

impl Identity {
    /// The bytes of a request.
    pub(super) fn request(self, family: Family, sequence: u16, token: Token) -> [u8; REQUEST] {
        let mut bytes = [0; REQUEST];
        bytes[0] = family.request();
        bytes[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        bytes[6..8].copy_from_slice(&sequence.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.cookie.to_be_bytes());
        bytes[16..24].copy_from_slice(&token.series.to_be_bytes());
        bytes[24..28].copy_from_slice(&token.slot.to_be_bytes());
        bytes[28..32].copy_from_slice(&token.number.to_be_bytes());
        // That of ICMPv6 covers addresses, too; the kernel sees to it.
        if family == Family::V4 {
            let checksum = checksum(&bytes);
            bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        bytes
    }

    /// Reads an ICMP message as a datagram socket gives it: replies only.
    pub(super) fn reply(self, family: Family, message: &[u8]) -> Option<Said> {
        (*message.first()? == family.reply()).then(|| self.token(message).map(Said::Reply))?
    }

    /// Reads what a raw socket gives: everything that ICMP brings to this machine, with the IPv4 header before it.
    pub(super) fn raw(self, family: Family, packet: &[u8]) -> Option<Said> {
        let message = match family {
            Family::V4 => behind_v4_header(packet)?,
            Family::V6 => packet,
        };
        let Some(fault) = family.fault(*message.first()?) else { return self.reply(family, message) };
        let quoted = message.get(HEADER..)?;
        let (to, request): (IpAddr, _) = match family {
            Family::V4 => {
                let to: [u8; 4] = quoted.get(16..20)?.try_into().ok()?;
                (Ipv4Addr::from(to).into(), behind_v4_header(quoted)?)
            }
            Family::V6 => {
                let to: [u8; 16] = quoted.get(24..40)?.try_into().ok()?;
                (Ipv6Addr::from(to).into(), quoted.get(40..)?)
            }
        };
        // Another process may have sent it.
        let ours = request.get(4..6)? == self.identifier.to_be_bytes();
        if ours { self.fault(family, fault, to, request) } else { None }
    }

    /// Reads the start of a request to `to` that came back with an error.
    pub(super) fn fault(self, family: Family, fault: Fault, to: IpAddr, request: &[u8]) -> Option<Said> {
        if *request.first()? != family.request() {
            return None;
        }
        let sequence = u16::from_be_bytes(request.get(6..8)?.try_into().ok()?);
        Some(Said::Fault { fault, to, sequence, token: self.token(request) })
    }

    /// The token in an echo message, if it is ours.
    fn token(self, message: &[u8]) -> Option<Token> {
        let data: &[u8; 24] = message.get(HEADER..)?.first_chunk()?;
        let (cookie, data) = data.split_first_chunk()?;
        let (series, data) = data.split_first_chunk()?;
        let (slot, number) = data.split_first_chunk()?;
        let number = number.first_chunk()?;
        (u64::from_be_bytes(*cookie) == self.cookie).then(|| Token {
            series: u64::from_be_bytes(*series),
            slot: u32::from_be_bytes(*slot),
            number: u32::from_be_bytes(*number),
        })
    }
}

/// What follows the header of an IPv4 packet of ICMP.
fn behind_v4_header(packet: &[u8]) -> Option<&[u8]> {
    let words = usize::from(packet.first()? & 0xf);
    if *packet.get(9)? == 1 { packet.get(words * 4..) } else { None }
}

/// RFC 1071.
fn checksum(bytes: &[u8; REQUEST]) -> u16 {
    let words = bytes.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Identity = Identity { cookie: 0x0102_0304_0506_0708, identifier: 0xbeef };
    const TOKEN: Token = Token { series: 7, slot: 3, number: 2 };

    fn reply(family: Family, identity: Identity) -> Vec<u8> {
        let mut message = identity.request(family, 9, TOKEN).to_vec();
        message[0] = family.reply();
        message
    }

    /// An IPv4 packet of ICMP to `to`, with four bytes of options.
    fn v4(to: [u8; 4], message: &[u8]) -> Vec<u8> {
        let mut packet = [vec![0x46, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1], to.to_vec()].concat();
        packet.extend([1, 1, 1, 1]);
        packet.extend(message);
        packet
    }

    fn v6(to: Ipv6Addr, message: &[u8]) -> Vec<u8> {
        [&[0x60, 0, 0, 0, 0, 64, 58, 64], &[0; 16][..], &to.octets(), message].concat()
    }

    #[test]
    fn a_reply_brings_its_token_back() {
        for family in [Family::V4, Family::V6] {
            assert_eq!(US.reply(family, &reply(family, US)), Some(Said::Reply(TOKEN)));
        }
        assert_eq!(US.raw(Family::V4, &v4([0; 4], &reply(Family::V4, US))), Some(Said::Reply(TOKEN)));
        assert_eq!(US.raw(Family::V6, &reply(Family::V6, US)), Some(Said::Reply(TOKEN)));
    }

    #[test]
    fn what_others_sent_is_not_ours_nor_what_we_send_ourselves() {
        let other = Identity { cookie: 1, ..US };
        assert_eq!(US.reply(Family::V4, &reply(Family::V4, other)), None);
        let request = US.request(Family::V4, 9, TOKEN);
        assert_eq!(US.raw(Family::V4, &v4([127, 0, 0, 1], &request)), None, "a request on the loopback");
        assert_eq!(US.raw(Family::V6, &US.request(Family::V6, 9, TOKEN)), None);
        let of_another = Identity { identifier: 1, ..US }.request(Family::V4, 9, TOKEN);
        let error = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &v4([192, 0, 2, 7], &of_another)].concat();
        assert_eq!(US.raw(Family::V4, &v4([0; 4], &error)), None, "an error of another process");
    }

    #[test]
    fn an_error_says_which_request_it_met_even_when_it_quotes_eight_bytes() {
        let v4_error = |icmp_type, code, quoted: usize| {
            let request = &US.request(Family::V4, 9, TOKEN)[..quoted];
            let error = [&[icmp_type, code, 0, 0, 0, 0, 0, 0][..], &v4([192, 0, 2, 7], request)].concat();
            US.raw(Family::V4, &v4([0; 4], &error))
        };
        let v6_error = |icmp_type, quoted: usize| {
            let to = "2001:db8::7".parse().unwrap();
            let request = &US.request(Family::V6, 9, TOKEN)[..quoted];
            US.raw(Family::V6, &[&[icmp_type, 0, 0, 0, 0, 0, 0, 0][..], &v6(to, request)].concat())
        };
        let met =
            |fault, to: &str, token| Some(Said::Fault { fault, to: to.parse().unwrap(), sequence: 9, token });
        let (v4, v6) = ("192.0.2.7", "2001:db8::7");
        assert_eq!(v4_error(3, 1, 64), met(Fault::Unreachable, v4, Some(TOKEN)));
        assert_eq!(v4_error(3, 13, 8), met(Fault::Unreachable, v4, None));
        assert_eq!(v4_error(11, 0, 8), met(Fault::TimeExceeded, v4, None));
        assert_eq!(v4_error(3, 1, 6), None);
        assert_eq!(v4_error(5, 1, 64), None, "a redirect is no error");
        assert_eq!(v6_error(1, 64), met(Fault::Unreachable, v6, Some(TOKEN)));
        assert_eq!(v6_error(3, 8), met(Fault::TimeExceeded, v6, None));
        assert_eq!(v6_error(2, 64), None, "too big");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_read_without_harm(bytes: Vec<u8>) {
            for family in [Family::V4, Family::V6] {
                US.reply(family, &bytes);
                US.raw(family, &bytes);
                US.fault(family, Fault::Unreachable, Ipv4Addr::LOCALHOST.into(), &bytes);
            }
        }
    }
}
