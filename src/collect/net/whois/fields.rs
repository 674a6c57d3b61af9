//! The fields of a WHOIS answer under the keys of `whoisParsed` (those of asyncwhois, which the consumers know).
//!
//! Reads `key: value`, `[key] value`, `key....: value`, and values on the lines below their key. What the keys are called
//! by registries is in `fields.txt`. Where answers differ from these shapes, fields are missing, never wrong on purpose.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::date;
use crate::model::DomainName;

/// Values by key: text, or a list of texts. Without empty ones.
pub type Fields = Map<String, Value>;

/// One line of `fields.txt`.
#[derive(Clone, Copy)]
struct Field {
    key: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Date,
    List,
    Hosts,
}

/// Fields by the names that registries use.
static FIELDS: LazyLock<HashMap<&'static str, Field>> = LazyLock::new(|| {
    let lines = include_str!("fields.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .flat_map(|line| {
            // The file is part of the program; a test reads all of it.
            let (head, names) = line.split_once(" = ").expect("a line of fields.txt is `kind key = names`");
            let (kind, key) = head.split_once(' ').expect("a line of fields.txt starts with `kind key`");
            let kind = match kind {
                "date" => Kind::Date,
                "list" => Kind::List,
                "hosts" => Kind::Hosts,
                _ => Kind::Text,
            };
            names.split(" | ").map(move |name| (name, Field { key, kind }))
        })
        .collect()
});

/// The key (lower case) and the value of a line, if it has the shape.
pub fn key_and_value(line: &str) -> Option<(String, &str)> {
    let line = line.trim();
    let (key, value) = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => line.split_once(':')?,
    };
    Some((key.trim_end_matches(['.', ' ', '\t']).to_lowercase(), value.trim()))
}

/// Reads the fields of an answer.
pub fn parse(text: &str) -> Fields {
    let mut fields = Fields::new();
    // The field whose values may go on below, and how far its key is indented.
    let mut open: Option<(Field, usize)> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            open = None;
            continue;
        }
        if line.starts_with(['%', '#', '>']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let named = key_and_value(line).and_then(|(key, value)| Some((*FIELDS.get(key.as_str())?, value)));
        match (named, open) {
            (Some((field, value)), _) => {
                add(&mut fields, field, value);
                let goes_on = value.is_empty() || matches!(field.kind, Kind::List | Kind::Hosts);
                open = goes_on.then_some((field, indent));
            }
            (None, Some((field, at))) if indent > at => add(&mut fields, field, line.trim()),
            (None, _) => open = None,
        }
    }
    fields
}

fn add(fields: &mut Fields, field: Field, value: &str) {
    let value = match field.kind {
        // Addresses and remarks may stand behind a host.
        Kind::Hosts => value.split_whitespace().next().and_then(|host| DomainName::parse(host).ok()),
        Kind::Date => {
            return set(fields, field.key, date::rfc3339(value).unwrap_or_else(|| value.to_owned()));
        }
        Kind::Text => return set(fields, field.key, value.to_owned()),
        Kind::List => return push(fields, field.key, value.to_owned()),
    };
    if let Some(host) = value {
        push(fields, field.key, host.to_string());
    }
}

/// The first value counts: what follows in an answer describes contacts and servers.
fn set(fields: &mut Fields, key: &str, value: String) {
    if !value.is_empty() {
        fields.entry(key).or_insert(Value::String(value));
    }
}

