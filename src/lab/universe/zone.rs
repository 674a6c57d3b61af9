//! A zone: its records, and what is found in it under a name and a type (RFC 1034 section 4.3.2, RFC 4592).
//!
//! Decides how record lines are read and what SOA, NS and DNSKEY records look like. Who answers, and whether, is decided in
//! `dns/answer.rs`. Names are text: lower case, A-labels, no final dot; the root is empty.

use std::collections::HashMap;
use std::net::IpAddr;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::registry::NameServer;
use super::seed;
use super::site::{Fault, FaultAnswer, FaultPlace, Site};

/// TTL of records that give none, in seconds.
const TTL: u32 = 3600;

/// A zone as its servers hold it.
pub struct Zone {
    /// The name of the zone.
    pub name: String,
    /// Its servers; the first is the primary.
    pub servers: Vec<NameServer>,
    soa: Record,
    /// By owner; an owner without records is an empty non-terminal.
    records: HashMap<String, Vec<Record>>,
    faults: Vec<Fault>,
}

/// What a zone says to a question.
pub enum Found {
    /// Records of the type.
    Records(Vec<Record>),
    /// An alias and the name it points to.
    Alias(Box<Record>, String),
    /// The name exists, not so the type.
    NoData,
    /// The name does not exist.
    NoName,
}

impl Zone {
    /// Builds the zone `name` of a site that is served by `servers`.
    pub fn build(name: &str, site: &Site, servers: &[NameServer]) -> Result<Self, String> {
        let mut servers = servers.to_vec();
        if site.vanity {
            for (n, server) in servers.iter_mut().enumerate() {
                server.host = format!("ns{}.{name}", n + 1);
            }
        }
        let primary = servers.first().ok_or("no name server")?;
        let soa = Record::from_rdata(wire_name(name)?, TTL, RData::SOA(start_of_authority(name, primary)?));
        let mut zone = Self {
            name: name.to_owned(),
            soa: soa.clone(),
            records: HashMap::new(),
            faults: site.faults.clone(),
            servers,
        };
        zone.add(name, soa);
        for record in zone.delegation()? {
            zone.add(name, record);
        }
        if site.signed {
            let rdata = RData::Unknown { code: RecordType::DNSKEY, rdata: NULL::with(key_data(name)) };
            zone.add(name, Record::from_rdata(wire_name(name)?, TTL, rdata));
        }
        for line in &site.records {
            let (owner, record) = read_line(line, name).map_err(|error| format!("`{line}`: {error}"))?;
            zone.add(&owner, record);
        }
        for n in 0..site.long_texts {
            let text = format!("long-{n}={}", "x".repeat(200));
            zone.add(name, Record::from_rdata(wire_name(name)?, TTL, RData::TXT(TXT::new(vec![text]))));
        }
        if site.vanity {
            for server in zone.servers.clone() {
                zone.add_address(&server.host, server.at.into())?;
            }
        }
        for fault in &mut zone.faults {
            for owner in &mut fault.names {
                *owner = absolute(owner, name);
            }
        }
        Ok(zone)
    }

    /// Adds the address of a host, unless the host already has one.
    pub fn add_address(&mut self, host: &str, address: IpAddr) -> Result<(), String> {
        if !self.records.contains_key(host) {
            let data = match address {
                IpAddr::V4(v4) => RData::A(A(v4)),
                IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
            };
            self.add(host, Record::from_rdata(wire_name(host)?, TTL, data));
        }
        Ok(())
    }

    /// The NS records of the zone, as the parent tells them too.
    pub fn delegation(&self) -> Result<Vec<Record>, String> {
        let owner = wire_name(&self.name)?;
        let record = |server: &NameServer| {
            let host = wire_name(&server.host)?;
            Ok(Record::from_rdata(owner.clone(), TTL, RData::NS(NS(host))))
        };
        self.servers.iter().map(record).collect()
    }

    /// Whether the zone has a DNSKEY.
    pub fn signed(&self) -> bool {
        matches!(self.look_up(&self.name, RecordType::DNSKEY), Found::Records(_))
    }

    /// The SOA record, for negative answers.
    pub fn soa(&self) -> Record {
        self.soa.clone()
    }

    /// What a fault answers to the question, if one applies; `resolver` says whether the resolver is asked.
    pub fn fault(&self, name: &str, kind: RecordType, resolver: bool) -> Option<FaultAnswer> {
        let applies = |fault: &&Fault| {
            (!resolver || fault.at == FaultPlace::Everywhere)
                && fault.names.iter().any(|owner| owner == name)
                && fault.types.iter().any(|t| t == "*" || t.parse().is_ok_and(|t: RecordType| t == kind))
        };
        self.faults.iter().find(applies).map(|fault| fault.answer)
    }

