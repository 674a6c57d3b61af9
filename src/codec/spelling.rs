//! Requests in JSON as the reference's collectors take them: both spellings of each field, and words for yes and no.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::DecodeError;

/// The other spelling of fields, and theirs on the wire.
const FIELDS: &[(&str, &str)] = &[
    ("collect_dns", "collectDNS"),
    ("collect_rdap", "collectRDAP"),
    ("dns_types_to_collect", "dnsTypesToCollect"),
    ("dns_types_to_process_ips_from", "dnsTypesToProcessIPsFrom"),
    ("zone_info", "zoneInfo"),
    ("types_to_collect", "typesToCollect"),
    ("types_to_process_ips_from", "typesToProcessIPsFrom"),
    ("public_suffix", "publicSuffix"),
    ("has_dnskey", "hasDNSKEY"),
    ("primary_nameserver_ips", "primaryNameserverIPs"),
    ("secondary_nameservers", "secondaryNameservers"),
    ("secondary_nameserver_ips", "secondaryNameserverIPs"),
    ("primary_ns", "primaryNS"),
    ("resp_mailbox_dname", "respMailboxDname"),
    ("min_ttl", "minTTL"),
];

/// Fields that are true or false.
const SWITCHES: &[&str] = &["collectDNS", "collectRDAP"];
const YES: &[&str] = &["true", "yes", "on", "y", "t", "1"];
const NO: &[&str] = &["false", "no", "off", "n", "f", "0"];

/// Reads a request.
pub fn request<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    let Value::Object(fields) = serde_json::from_slice(json).map_err(DecodeError::malformed)? else {
        return Err(DecodeError::malformed("not a JSON object"));
    };
    serde_json::from_value(Value::Object(spelled(fields))).map_err(DecodeError::malformed)
}

/// The same with the names of the wire; where both are there, those hold.
fn spelled(fields: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::with_capacity(fields.len());
    for (name, value) in fields {
        let known = FIELDS.iter().find(|(other, _)| *other == name);
        let wire = known.map_or(name.as_str(), |(_, wire)| wire);
        let value = match value {
            Value::Object(fields) => Value::Object(spelled(fields)),
            value if SWITCHES.contains(&wire) => switch(value),
            value => value,
        };
        if known.is_none() || !out.contains_key(wire) {
            out.insert(wire.to_owned(), value);
        }
    }
    out
}

fn switch(value: Value) -> Value {
    let word = match &value {
        Value::String(word) => word.to_lowercase(),
        Value::Number(number) => number.to_string(),
        _ => return value,
    };
    match word.as_str() {
        word if YES.contains(&word) => Value::Bool(true),
        word if NO.contains(&word) => Value::Bool(false),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::Wire;
    use crate::model::{DNSRequest, ZoneRequest};

    #[test]
    fn both_spellings_and_words_are_read() {
        let expected = ZoneRequest {
            collect_dns: true,
            collect_rdap: false,
            dns_types_to_collect: Some(vec!["A".into()]),
            ..ZoneRequest::default()
        };
        for json in [
            r#"{"collectRDAP":false,"dnsTypesToCollect":["A"]}"#,
            r#"{"collect_rdap":false,"dns_types_to_collect":["A"]}"#,
            r#"{"collect_rdap":"No","collectDNS":"yes","dnsTypesToCollect":["A"],"newer":{"collectDNS":0}}"#,
            r#"{"collectRDAP":0,"collect_rdap":true,"collect_dns":1,"dnsTypesToCollect":["A"]}"#,
        ] {
            assert_eq!(ZoneRequest::from_json(json.as_bytes()).unwrap(), expected, "{json}");
        }
        for json in [r#"{"collectDNS":"maybe"}"#, r#"{"collect_dns":2}"#, "[]", "true", "{bad"] {
            assert!(ZoneRequest::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn a_dns_request_is_read_to_its_depths() {
        let soa = r#"{"primary_ns":"a","resp_mailbox_dname":"b","serial":"1","refresh":1,"retry":2,"expire":3,"min_ttl":4}"#;
        let zone = format!(
            r#"{{"zone":"ok.cz","soa":{soa},"public_suffix":"cz","has_dnskey":true,"primary_nameserver_ips":["::1"],"secondary_nameservers":[],"secondary_nameserver_ips":[]}}"#
        );
        let other =
            format!(r#"{{"zone_info":{zone},"types_to_collect":["A"],"types_to_process_ips_from":[]}}"#);
        let request = DNSRequest::from_json(other.as_bytes()).unwrap();
        // What we write is the spelling of the wire.
        let wire = String::from_utf8(request.to_json().unwrap()).unwrap();
        assert!(wire.contains(r#""zoneInfo":{"zone":"ok.cz","soa":{"primaryNS":"a""#), "{wire}");
        assert!(wire.contains(r#""typesToProcessIPsFrom":[]"#) && wire.contains(r#""minTTL":4"#), "{wire}");
        assert_eq!(DNSRequest::from_json(wire.as_bytes()).unwrap(), request);
    }
}
