//! What the kernel leaves out for a raw socket, which is given all ICMP of the machine: requests, its own included, and
//! replies to others. What passes is still read with care: `packet.rs`.

use std::io;

use nix::libc;
use socket2::{SockFilter, Socket};

use super::packet::{Family, Identity};

/// Lets through replies with our identifier, and errors.
pub(super) fn attach(socket: &Socket, family: Family, identity: Identity) -> io::Result<()> {
    let [unreachable, time_exceeded] = family.faults();
    let step = |code: u32, then: u8, or: u8, value: u32| {
        // The codes of the instructions have 16 bits.
        SockFilter::new(code as u16, then, or, value)
    };
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    socket.attach_filter(&[
        // The message is behind the header of IPv4; that of IPv6 is left out.
        match family {
            Family::V4 => step(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, 0),
            Family::V6 => step(libc::BPF_LDX | libc::BPF_IMM, 0, 0, 0),
        },
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 0, 0, 0),
        step(is, 2, 0, family.reply().into()),
        step(is, 3, 0, unreachable.into()),
        step(is, 2, 3, time_exceeded.into()),
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 0, 0, 4),
        step(is, 0, 1, identity.identifier.into()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ])
}
