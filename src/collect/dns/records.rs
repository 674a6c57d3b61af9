//! What record data mean in the result: pure functions, with an order that does not depend on the server's.

use hickory_proto::rr::{Name, RData};
use indexmap::IndexSet;

use crate::collect::net::dns::{RrSet, RrType};
use crate::model::{CNAMERecord, DNSData, IPFromRecord, MXRecord, NSRecord};

/// The records of one type as they are recorded.
pub(super) enum Records {
    Ipv4(Vec<String>),
    Ipv6(Vec<String>),
    Alias(CNAMERecord),
    Exchangers(Vec<MXRecord>),
    NameServers(Vec<NSRecord>),
    Texts(Texts),
}

/// The records of type TXT.
pub(super) struct Texts {
    /// The records in order, the strings of one record as they follow each other in it.
    strings: Vec<String>,
    /// The records in order, each in one piece.
    joined: Vec<String>,
}

impl Records {
    /// Puts the records into their field.
    pub fn store(self, data: &mut DNSData) {
        match self {
            Self::Ipv4(addresses) => data.a = Some(addresses),
            Self::Ipv6(addresses) => data.aaaa = Some(addresses),
            Self::Alias(alias) => data.cname = Some(alias),
            Self::Exchangers(exchangers) => data.mx = Some(exchangers),
            Self::NameServers(servers) => data.ns = Some(servers),
            Self::Texts(texts) => {
                data.txt = Some(texts.strings);
                data.txt_joined = Some(texts.joined);
            }
        }
    }
}

/// The target of the alias; of several, which RFC 2181 section 10.1 forbids, the first in order.
pub(super) fn alias(set: &RrSet<'_>) -> Option<Name> {
    let targets = set.data.iter().filter_map(|data| match data {
        RData::CNAME(target) => Some(&target.0),
        _ => None,
    });
    targets.min().cloned()
}

/// Priorities and hosts, the most wanted first.
pub(super) fn exchangers(set: &RrSet<'_>) -> Vec<(u16, Name)> {
    sorted(set, |data| match data {
        RData::MX(mx) => Some((mx.preference, mx.exchange.clone())),
        _ => None,
    })
}

/// The hosts, in order.
pub(super) fn name_servers(set: &RrSet<'_>) -> Vec<Name> {
    sorted(set, |data| match data {
        RData::NS(host) => Some(host.0.clone()),
        _ => None,
    })
}

/// The texts, in both forms.
pub(super) fn texts(set: &RrSet<'_>) -> Texts {
    let records = sorted(set, |data| match data {
        RData::TXT(txt) => Some(&txt.txt_data),
        _ => None,
    });
    Texts {
        strings: records.iter().flat_map(|strings| strings.iter()).map(|string| readable(string)).collect(),
        joined: records.iter().map(|strings| readable(&strings.concat())).collect(),
    }
}

fn sorted<'a, T: Ord>(set: &RrSet<'a>, read: impl Fn(&'a RData) -> Option<T>) -> Vec<T> {
    let mut records: Vec<_> = set.data.iter().copied().filter_map(read).collect();
    records.sort_unstable();
    records.dedup();
    records
}

/// UTF-8 as it is, other octets as `\xhh`, the way of the reference.
fn readable(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|octet| format!("\\x{octet:02x}")));
    }
    text
}

/// The addresses of the records of `types`, each once a type, in the order of the types.
pub(super) fn ips(data: &DNSData, types: &[RrType]) -> Vec<IPFromRecord> {
    let mut found = IndexSet::new();
    for rr_type in types {
        let addresses: Vec<&String> = match rr_type {
            RrType::A => data.a.iter().flatten().collect(),
            RrType::AAAA => data.aaaa.iter().flatten().collect(),
            RrType::CNAME => data.cname.iter().flat_map(|alias| &alias.related_ips).flatten().collect(),
            RrType::MX => data.mx.iter().flatten().flat_map(|mx| &mx.related_ips).flatten().collect(),
            RrType::NS => data.ns.iter().flatten().flat_map(|ns| &ns.related_ips).flatten().collect(),
            RrType::TXT => vec![],
        };
        found.extend(
            addresses.into_iter().map(|ip| IPFromRecord { ip: ip.clone(), rr_type: rr_type.to_string() }),
        );
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_readable() {
        for (octets, expected) in [
            (&b"v=spf1 -all"[..], "v=spf1 -all"),
            ("háčky".as_bytes(), "háčky"),
            (b"caf\xe9 \xff\xfe!", "caf\\xe9 \\xff\\xfe!"),
            (b"", ""),
        ] {
            assert_eq!(readable(octets), expected);
        }
    }
}
