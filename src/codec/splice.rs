//! The join's way out: a joined record made of the bytes of its parts. Avro has no framing inside a record, so an encoded
//! part is copied behind its union branch or map key; JSON likewise. It means the same as decoding all parts, building
//! the record and encoding it, which a property test checks.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::avro::{Shape, put_long};
use super::framing::frame;
use super::{DecodeError, Format, RegistryError, SchemaId, Schemas, Wire};
use crate::model::{AllCollectedData, ZoneResult};

/// The parts of a joined record, as checked bodies of [`super::Part`]s.
pub struct JoinedParts<'a> {
    /// The zone result.
    pub zone: Option<&'a Bytes>,
    /// The DNS result.
    pub dns: &'a Bytes,
    /// The TLS result.
    pub tls: Option<&'a Bytes>,
    /// The RDAP and WHOIS result.
    pub rdap: Option<&'a Bytes>,
    /// For each address its results by collector; `None` if the name has no addresses.
    pub addresses: Option<Vec<(&'a str, ByCollector<'a>)>>,
    /// What is missing and why.
    pub missing: &'a [(String, String)],
}

/// The results about one address, by the collector's name.
pub type ByCollector<'a> = Vec<(&'a str, &'a Bytes)>;

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

/// Bytes of a part from which it is not copied: below, a piece of its own costs more.
const LARGE: usize = 4096;

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

    /// The value of the joined record, in pieces: large parts stay where they are.
    pub fn splice(&self, parts: &JoinedParts<'_>) -> Result<Vec<Bytes>, DecodeError> {
        let mut value = Pieces::with_capacity(size(parts));
        match self.avro {
            Some(id) => self.avro(id, parts, &mut value)?,
            None => json(parts, self.reference, &mut value)?,
        }
        Ok(value.end())
    }

    fn avro(&self, id: SchemaId, parts: &JoinedParts<'_>, value: &mut Pieces) -> Result<(), DecodeError> {
        value.copy(frame(id));
        let zone = match parts.zone {
            Some(zone) => Some(self.zone.fields(zone).map_err(DecodeError::malformed)?),
            None => None,
        };
        // Both fields have the union schema of their counterparts, so the branch is copied with them.
        let field = |index: usize| zone.as_ref().map_or(&[NULL][..], |fields| fields[index]);
        value.copy(field(ZONE_FIELD));
        value.push(parts.dns);
        optional(value, parts.tls);
        optional(value, parts.rdap);
        match &parts.addresses {
            None => value.copy([NULL]),
            Some(addresses) => {
                value.copy([SOME]);
                map(value, addresses, |value, results| {
                    map(value, results, |value, body| value.push(body));
                });
            }
        }
        value.copy(field(LABEL_FIELD));
        value.copy([SOME]);
        let missing: Vec<_> = parts.missing.iter().map(|(part, why)| (part.as_str(), why)).collect();
        map(value, &missing, |value, why| value.text(why));
        Ok(())
    }
}

/// A value that is being put together.
struct Pieces {
    done: Vec<Bytes>,
    /// What is copied, behind the pieces that are done.
    own: BytesMut,
}

impl Pieces {
    fn with_capacity(own: usize) -> Self {
        Self { done: Vec::new(), own: BytesMut::with_capacity(own) }
    }

    fn copy(&mut self, bytes: impl AsRef<[u8]>) {
        self.own.extend_from_slice(bytes.as_ref());
    }

    /// A part; a large one becomes a piece as it is.
    fn push(&mut self, part: &Bytes) {
        match is_large(part) {
            true => self.done.extend([self.own.split().freeze(), part.clone()]),
            false => self.copy(part),
        }
    }

    /// A text of JSON.
    fn json(&mut self, text: &str) -> Result<(), DecodeError> {
        serde_json::to_writer((&mut self.own).writer(), text).map_err(DecodeError::malformed)
    }

    /// A text of Avro.
    fn text(&mut self, text: &str) {
        put_long(&mut self.own, text.len() as i64);
        self.copy(text);
    }