    /// What the zone says of a name that lies in it.
    pub fn look_up(&self, name: &str, kind: RecordType) -> Found {
        let Some((records, wildcard)) = self.owner(name) else { return Found::NoName };
        let own = |record: &Record| {
            let mut record = record.clone();
            if wildcard && let Ok(name) = wire_name(name) {
                record.name = name;
            }
            record
        };
        let wanted = |record: &&Record| kind == RecordType::ANY || record.record_type() == kind;
        let found: Vec<Record> = records.iter().filter(wanted).map(own).collect();
        if !found.is_empty() {
            return Found::Records(found);
        }
        let alias = records.iter().find_map(|record| match &record.data {
            RData::CNAME(CNAME(target)) => Some(Found::Alias(Box::new(own(record)), text_name(target))),
            _ => None,
        });
        alias.unwrap_or(Found::NoData)
    }

    /// The records of a name, or of the wildcard at its closest encloser.
    fn owner(&self, name: &str) -> Option<(&[Record], bool)> {
        if let Some(records) = self.records.get(name) {
            return Some((records, false));
        }
        let mut encloser = name;
        while let Some((_, above)) = encloser.split_once('.') {
            encloser = above;
            if self.records.contains_key(encloser) {
                break;
            }
        }
        self.records.get(&format!("*.{encloser}")).map(|records| (records.as_slice(), true))
    }

    fn add(&mut self, owner: &str, record: Record) {
        self.records.entry(owner.to_owned()).or_default().push(record);
        // The names between the owner and the zone exist as well (RFC 8020).
        let mut name = owner;
        while name != self.name
            && let Some((_, above)) = name.split_once('.')
        {
            name = above;
            self.records.entry(name.to_owned()).or_default();
        }
    }
}

/// A name on the wire.
pub fn wire_name(name: &str) -> Result<Name, String> {
    Name::from_ascii(format!("{name}.")).map_err(|error| format!("`{name}`: {error}"))
}

/// A name from the wire.
pub fn text_name(name: &Name) -> String {
    let mut text = name.to_ascii();
    text.make_ascii_lowercase();
    text.truncate(text.trim_end_matches('.').len());
    text
}

/// Reads `owner [ttl] type data`; names that do not end in a dot end at `zone`.
fn read_line(line: &str, zone: &str) -> Result<(String, Record), String> {
    let (owner, rest) = line.split_once(' ').ok_or("a type is missing")?;
    let (mut kind, mut data) = rest.split_once(' ').ok_or("the data are missing")?;
    let mut ttl = TTL;
    if let Ok(seconds) = kind.parse() {
        ttl = seconds;
        (kind, data) = data.split_once(' ').ok_or("the data are missing")?;
    }
    let name = |name: &str| wire_name(&absolute(name, zone));
    let data = match kind {
        "A" => RData::A(A(data.parse().map_err(|_| "no IPv4 address")?)),
        "AAAA" => RData::AAAA(AAAA(data.parse().map_err(|_| "no IPv6 address")?)),
        "CNAME" => RData::CNAME(CNAME(name(data)?)),
        "NS" => RData::NS(NS(name(data)?)),
        "MX" => {
            let (preference, host) = data.split_once(' ').ok_or("a host is missing")?;
            RData::MX(MX::new(preference.parse().map_err(|_| "no preference")?, name(host)?))
        }
        "TXT" => {
            let strings = quoted_strings(data)?;
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        _ => return Err(format!("type {kind} is not known")),
    };
    let owner = absolute(owner, zone);
    let record = Record::from_rdata(wire_name(&owner)?, ttl, data);
    Ok((owner, record))
}

fn absolute(name: &str, zone: &str) -> String {
    match (name, name.strip_suffix('.')) {
        ("@", _) => zone.to_owned(),
        (_, Some(whole)) => whole.to_owned(),
        _ => format!("{name}.{zone}"),
    }
}

/// Character-strings in quotes, with `\DDD` for a byte (RFC 1035 section 5.1).
fn quoted_strings(data: &str) -> Result<Vec<Vec<u8>>, String> {
    let inner = data.strip_prefix('"').and_then(|data| data.strip_suffix('"')).ok_or("quotes are missing")?;
    let bytes = |string: &str| {
        let mut parts = string.split('\\');
        let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let (code, rest) = part.split_at_checked(3).ok_or("an escape is too short")?;
            bytes.push(code.parse().map_err(|_| "an escape is no byte")?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Ok(bytes)
    };
    inner.split("\" \"").map(bytes).collect()
}

fn start_of_authority(zone: &str, primary: &NameServer) -> Result<SOA, String> {
    let serial = 2_026_010_100 + (seed(zone) % 100) as u32;
    let mailbox = if zone.is_empty() { "hostmaster".to_owned() } else { format!("hostmaster.{zone}") };
    Ok(SOA::new(wire_name(&primary.host)?, wire_name(&mailbox)?, serial, 7200, 900, 1_209_600, 300))
}

/// A DNSKEY (RFC 4034 section 2.1): a key-signing key of algorithm 13 whose key is of no use.
fn key_data(zone: &str) -> Vec<u8> {
    let mut data = vec![1, 1, 3, 13];
    data.extend((0..8).flat_map(|n| seed(&format!("{zone}{n}")).to_be_bytes()));
    data
}
