//! A far host that answers echo requests as a test wants it: late, twice, from elsewhere, or with an error. Delay and loss
//! are exact so, and the kernel need not have `netem`.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use super::Network;

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The reply.
    Reply,
    /// The reply, but from another address.
    FromElsewhere,
    /// The reply, but with other data.
    OtherData,
    /// An ICMP error of this type that quotes eight bytes of the request (RFC 792).
    ShortError(u8),
}

/// Says what answers go to the `number`-th request to this address, and when.
pub type Script = dyn Fn(IpAddr, u32) -> Vec<(Duration, Answer)> + Send + Sync;

impl Network {
    /// Lets the networks of number 9 answer by a script.
    pub fn answer(&self, script: impl Fn(IpAddr, u32) -> Vec<(Duration, Answer)> + Send + Sync + 'static) {
        let script: Arc<Script> = Arc::new(script);
        self.there(move || {
            for (protocol, v4) in [(0x0800_u16, true), (0x86dd, false)] {
                let protocol = Protocol::from(i32::from(protocol.to_be()));
                let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let script = script.clone();
                std::thread::spawn(move || answer(&socket, v4, &*script));
            }
        });
    }
}

fn answer(socket: &Socket, v4: bool, script: &Script) {
    let mut counts = HashMap::<IpAddr, u32>::new();
    let mut waiting = BTreeMap::new();
    let mut buffer = [0; 2048];
    let mut order = 0_u64;
    loop {
        match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok((length, Some(link))) => {
                let packet = &buffer[..length];
                let Some(to) = request_to(packet, v4) else { continue };
                let count = counts.entry(to).or_default();
                for (after, answer) in script(to, *count) {
                    order += 1;
                    waiting.insert((Instant::now() + after, order), (made(packet, v4, answer), link));
                }
                *count += 1;
            }
            Ok(_) => {}
            Err(error) => assert_eq!(io::Error::from(error).kind(), io::ErrorKind::WouldBlock),
        }
        while let Some(first) = waiting.first_entry()
            && first.key().0 <= Instant::now()
        {
            let (packet, link) = first.remove();
            sendto(socket.as_raw_fd(), &packet, &link, MsgFlags::empty()).unwrap();
        }
    }
}

/// Whom a packet asks, if it is an echo request to the networks of number 9.
fn request_to(packet: &[u8], v4: bool) -> Option<IpAddr> {
    let to: IpAddr = match v4 {
        true => <[u8; 4]>::try_from(&packet[16..20]).ok()?.into(),
        false => <[u8; 16]>::try_from(&packet[24..40]).ok()?.into(),
    };
    let ours = match to {
        IpAddr::V4(v4) => v4.octets()[..3] == [10, 9, 9],
        IpAddr::V6(v6) => v6.segments()[..2] == [0xfd09, 9],
    };
    (ours && packet[header(v4)] == if v4 { 8 } else { 128 }).then_some(to)
}

/// Bytes of an IP header without options.
fn header(v4: bool) -> usize {
    if v4 { 20 } else { 40 }
}

fn made(request: &[u8], v4: bool, answer: Answer) -> Vec<u8> {
    let at = header(v4);
    if let Answer::ShortError(icmp_type) = answer {
        assert!(v4, "what follows has no checksum of ICMPv6");
        let mut packet = turned(&request[..at], v4);
        packet[2..4].copy_from_slice(&56_u16.to_be_bytes());
        let mut error = [&[icmp_type, 0, 0, 0, 0, 0, 0, 0][..], &request[..at + 8]].concat();
        let sum = checksum(&error);
        error[2..4].copy_from_slice(&sum);
        packet.extend(error);
        return with_header_checksum(packet, v4);
    }
    let mut packet = turned(request, v4);
    packet[at] = if v4 { 0 } else { 129 };
    if answer == Answer::FromElsewhere {
        packet[at - if v4 { 5 } else { 17 }] ^= 0x40;
    }
    if answer == Answer::OtherData {
        packet[at + 8] ^= 1;
    }
    packet[at + 2..at + 4].fill(0);
    let sum = match v4 {
        true => checksum(&packet[at..]),
        // Addresses, length and protocol count, too (RFC 8200 section 8.1).
        false => checksum(&[&packet[8..40], &[0, 0], &packet[4..6], &[0, 0, 0, 58], &packet[at..]].concat()),
    };
    packet[at + 2..at + 4].copy_from_slice(&sum);
    with_header_checksum(packet, v4)
}

/// The packet with source and destination exchanged.
fn turned(packet: &[u8], v4: bool) -> Vec<u8> {
    let (first, length) = if v4 { (12, 4) } else { (8, 16) };
    let mut turned = packet.to_vec();
    turned[first..first + 2 * length].rotate_left(length);
    turned
}

fn with_header_checksum(mut packet: Vec<u8>, v4: bool) -> Vec<u8> {
    if v4 {
        packet[10..12].fill(0);
        let sum = checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum);
    }
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}