    fn end(mut self) -> Vec<Bytes> {
        self.done.push(self.own.freeze());
        self.done
    }
}

fn optional(value: &mut Pieces, part: Option<&Bytes>) {
    value.copy([if part.is_some() { SOME } else { NULL }]);
    part.into_iter().for_each(|part| value.push(part));
}

/// One block with all entries, and the end.
fn map<V>(value: &mut Pieces, entries: &[(&str, V)], mut put: impl FnMut(&mut Pieces, &V)) {
    if !entries.is_empty() {
        put_long(&mut value.own, entries.len() as i64);
        for (key, entry) in entries {
            value.text(key);
            put(value, entry);
        }
    }
    value.copy([END]);
}

fn json(parts: &JoinedParts<'_>, reference: bool, value: &mut Pieces) -> Result<(), DecodeError> {
    #[derive(Deserialize)]
    struct Zone<'a> {
        #[serde(borrow, default)]
        zone: Option<&'a RawValue>,
        #[serde(borrow, default)]
        label: Option<&'a RawValue>,
    }

    let zone: Option<Zone<'_>> =
        parts.zone.map(|zone| serde_json::from_slice(zone)).transpose().map_err(DecodeError::malformed)?;
    let (zone, label) = zone.map_or((None, None), |zone| (zone.zone, zone.label));
    let raw = |field: Option<&RawValue>, value: &mut Pieces| value.copy(field.map_or("null", RawValue::get));
    let part = |part: Option<&Bytes>, value: &mut Pieces| match part {
        Some(part) => value.push(part),
        None => value.copy("null"),
    };
    value.copy("{\"zone\":");
    raw(zone, value);
    value.copy(",\"dnsResult\":");
    value.push(parts.dns);
    value.copy(",\"tlsResult\":");
    part(parts.tls, value);
    value.copy(",\"rdapDomainResult\":");
    part(parts.rdap, value);
    value.copy(",\"ipResults\":");
    match &parts.addresses {
        None => value.copy("null"),
        Some(addresses) => object(value, addresses, |value, results| {
            object(value, results, |value, body| {
                value.push(body);
                Ok(())
            })
        })?,
    }
    if !reference {
        value.copy(",\"label\":");
        raw(label, value);
        let missing: Vec<_> = parts.missing.iter().map(|(part, why)| (part.as_str(), why)).collect();
        value.copy(",\"missing\":");
        object(value, &missing, |value, why| value.json(why))?;
    }
    value.copy([b'}']);
    Ok(())
}

fn object<V>(
    value: &mut Pieces,
    entries: &[(&str, V)],
    mut put: impl FnMut(&mut Pieces, &V) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    value.copy([b'{']);
    for (index, (key, entry)) in entries.iter().enumerate() {
        if index > 0 {
            value.copy([b',']);
        }
        value.json(key)?;
        value.copy([b':']);
        put(value, entry)?;
    }
    value.copy([b'}']);
    Ok(())
}

fn is_large(part: &Bytes) -> bool {
    part.len() >= LARGE
}

/// A bound of what of the joined record is copied, so that it is allocated once.
fn size(parts: &JoinedParts<'_>) -> usize {
    let of = |part: Option<&Bytes>| part.map_or(0, Bytes::len);
    let copied = |part: Option<&Bytes>| of(part.filter(|part| !is_large(part)));
    let of_address = |(address, results): &(&str, ByCollector<'_>)| -> usize {
        let of_result = |(collector, body): &(&str, &Bytes)| collector.len() + copied(Some(body)) + 16;
        address.len() + results.iter().map(of_result).sum::<usize>() + 16
    };
    let addresses: usize = parts.addresses.iter().flatten().map(of_address).sum();
    let missing: usize = parts.missing.iter().map(|(part, why)| part.len() + why.len() + 8).sum();
    let of_name = copied(Some(parts.dns)) + copied(parts.tls) + copied(parts.rdap);
    of(parts.zone) + of_name + addresses + missing + 128
}
