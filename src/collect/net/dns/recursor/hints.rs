//! Where the root servers are: as shipped, or from a file.
//!
//! Both have the form of IANA's `named.root`: of a zone file, NS records of the root and addresses of the hosts in them.

use std::net::IpAddr;
use std::path::Path;

use hickory_proto::rr::Name;

use crate::collect::net::file::{FileError, Reloaded};

const SHIPPED: &[u8] = include_bytes!("root.hints");

/// The addresses of the root servers in `file`, or of those that are shipped.
pub(super) fn root_servers(file: Option<&Path>) -> Result<Vec<IpAddr>, FileError> {
    match file {
        Some(path) => Ok(Reloaded::open(path, parse)?.get().to_vec()),
        None => Ok(parse(SHIPPED).expect("a test reads the shipped file")),
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<IpAddr>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let (mut hosts, mut addresses) = (vec![], vec![]);
    for (number, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(owner) = words.next() else { continue };
        let not_understood = || format!("line {}: not an NS record of the root, nor an address", number + 1);
        // The TTL and the class may be missing.
        let mut rest = words.skip_while(|word| *word == "IN" || word.parse::<u32>().is_ok());
        match (rest.next(), rest.next(), rest.next()) {
            (Some("NS"), Some(host), None) if owner == "." => hosts.push(name(host)?),
            (Some("A" | "AAAA"), Some(address), None) => {
                addresses.push((name(owner)?, address.parse().map_err(|_| not_understood())?));
            }
            _ => return Err(not_understood()),
        }
    }
    let of_root = addresses.into_iter().filter(|(host, _)| hosts.contains(host));
    let found: Vec<_> = of_root.map(|(_, address)| address).collect();
    if found.is_empty() { Err("no root server has an address".to_owned()) } else { Ok(found) }
}

fn name(text: &str) -> Result<Name, String> {
    let mut name = Name::from_ascii(text).map_err(|error| format!("{text}: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_or_refused() {
        let shipped = root_servers(None).unwrap();
        assert_eq!(shipped.iter().filter(|address| address.is_ipv4()).count(), 13);
        assert_eq!(shipped.len(), 26);
        for (text, expected) in [
            (". NS a.example.\na.example. A 192.0.2.1", Ok("192.0.2.1")),
            (
                "; a comment\n\n.\t3600000 IN NS A.example. ; another\na.EXAMPLE. 5 AAAA 2001:db8::1",
                Ok("2001:db8::1"),
            ),
            (". NS a.example.\nb.example. A 192.0.2.1", Err("no root server has an address")),
            ("", Err("no root server has an address")),
            ("cz. NS a.example.", Err("line 1: not an NS record of the root, nor an address")),
            (
                ". NS a.example.\na.example. A ::1.2.3",
                Err("line 2: not an NS record of the root, nor an address"),
            ),
        ] {
            let found = parse(text.as_bytes()).map(|found| found[0].to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
