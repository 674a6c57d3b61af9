//! The join's way out: a joined record made of the bytes of its parts. Avro has no framing inside a record, so an encoded
//! part is copied behind its union branch or map key; JSON likewise. It means the same as decoding all parts, building
//! the record and encoding it, which a property test checks.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::avro::{Shape, put_long};
use super::framing::frame;
use super::{DecodeError, Format, RegistryError, SchemaId, Schemas, Wire};
use crate::model::{AllCollectedData, ZoneResult};

/// The parts of a joined record, as checked bodies of [`super::Part`]s.
pub struct JoinedParts<'a> {
    /// The zone result.
    pub zone: Option<&'a [u8]>,
    /// The DNS result.
    pub dns: &'a [u8],
    /// The TLS result.
    pub tls: Option<&'a [u8]>,
    /// The RDAP and WHOIS result.
    pub rdap: Option<&'a [u8]>,
    /// For each address its results by collector; `None` if the name has no addresses.
    pub addresses: Option<Vec<(&'a str, ByCollector<'a>)>>,
    /// What is missing and why.
    pub missing: &'a [(String, String)],
}

/// The results about one address, by the collector's name.
pub type ByCollector<'a> = Vec<(&'a str, &'a [u8])>;

/// Makes joined records of one format.
#[derive(Clone)]
pub struct Splicer {
    /// The id of our schema of the joined record, for Avro.
    avro: Option<SchemaId>,
    zone: Shape,
    /// Whether JSON has only the fields that the reference's merger writes.
    reference: bool,
}

/// Places of the fields of a zone result that the joined record holds.
const ZONE_FIELD: usize = 3;
const LABEL_FIELD: usize = 4;

/// Avro's encoding of the branches of `["null", T]`, and of the end of a map.
const NULL: u8 = 0;
const SOME: u8 = 2;
const END: u8 = 0;

impl Splicer {
    /// A splicer for `topic`. For Avro our schema is registered under the topic's subject.
    pub async fn new(format: Format, topic: &str, schemas: &Schemas) -> Result<Self, RegistryError> {
        let avro = match format {
            Format::Avro => Some(schemas.register::<AllCollectedData>(topic).await?),
            Format::Json => None,
        };
        Ok(Self { avro, zone: Shape::of(ZoneResult::schema()), reference: false })
    }

    /// A splicer whose JSON has only the fields that the reference's merger writes.
    pub fn for_reference(self) -> Self {
        Self { reference: true, ..self }
    }

    /// The value of the joined record.
    pub fn splice(&self, parts: &JoinedParts<'_>) -> Result<Vec<u8>, DecodeError> {
        match self.avro {
            Some(id) => self.avro(id, parts),
            None => json(parts, self.reference),
        }
    }

    fn avro(&self, id: SchemaId, parts: &JoinedParts<'_>) -> Result<Vec<u8>, DecodeError> {
        let mut value = Vec::with_capacity(size(parts));
        value.extend_from_slice(&frame(id));
        let zone = match parts.zone {
            Some(zone) => Some(self.zone.fields(zone).map_err(DecodeError::malformed)?),
            None => None,
        };
        // Both fields have the union schema of their counterparts, so the branch is copied with them.
        let field = |index: usize| zone.as_ref().map_or(&[NULL][..], |fields| fields[index]);
        value.extend_from_slice(field(ZONE_FIELD));
        value.extend_from_slice(parts.dns);
        optional(&mut value, parts.tls);
        optional(&mut value, parts.rdap);
        match &parts.addresses {
            None => value.push(NULL),
            Some(addresses) => {
                value.push(SOME);
                map(&mut value, addresses, |value, results| {
                    map(value, results, |value, body| value.extend_from_slice(body));
                });
            }
        }
        value.extend_from_slice(field(LABEL_FIELD));
        value.push(SOME);
        let missing: Vec<_> = parts.missing.iter().map(|(part, why)| (part.as_str(), why)).collect();
        map(&mut value, &missing, |value, why| {
            put_long(value, why.len() as i64);
            value.extend_from_slice(why.as_bytes());
        });
        Ok(value)
    }
}

