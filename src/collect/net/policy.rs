//! Who may be connected to: by default no address that is not public, on every connect and on every redirect.
//!
//! IPv4-mapped and NAT64 forms are judged by the IPv4 address inside. A profile (the lab, a private network) may allow all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Decides whether an address may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Whether private, loopback and link-local addresses are allowed as well.
    pub allow_private: bool,
}

/// Why an address may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// RFC 1918, RFC 6598, RFC 4193.
    #[error("the address is private")]
    Private,
    /// RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3.
    #[error("the address is a loopback address")]
    Loopback,
    /// RFC 3927, RFC 4291 section 2.5.6.
    #[error("the address is link-local")]
    LinkLocal,
    /// RFC 5771, RFC 4291 section 2.7; also broadcast.
    #[error("the address is a multicast or broadcast address")]
    Multicast,
    /// The unspecified address and the rest of 0.0.0.0/8.
    #[error("the address is unspecified")]
    Unspecified,
    /// Documentation, benchmarking, class E.
    #[error("the address is reserved")]
    Reserved,
}

impl AddressPolicy {
    /// Says whether `address` may be connected to.
    pub fn check(self, address: IpAddr) -> Result<(), Refusal> {
        match refusal(address) {
            Some(Refusal::Multicast) => Err(Refusal::Multicast),
            Some(Refusal::Unspecified) => Err(Refusal::Unspecified),
            Some(refusal) if !self.allow_private => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// Why an address is not a public unicast address, if it is not.
fn refusal(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(v4) => refusal_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => refusal_v4(v4),
            None => refusal_v6(v6),
        },
    }
}

fn refusal_v4(v4: Ipv4Addr) -> Option<Refusal> {
    let [a, b, c, _] = v4.octets();
    match () {
        () if a == 0 => Some(Refusal::Unspecified),
        () if v4.is_loopback() => Some(Refusal::Loopback),
        () if v4.is_private() || (a == 100 && b & 0xc0 == 64) => Some(Refusal::Private),
        () if v4.is_link_local() => Some(Refusal::LinkLocal),
        () if v4.is_multicast() || v4.is_broadcast() => Some(Refusal::Multicast),
        () if v4.is_documentation() || a >= 240 => Some(Refusal::Reserved),
        () if a == 198 && b & 0xfe == 18 => Some(Refusal::Reserved),
        () if (a, b, c) == (192, 0, 0) => Some(Refusal::Reserved),
        () => None,
    }
}

fn refusal_v6(v6: Ipv6Addr) -> Option<Refusal> {
    let first = v6.segments()[0];
    match () {
        () if v6.is_unspecified() => Some(Refusal::Unspecified),
        () if v6.is_loopback() => Some(Refusal::Loopback),
        () if v6.is_multicast() => Some(Refusal::Multicast),
        () if first & 0xfe00 == 0xfc00 => Some(Refusal::Private),
        () if first & 0xffc0 == 0xfe80 => Some(Refusal::LinkLocal),
        () if v6.segments()[..2] == [0x2001, 0xdb8] || v6.segments()[..4] == [0x100, 0, 0, 0] => {
            Some(Refusal::Reserved)
        }
        () => None,
    }
}

/// The IPv4 address inside an IPv4-mapped (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056) address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => v6.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_addresses() {
        let (strict, open) = (AddressPolicy { allow_private: false }, AddressPolicy { allow_private: true });
        for (address, strictly, openly) in [
            ("93.184.216.34", Ok(()), Ok(())),
            ("2606:2800::1", Ok(()), Ok(())),
            ("127.0.0.1", Err(Refusal::Loopback), Ok(())),
            ("::1", Err(Refusal::Loopback), Ok(())),
            ("10.1.2.3", Err(Refusal::Private), Ok(())),
            ("100.64.0.1", Err(Refusal::Private), Ok(())),
            ("fd00::1", Err(Refusal::Private), Ok(())),
            ("169.254.1.1", Err(Refusal::LinkLocal), Ok(())),
            ("fe80::1", Err(Refusal::LinkLocal), Ok(())),
            ("224.0.0.1", Err(Refusal::Multicast), Err(Refusal::Multicast)),
            ("ff02::1", Err(Refusal::Multicast), Err(Refusal::Multicast)),
            ("0.0.0.0", Err(Refusal::Unspecified), Err(Refusal::Unspecified)),
            ("::", Err(Refusal::Unspecified), Err(Refusal::Unspecified)),
            ("192.0.2.1", Err(Refusal::Reserved), Ok(())),
            ("::ffff:127.0.0.1", Err(Refusal::Loopback), Ok(())),
            ("64:ff9b::10.0.0.1", Err(Refusal::Private), Ok(())),
            ("2002:7f00:1::", Err(Refusal::Loopback), Ok(())),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(strict.check(address), strictly, "{address}");
            assert_eq!(open.check(address), openly, "{address}");
        }
    }
}
