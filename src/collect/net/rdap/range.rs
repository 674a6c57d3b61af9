//! Which addresses an RDAP answer about an address speaks for, so that it can answer for the others, too.
//!
//! Believed only if it holds the address that was asked for and is no wider than the block for which the server is listed:
//! registries answer with all of IPv4 for what they do not know. A network inside of the range may have a registration of
//! its own, which only an answer about it tells: of several known ranges the narrowest counts.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde::Deserialize;

use super::document::Document;

/// Addresses from the first to the last, both included, of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    /// The first address.
    pub first: IpAddr,
    /// The last address, not before the first.
    pub last: IpAddr,
}

/// A network of the member `cidr0_cidrs` (the extension of the number registries).
#[derive(Deserialize)]
struct Cidr {
    #[serde(alias = "v4prefix", alias = "v6prefix")]
    prefix: IpAddr,
    length: u8,
}

impl Range {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// The networks that make up the range, at most twice as many as an address has bits.
    pub fn networks(&self) -> Vec<IpNet> {
        match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect()
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The range that `answer`, asked for `address`, says it is about; `block` led to the server. The whole range of the
    /// object where it says so (RFC 9083 section 5.4), else the network of its list that holds the address.
    pub(super) fn told(answer: &Document, address: IpAddr, block: IpNet) -> Option<Self> {
        let credible = |range: &Self| {
            range.contains(address) && block.contains(&range.first) && block.contains(&range.last)
        };
        let ends = answer.member("startAddress").zip(answer.member("endAddress"));
        let whole = ends.map(|(first, last)| Self { first, last }).filter(credible);
        whole.or_else(|| {
            let networks: Vec<serde_json::Value> = answer.member("cidr0_cidrs")?;
            networks.into_iter().filter_map(Self::network).find(credible)
        })
    }

    fn network(value: serde_json::Value) -> Option<Self> {
        let Cidr { prefix, length } = serde_json::from_value(value).ok()?;
        let network = IpNet::new(prefix, length).ok()?;
        Some(Self { first: network.network(), last: network.broadcast() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_believed_within_the_block_that_led_there() {
        for (answer, asked, expected) in [
            (r#"{"startAddress":"192.0.2.0","endAddress":"192.0.3.9"}"#, "192.0.2.1", "192.0.2.0 192.0.3.9"),
            (
                r#"{"cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":24}]}"#,
                "192.0.2.1",
                "192.0.2.0 192.0.2.255",
            ),
            (
                r#"{"cidr0_cidrs":[7,{"v4prefix":"192.0.2.0","length":24},{"v4prefix":"192.0.3.0","length":25}]}"#,
                "192.0.3.1",
                "192.0.3.0 192.0.3.127",
            ),
            // The whole object before one of its networks, unless it is too wide or spelled badly.
            (
                r#"{"startAddress":"192.0.2.0","endAddress":"192.0.4.255","cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":23}]}"#,
                "192.0.2.1",
                "192.0.2.0 192.0.4.255",
            ),
            (
                r#"{"startAddress":"0.0.0.0","endAddress":"255.255.255.255","cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":23}]}"#,
                "192.0.2.1",
                "192.0.2.0 192.0.3.255",
            ),
            (
                r#"{"startAddress":"192.0.2.0/24","endAddress":null,"cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":24}]}"#,
                "192.0.2.1",
                "192.0.2.0 192.0.2.255",
            ),
            (r#"{"startAddress":"0.0.0.0","endAddress":"255.255.255.255"}"#, "192.0.2.1", ""),
            (r#"{"cidr0_cidrs":[{"v4prefix":"128.0.0.0","length":1}]}"#, "192.0.2.1", ""),
            (r#"{"cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":99}]}"#, "192.0.2.1", ""),
            (r#"{"cidr0_cidrs":{"v4prefix":"192.0.2.0","length":24}}"#, "192.0.2.1", ""),
            (r#"{"startAddress":"192.0.2.0","endAddress":"192.0.2.255"}"#, "192.0.3.1", ""),
            (r#"{"startAddress":"192.0.2.9","endAddress":"192.0.2.0"}"#, "192.0.2.1", ""),
            (r#"{"startAddress":"192.0.2.0","endAddress":"2001:db8::"}"#, "192.0.2.1", ""),
            (r#"{"startAddress":"2001:db8::","endAddress":"2001:db8::ff"}"#, "192.0.2.1", ""),
            (r#"{"handle":"N"}"#, "192.0.2.1", ""),
            (
                r#"{"startAddress":"2001:db8::","endAddress":"2001:db8:0:ffff:ffff:ffff:ffff:ffff"}"#,
                "2001:db8::1",
                "2001:db8:: 2001:db8:0:ffff:ffff:ffff:ffff:ffff",
            ),
            (
                r#"{"cidr0_cidrs":[{"v6prefix":"2001:db8:1::","length":48}]}"#,
                "2001:db8:1::1",
                "2001:db8:1:: 2001:db8:1:ffff:ffff:ffff:ffff:ffff",
            ),
        ] {
            let block = if asked.contains(':') { "2001:db8::/32" } else { "192.0.0.0/8" };
            let document = Document::parse(answer.as_bytes()).unwrap();
            let range = Range::told(&document, asked.parse().unwrap(), block.parse().unwrap());
            let range = range.map_or(String::new(), |range| format!("{} {}", range.first, range.last));
            assert_eq!(range, expected, "{answer}");
        }
    }

    #[test]
    fn is_made_up_of_networks() {
        for (first, last, networks) in [
            ("192.0.2.0", "192.0.2.255", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.1", "192.0.2.4", "192.0.2.1/32 192.0.2.2/31 192.0.2.4/32"),
            ("2001:db8::", "2001:db8:2:ffff:ffff:ffff:ffff:ffff", "2001:db8::/47 2001:db8:2::/48"),
        ] {
            let range = Range { first: first.parse().unwrap(), last: last.parse().unwrap() };
            let found: Vec<_> = range.networks().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), networks);
        }
    }
}
