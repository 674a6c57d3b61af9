//! The JSON of the reference's results as its merger writes them, as data: which fields there are and in which order,
//! which lists are sets. Other fields are dropped, missing ones are null; what has no shape there stays as it is.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::{DecodeError, PartKind};
use crate::model::FreeJson;

/// What a value looks like.
enum Form {
    /// Any JSON.
    Any,
    /// A map, which is never null.
    Map,
    /// An object with these fields.
    Fields(&'static [(&'static str, &'static Form)]),
    /// A list.
    List(&'static Form),
    /// A list without duplicates.
    Set(&'static Form),
}

use Form::{Any, Fields, List, Map, Set};

static ADDRESSES: Form = Set(&Any);

static ZONE: Form =
    Fields(&[("statusCode", &Any), ("error", &Any), ("lastAttempt", &Any), ("zone", &ZONE_INFO)]);
static ZONE_INFO: Form = Fields(&[
    ("zone", &Any),
    ("soa", &SOA),
    ("publicSuffix", &Any),
    ("hasDNSKEY", &Any),
    ("primaryNameserverIPs", &ADDRESSES),
    ("secondaryNameservers", &ADDRESSES),
    ("secondaryNameserverIPs", &ADDRESSES),
]);
static SOA: Form = Fields(&[
    ("primaryNS", &Any),
    ("respMailboxDname", &Any),
    ("serial", &Any),
    ("refresh", &Any),
    ("retry", &Any),
    ("expire", &Any),
    ("minTTL", &Any),
]);

static DNS: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Any),
    ("lastAttempt", &Any),
    ("dnsData", &DNS_DATA),
    ("ips", &Set(&Fields(&[("ip", &Any), ("rrType", &Any)]))),
]);
static DNS_DATA: Form = Fields(&[
    ("ttlValues", &Map),
    ("A", &ADDRESSES),
    ("AAAA", &ADDRESSES),
    ("CNAME", &Fields(&[("value", &Any), ("relatedIPs", &ADDRESSES)])),
    ("MX", &List(&Fields(&[("value", &Any), ("priority", &Any), ("relatedIPs", &ADDRESSES)]))),
    ("NS", &List(&Fields(&[("nameserver", &Any), ("relatedIPs", &ADDRESSES)]))),
    ("TXT", &List(&Any)),
    ("errors", &Any),
]);

static TLS: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Any),
    ("lastAttempt", &Any),
    ("tlsData", &TLS_DATA),
    ("html", &Any),
]);
static TLS_DATA: Form = Fields(&[
    ("fromIP", &Any),
    ("protocol", &Any),
    ("cipher", &Any),
    ("certificates", &List(&Fields(&[("dn", &Any), ("derData", &Any)]))),
]);

static RDAP: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Any),
    ("lastAttempt", &Any),
    ("rdapTarget", &Any),
    ("rdapData", &Any),
    ("entities", &Any),
    ("whoisStatusCode", &Any),
    ("whoisError", &Any),
    ("whoisRaw", &Any),
    ("whoisParsed", &Any),
]);

static IP: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Any),
    ("lastAttempt", &Any),
    ("collector", &Any),
    ("data", &Any),
]);

/// A result of `kind` as the reference's merger would write it.
pub fn rewrite(kind: PartKind, json: &[u8]) -> Result<Bytes, DecodeError> {
    let form = match kind {
        PartKind::Zone => &ZONE,
        PartKind::Dns => &DNS,
        PartKind::Tls => &TLS,
        PartKind::Rdap => &RDAP,
        PartKind::Ip => &IP,
    };
    let value: &RawValue = serde_json::from_slice(json).map_err(DecodeError::malformed)?;
    let mut out = Vec::with_capacity(json.len());
    write(form, value, &mut out)?;
    Ok(out.into())
}

fn write(form: &Form, value: &RawValue, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let text = value.get();
    match form {
        _ if text == "null" => out.extend_from_slice(b"null"),
        Any | Map => {
            // White space between tokens is not kept.
            let value = FreeJson::parse(text).map_err(DecodeError::malformed)?;
            out.extend_from_slice(value.text().as_bytes());
        }
        Fields(fields) => {
            let there: IndexMap<Cow<'_, str>, &RawValue> =
                serde_json::from_str(text).map_err(DecodeError::malformed)?;
            for (index, (name, form)) in fields.iter().enumerate() {
                out.push(if index == 0 { b'{' } else { b',' });
                out.push(b'"');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                match there.get(*name) {
                    Some(value) => write(form, value, out)?,
                    None if matches!(form, Map) => out.extend_from_slice(b"{}"),
                    None => out.extend_from_slice(b"null"),
                }
            }
            out.push(b'}');
        }
        List(of) | Set(of) => {
            let there: Vec<&RawValue> = serde_json::from_str(text).map_err(DecodeError::malformed)?;
            let mut seen = HashSet::new();
            out.push(b'[');
            let mut first = true;
            for value in there {
                let mut item = Vec::new();
                write(of, value, &mut item)?;
                if matches!(form, Set(_)) && !seen.insert(item.clone()) {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                out.extend_from_slice(&item);
            }
            out.push(b']');
        }
    }
    Ok(())
}