fn push(fields: &mut Fields, key: &str, value: String) {
    let list = fields.entry(key).or_insert_with(|| Value::Array(vec![]));
    if let Value::Array(list) = list {
        let value = Value::String(value);
        if !list.contains(&value) {
            list.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_shapes_of_registries() {
        for (shape, text, expected) in [
            (
                "gTLD",
                "Domain Name: OK.COM\r\nUpdated Date: 2019-09-09T08:39:04Z\r\nRegistrar: Mark, Inc.\r\nRegistrar IANA ID: 292\r\n\
                 Domain Status: ok https://icann.org/epp#ok\r\nDomain Status: ok https://icann.org/epp#ok\r\nAdmin Street: \r\n\
                 Name Server: NS1.OK.COM\r\nName Server: ns2.ok.com.\r\nDNSSEC: unsigned\r\n>>> Last update: 2020 <<<\r\n",
                json!({
                    "domain_name": "OK.COM", "updated": "2019-09-09T08:39:04Z", "registrar": "Mark, Inc.",
                    "registrar_iana_id": "292", "status": ["ok https://icann.org/epp#ok"],
                    "name_servers": ["ns1.ok.com", "ns2.ok.com"], "dnssec": "unsigned",
                }),
            ),
            (
                "objects (.cz)",
                "% domain: remark\ndomain:       ok.cz\nregistrant:   H1\nregistrar:    REG-X\nregistered:   19.09.1997 02:00:00\n\
                 changed:      12.01.2017 16:58:49\nexpire:       28.10.2021\n\ncontact:      H1\norg:          Org\ncreated:      11.01.2018\n\
                 registrar: REG-Y\n\nnsset:        N\nnserver:      ns1.ok.cz (192.0.2.1)\nnserver:      ns2.ok.cz\n",
                json!({
                    "domain_name": "ok.cz", "registrant_name": "H1", "registrar": "REG-X", "created": "1997-09-19T02:00:00",
                    "updated": "2017-01-12T16:58:49", "expires": "2021-10-28", "registrant_organization": "Org",
                    "name_servers": ["ns1.ok.cz", "ns2.ok.cz"],
                }),
            ),
            (
                "values below (.uk)",
                "\n    Domain name:\n        ok.uk\n\n    Registrar:\n        Mark [Tag = M]\n        URL: http://m.example\n\n\
                 \x20   Relevant dates:\n        Registered on: 11-Jun-2014\n        Expiry date:  11-Jun-2021\n\n\
                 \x20   Name servers:\n        ns1.ok.uk  2001:db8::1\n        ns2.ok.uk\n\n    WHOIS lookup made at 00:01:35\n",
                json!({
                    "domain_name": "ok.uk", "registrar": "Mark [Tag = M]", "created": "2014-06-11", "expires": "2021-06-11",
                    "name_servers": ["ns1.ok.uk", "ns2.ok.uk"],
                }),
            ),
            (
                "values aside and below (.pl)",
                "DOMAIN NAME:           ok.pl\nnameservers:           ns1.ok.pl.\n                       ns2.ok.pl.\ncreated:               2002.09.19 13:00:00\n",
                json!({"domain_name": "ok.pl", "name_servers": ["ns1.ok.pl", "ns2.ok.pl"], "created": "2002-09-19T13:00:00"}),
            ),
            (
                "dots (.fi)",
                "domain.............: ok.fi\nstatus.............: Registered\ncreated............: 30.6.2006 00:00:00\nnserver............: ns1.ok.fi [OK]\n",
                json!({
                    "domain_name": "ok.fi", "status": ["Registered"], "created": "2006-06-30T00:00:00", "name_servers": ["ns1.ok.fi"],
                }),
            ),
            (
                "brackets (.jp)",
                "[Domain Name]                   OK.JP\n[Registrant]                    Ok, Inc.\n[Name Server]                   ns1.ok.jp\n[Signing Key]\n",
                json!({"domain_name": "OK.JP", "registrant_name": "Ok, Inc.", "name_servers": ["ns1.ok.jp"]}),
            ),
            ("a date that is none", "created: before 1996\n", json!({"created": "before 1996"})),
            ("nothing", "No match for \"X\".\n", json!({})),
        ] {
            assert_eq!(Value::Object(parse(text)), expected, "{shape}");
        }
    }

    #[test]
    fn every_name_of_the_file_can_be_found() {
        for name in FIELDS.keys() {
            assert_eq!(key_and_value(&format!("{name}: x")), Some(((*name).to_owned(), "x")));
        }
    }
}
