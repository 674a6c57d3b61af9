//! Who wants to be left alone: networks that are not connected to, and names that nothing is collected about.
//!
//! Text files of one entry a line; what follows a `#` is a comment. Next: `policy.rs` asks, `file.rs` reads them again.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::DomainName;

/// Networks, of both families. A mapped IPv4 address (RFC 4291 section 2.5.5.2) is the same as the IPv4 address.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last addresses, sorted, apart from each other.
    ranges: Vec<(u128, u128)>,
}

impl Networks {
    /// Reads a list: an address or a network in CIDR form a line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let network = |text: &str| {
            let single = text.parse::<IpAddr>().ok().map(IpNet::from);
            single.or_else(|| text.parse().ok()).ok_or("neither an address nor a network")
        };
        let mut ranges: Vec<_> = entries(bytes, network)?
            .into_iter()
            .map(|network| (number(network.network()), number(network.broadcast())))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let overlaps = next.0 <= last.1;
            if overlaps {
                last.1 = last.1.max(next.1);
            }
            overlaps
        });
        Ok(Self { ranges })
    }

    /// Whether `address` is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let number = number(address);
        let next = self.ranges.partition_point(|(first, _)| *first <= number);
        next > 0 && number <= self.ranges[next - 1].1
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Names, each with all that is below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names(HashSet<Box<str>>);

impl Names {
    /// Reads a list: a name a line, in any spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let name = |text: &str| DomainName::parse(text);
        Ok(Self(entries(bytes, name)?.into_iter().map(|name| name.as_str().into()).collect()))
    }

    /// Whether `name` or a name above it is one of them. What is no name is none of them.
    pub fn cover(&self, name: &str) -> bool {
        let Ok(name) = DomainName::parse(name) else { return false };
        let mut rest = Some(name.as_str());
        while let Some(name) = rest {
            if self.0.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, above)| above);
        }
        false
    }
}

/// The entries of a list; an error names its line.
fn entries<T, E: std::fmt::Display>(
    bytes: &[u8],
    entry: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .zip(1..)
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, number)| entry(line).map_err(|error| format!("line {number}, `{line}`: {error}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_families() {
        let list = "# theirs\n192.0.2.0/24\n 198.51.100.7 # one\n\n192.0.2.128/25\n2001:db8:1::/48\n::ffff:203.0.113.0/120\n";
        let networks = Networks::parse(list.as_bytes()).unwrap();
        for (address, inside) in [
            ("192.0.1.255", false),
            ("192.0.2.0", true),
            ("192.0.2.255", true),
            ("192.0.3.0", false),
            ("::ffff:192.0.2.1", true),
            ("198.51.100.6", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("203.0.113.9", true),
            ("2001:db8:1:ffff::1", true),
            ("2001:db8:2::1", false),
            ("::", false),
        ] {
            assert_eq!(networks.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::default().contains("192.0.2.1".parse().unwrap()));
        let all = Networks::parse(b"0.0.0.0/0\n10.0.0.0/8\n::/0").unwrap();
        assert!(all.contains("9.9.9.9".parse().unwrap()) && all.contains("ffff::".parse().unwrap()));
    }

    #[test]
    fn names_with_all_below() {
        let names = Names::parse("Example.ORG.\nháčky.cz # in any spelling\nb.c.de\n".as_bytes()).unwrap();
        for (name, covered) in [
            ("example.org", true),
            ("WWW.example.org.", true),
            ("notexample.org", false),
            ("org", false),
            ("xn--hky-ela4t.cz", true),
            ("c.de", false),
            ("a.b.c.de", true),
            ("not a name", false),
            ("", false),
        ] {
            assert_eq!(names.cover(name), covered, "{name}");
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let of_networks = |text: &[u8]| Networks::parse(text).unwrap_err();
        assert_eq!(of_networks(b"\n10.0.0.0/33"), "line 2, `10.0.0.0/33`: neither an address nor a network");
        assert_eq!(of_networks(b"\xff"), "not UTF-8");
        assert_eq!(
            Names::parse(b"a.cz\nb c.cz\n").unwrap_err(),
            "line 2, `b c.cz`: a character of the name is not allowed"
        );
    }
}
