//! The JSON of the reference's results as its merger writes them, as data: which fields there are and in which order,
//! which lists are sets, and what its JSON reader makes of each value. Other fields are dropped, missing ones are null; what
//! has no shape there stays as it is. A value that its reader refuses would restart its job for ever; here it is an error.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::{DecodeError, PartKind};
use crate::model::FreeJson;

/// What a value looks like.
enum Form {
    /// Any JSON.
    Any,
    /// A text; numbers and truth values are taken for the text that they are.
    Text,
    /// A whole number; of others, what is before the point. In a text as well.
    Number,
    /// A truth value; a whole number stands for one.
    Flag,
    /// Bytes in Base64, padded.
    Base64,
    /// A map of such values. If it is missing, it is empty, and else as well.
    Map(&'static Form),
    /// A map of such values, or null.
    MapOrNull(&'static Form),
    /// An object with these fields.
    Fields(&'static [(&'static str, &'static Form)]),
    /// A list.
    List(&'static Form),
    /// A list without duplicates.
    Set(&'static Form),
}

use Form::{Any, Base64, Fields, Flag, List, Map, MapOrNull, Number, Set, Text};

static ADDRESSES: Form = Set(&Text);

static ZONE: Form =
    Fields(&[("statusCode", &Any), ("error", &Text), ("lastAttempt", &Any), ("zone", &ZONE_INFO)]);
static ZONE_INFO: Form = Fields(&[
    ("zone", &Text),
    ("soa", &SOA),
    ("publicSuffix", &Text),
    ("hasDNSKEY", &Flag),
    ("primaryNameserverIPs", &ADDRESSES),
    ("secondaryNameservers", &ADDRESSES),
    ("secondaryNameserverIPs", &ADDRESSES),
]);
static SOA: Form = Fields(&[
    ("primaryNS", &Text),
    ("respMailboxDname", &Text),
    ("serial", &Text),
    ("refresh", &Number),
    ("retry", &Number),
    ("expire", &Number),
    ("minTTL", &Number),
]);

static DNS: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Text),
    ("lastAttempt", &Any),
    ("dnsData", &DNS_DATA),
    ("ips", &Set(&Fields(&[("ip", &Text), ("rrType", &Text)]))),
]);
static DNS_DATA: Form = Fields(&[
    ("ttlValues", &Map(&Number)),
    ("A", &ADDRESSES),
    ("AAAA", &ADDRESSES),
    ("CNAME", &Fields(&[("value", &Text), ("relatedIPs", &ADDRESSES)])),
    ("MX", &List(&Fields(&[("value", &Text), ("priority", &Number), ("relatedIPs", &ADDRESSES)]))),
    ("NS", &List(&Fields(&[("nameserver", &Text), ("relatedIPs", &ADDRESSES)]))),
    ("TXT", &List(&Text)),
    ("errors", &MapOrNull(&Text)),
]);

static TLS: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Text),
    ("lastAttempt", &Any),
    ("tlsData", &TLS_DATA),
    ("html", &Text),
]);
static TLS_DATA: Form = Fields(&[
    ("fromIP", &Text),
    ("protocol", &Text),
    ("cipher", &Text),
    ("certificates", &List(&Fields(&[("dn", &Text), ("derData", &Base64)]))),
]);

static RDAP: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Text),
    ("lastAttempt", &Any),
    ("rdapTarget", &Text),
    ("rdapData", &Any),
    ("entities", &Any),
    ("whoisStatusCode", &Number),
    ("whoisError", &Text),
    ("whoisRaw", &Any),
    ("whoisParsed", &Any),
]);

static IP: Form = Fields(&[
    ("statusCode", &Any),
    ("error", &Text),
    ("lastAttempt", &Any),
    ("collector", &Text),
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
        Any => {
            // White space between tokens is not kept.
            let value = FreeJson::parse(text).map_err(DecodeError::malformed)?;
            out.extend_from_slice(value.text().as_bytes());
        }
        Text | Number | Flag | Base64 => scalar(form, text, out)?,
        Map(of) | MapOrNull(of) => {
            let there: IndexMap<Cow<'_, str>, &RawValue> =
                serde_json::from_str(text).map_err(DecodeError::malformed)?;
            for (index, (key, value)) in there.iter().enumerate() {
                out.push(if index == 0 { b'{' } else { b',' });
                let key = serde_json::to_string(key).map_err(DecodeError::malformed)?;
                out.extend_from_slice(key.as_bytes());
                out.push(b':');
                write(of, value, out)?;
            }
            out.extend_from_slice(if there.is_empty() { b"{}" } else { b"}" });
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
                    None if matches!(form, Map(_)) => out.extend_from_slice(b"{}"),
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

/// One value as the reference's JSON reader takes it and writes it again; tried out with Jackson 2.21.
fn scalar(form: &Form, text: &str, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let refused = || DecodeError::malformed(format!("`{}` is of another type", shortened(text)));
    let quoted: Option<Cow<'_, str>> = match text.starts_with('"') {
        true => Some(serde_json::from_str(text).map_err(DecodeError::malformed)?),
        false => None,
    };
    if text.starts_with(['{', '[']) {
        return Err(refused());
    }
    match (form, quoted.as_deref().map(str::trim)) {
        (Text, None) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        (Base64, Some(_)) if quoted.as_ref().is_some_and(|coded| STANDARD.decode(&**coded).is_ok()) => {
            out.extend_from_slice(text.as_bytes());
        }
        (Text, Some(_)) => out.extend_from_slice(text.as_bytes()),
        (Number | Flag, Some("" | "null")) => out.extend_from_slice(b"null"),
        (Number, quoted) => {
            let whole = quoted.unwrap_or(text).parse::<i64>().ok();
            let number = whole.or_else(|| truncated(text).filter(|_| quoted.is_none()));
            out.extend_from_slice(number.ok_or_else(refused)?.to_string().as_bytes());
        }
        (Flag, quoted) => {
            let flag = match quoted.unwrap_or(text) {
                "true" => true,
                "false" => false,
                "True" | "TRUE" if quoted.is_some() => true,
                "False" | "FALSE" if quoted.is_some() => false,
                number if quoted.is_none() => number.parse::<i64>().map_err(|_| refused())? != 0,
                _ => return Err(refused()),
            };
            out.extend_from_slice(if flag { b"true" } else { b"false" });
        }
        _ => return Err(refused()),
    }
    Ok(())
}

/// What is before the point of a number, if that is not too large.
fn truncated(text: &str) -> Option<i64> {
    let number = text.parse::<f64>().ok()?;
    (number.abs() < i64::MAX as f64).then_some(number as i64)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
