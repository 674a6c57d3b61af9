//! Who may be connected to: by default no address that is not public, on every connect and on every redirect, and nobody
//! who wants to be left alone.
//!
//! IPv4-mapped and NAT64 forms are judged by the IPv4 address inside. A profile (the lab, a private network) may allow all
//! addresses but not what its lists deny. Next: `deny.rs` for the lists.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::deny::{Names, Networks};
use super::file::Reloaded;

/// Decides whether an address, or a host, may be connected to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allow_private: bool,
    denied: Option<Arc<Reloaded<Networks>>>,
    opted_out: Option<Arc<Reloaded<Names>>>,
}

/// Why an address may not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// RFC 1918, RFC 6598, RFC 4193; site-local addresses (RFC 3879), local translation (RFC 8215).
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
    /// Documentation, benchmarking, class E; IPv6 outside of global unicast (RFC 4291 section 2.4: 2000::/3).
    #[error("the address is reserved")]
    Reserved,
    /// In the file of `net.deny_networks`.
    #[error("the address is in a network that is not to be connected to")]
    Denied,
    /// In the file of `net.opt_out`.
    #[error("the name is on the opt-out list")]
    OptedOut,
}

impl AddressPolicy {
    /// Public addresses only.
    pub fn public() -> Self {
        Self::default()
    }

    /// Also private, loopback and link-local addresses.
    pub fn private() -> Self {
        Self { allow_private: true, ..Self::default() }
    }

    /// The same, without these networks and names.
    pub fn without(
        self,
        denied: Option<Arc<Reloaded<Networks>>>,
        opted_out: Option<Arc<Reloaded<Names>>>,
    ) -> Self {
        Self { denied, opted_out, ..self }
    }

    /// Says whether `address` may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        match refusal(address) {
            Some(refusal @ (Refusal::Multicast | Refusal::Unspecified)) => return Err(refusal),
            Some(refusal) if !self.allow_private => return Err(refusal),
            _ => {}
        }
        let Some(denied) = &self.denied else { return Ok(()) };
        let inside = match address {
            IpAddr::V6(v6) => embedded_v4(v6).map(IpAddr::from),
            IpAddr::V4(_) => None,
        };
        let denied = denied.get();
        let denied = denied.contains(address) || inside.is_some_and(|inside| denied.contains(inside));
        if denied { Err(Refusal::Denied) } else { Ok(()) }
    }

    /// Says whether anything may be asked about `host`, a name in any spelling or an address.
    pub fn check_host(&self, host: &str) -> Result<(), Refusal> {
        match &self.opted_out {
            Some(names) if names.get().cover(host) => Err(Refusal::OptedOut),
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
        () if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Some(Refusal::Private),
        () if v6.segments()[..3] == [0x64, 0xff9b, 1] => Some(Refusal::Private),
        () if first & 0xffc0 == 0xfe80 => Some(Refusal::LinkLocal),
        () if v6.segments()[..2] == [0x2001, 0xdb8] || first == 0x3fff || first == 0x5f00 => {
            Some(Refusal::Reserved)
        }
        () if first < 0x2000 => Some(Refusal::Reserved),
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
        let (strict, open) = (AddressPolicy::public(), AddressPolicy::private());
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
            ("64:ff9b::8.8.8.8", Ok(()), Ok(())),
            ("64:ff9b:1::8.8.8.8", Err(Refusal::Private), Ok(())),
            ("fec0::1", Err(Refusal::Private), Ok(())),
            ("::127.0.0.1", Err(Refusal::Reserved), Ok(())),
            ("100::1", Err(Refusal::Reserved), Ok(())),
            ("3fff::1", Err(Refusal::Reserved), Ok(())),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(strict.check(address), strictly, "{address}");
            assert_eq!(open.check(address), openly, "{address}");
        }
    }

    #[test]
    fn lists_deny_networks_also_inside_of_other_forms_and_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let denied =
            Reloaded::open(&file("networks", "8.8.0.0/16\n2606:4700::/32\n127.0.0.9"), Networks::parse);
        let names = Reloaded::open(&file("names", "left-alone.cz"), Names::parse);
        let policy = AddressPolicy::private().without(denied.ok().map(Arc::new), names.ok().map(Arc::new));
        for (address, judged) in [
            ("8.9.0.1", Ok(())),
            ("8.8.4.4", Err(Refusal::Denied)),
            ("::ffff:8.8.4.4", Err(Refusal::Denied)),
            ("64:ff9b::8.8.4.4", Err(Refusal::Denied)),
            ("2002:808:404::1", Err(Refusal::Denied)),
            ("2606:4700::1111", Err(Refusal::Denied)),
            ("127.0.0.1", Ok(())),
            ("127.0.0.9", Err(Refusal::Denied)),
        ] {
            assert_eq!(policy.check(address.parse().unwrap()), judged, "{address}");
        }
        assert_eq!(policy.check_host("www.left-alone.cz"), Err(Refusal::OptedOut));
        assert_eq!(policy.check_host("cz"), Ok(()));
    }
}