fn optional(value: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        None => value.push(NULL),
        Some(body) => {
            value.push(SOME);
            value.extend_from_slice(body);
        }
    }
}

/// One block with all entries, and the end.
fn map<V>(value: &mut Vec<u8>, entries: &[(&str, V)], mut put: impl FnMut(&mut Vec<u8>, &V)) {
    if !entries.is_empty() {
        put_long(value, entries.len() as i64);
        for (key, entry) in entries {
            put_long(value, key.len() as i64);
            value.extend_from_slice(key.as_bytes());
            put(value, entry);
        }
    }
    value.push(END);
}

fn json(parts: &JoinedParts<'_>, reference: bool) -> Result<Vec<u8>, DecodeError> {
    #[derive(Deserialize)]
    struct Zone<'a> {
        #[serde(borrow, default)]
        zone: Option<&'a RawValue>,
        #[serde(borrow, default)]
        label: Option<&'a RawValue>,
    }

    let zone: Option<Zone<'_>> =
        parts.zone.map(serde_json::from_slice).transpose().map_err(DecodeError::malformed)?;
    let null_or = |raw: Option<&'_ RawValue>| raw.map_or("null", RawValue::get).as_bytes().to_vec();
    let mut value = Vec::with_capacity(size(parts));
    let mut field = |name: &str, body: &[u8]| {
        value.push(if value.is_empty() { b'{' } else { b',' });
        value.push(b'"');
        value.extend_from_slice(name.as_bytes());
        value.extend_from_slice(b"\":");
        value.extend_from_slice(body);
    };
    field("zone", &null_or(zone.as_ref().and_then(|zone| zone.zone)));
    field("dnsResult", parts.dns);
    field("tlsResult", parts.tls.unwrap_or(b"null"));
    field("rdapDomainResult", parts.rdap.unwrap_or(b"null"));
    let addresses = match &parts.addresses {
        None => b"null".to_vec(),
        Some(addresses) => {
            let mut ips = Vec::new();
            object(&mut ips, addresses, |ips, results| {
                object(ips, results, |ips, body| {
                    ips.extend_from_slice(body);
                    Ok(())
                })
            })?;
            ips
        }
    };
    field("ipResults", &addresses);
    if !reference {
        field("label", &null_or(zone.as_ref().and_then(|zone| zone.label)));
        let missing: Vec<_> = parts.missing.iter().map(|(part, why)| (part.as_str(), why)).collect();
        let mut json = Vec::new();
        object(&mut json, &missing, |json, why| {
            serde_json::to_writer(json, why).map_err(DecodeError::malformed)
        })?;
        field("missing", &json);
    }
    value.push(b'}');
    Ok(value)
}

fn object<V>(
    json: &mut Vec<u8>,
    entries: &[(&str, V)],
    mut put: impl FnMut(&mut Vec<u8>, &V) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    json.push(b'{');
    for (index, (key, entry)) in entries.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        serde_json::to_writer(&mut *json, key).map_err(DecodeError::malformed)?;
        json.push(b':');
        put(json, entry)?;
    }
    json.push(b'}');
    Ok(())
}

/// A bound of the size of the joined record, so that it is allocated once.
fn size(parts: &JoinedParts<'_>) -> usize {
    let of = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let of_address = |(address, results): &(&str, Vec<(&str, &[u8])>)| -> usize {
        let results: usize = results.iter().map(|(collector, body)| collector.len() + body.len() + 16).sum();
        address.len() + results + 16
    };
    let addresses: usize = parts.addresses.iter().flatten().map(of_address).sum();
    let missing: usize = parts.missing.iter().map(|(part, why)| part.len() + why.len() + 8).sum();
    of(parts.zone) + parts.dns.len() + of(parts.tls) + of(parts.rdap) + addresses + missing + 128
}
