//! The join's way in: of a result it reads what the rules look at, and keeps the rest as checked bytes in the form of the
//! joined record, so that emission can copy them.
//!
//! A result whose writer schema is ours, or JSON for a JSON join, stays as it came. Others are decoded and written anew.

use bytes::Bytes;
use compact_str::CompactString;
use serde::Deserialize;

use super::avro::{Malformed, Shape, read_ours, take_long, take_text, write_ours};
use super::framing::{FRAME, open};
use super::{DecodeError, Format, Known, SchemaId, Schemas, Wire};
use crate::clock::Millis;
use crate::model::{
    CommonIPResult, DNSData, DNSResult, Outcome, RDAPDomainResult, Status, TLSResult, ZoneResult,
};

/// Which kind of result a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// `processed_zone`.
    Zone,
    /// `processed_DNS`.
    Dns,
    /// `processed_TLS`.
    Tls,
    /// `processed_RDAP_DN`.
    Rdap,
    /// `collected_IP_data`.
    Ip,
}

impl PartKind {
    /// The topic of the seed that carries such results.
    pub fn record(self) -> &'static str {
        match self {
            PartKind::Zone => "processed_zone",
            PartKind::Dns => "processed_DNS",
            PartKind::Tls => "processed_TLS",
            PartKind::Rdap => "processed_RDAP_DN",
            PartKind::Ip => "collected_IP_data",
        }
    }
}

/// A result as the join takes it in.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its status.
    pub status: Status,
    /// When its collector finished.
    pub attempt: Millis,
    /// For an IP result: the name of its collector.
    pub collector: Option<CompactString>,
    /// For a DNS result: its distinct addresses, and whether a TLS result follows.
    pub dns: Option<(Vec<CompactString>, bool)>,
    /// The checked bytes, in the format of the joined record, without a frame.
    pub body: Bytes,
}

/// Reads the values of one result topic for a join.
#[derive(Clone)]
pub struct PartReader {
    kind: PartKind,
    topic: Format,
    joined: Format,
    schemas: Schemas,
    shape: Shape,
    reference: bool,
}

/// What reading a value came to.
pub enum Reading {
    /// The part.
    Part(Part),
    /// The schema of this id has to be learned first.
    Learn(SchemaId),
}

/// Calls a generic function with the record type of a kind.
macro_rules! with_record {
    ($kind:expr, $call:ident ( $($argument:expr),* )) => {
        match $kind {
            PartKind::Zone => $call::<ZoneResult>($($argument),*),
            PartKind::Dns => $call::<DNSResult>($($argument),*),
            PartKind::Tls => $call::<TLSResult>($($argument),*),
            PartKind::Rdap => $call::<RDAPDomainResult>($($argument),*),
            PartKind::Ip => $call::<CommonIPResult>($($argument),*),
        }
    };
}

impl PartReader {
    /// A reader of a topic of `kind` in format `topic`, for a joined record in format `joined`.
    pub fn new(kind: PartKind, topic: Format, joined: Format, schemas: Schemas) -> Self {
        let shape = with_record!(kind, shape_of());
        Self { kind, topic, joined, schemas, shape, reference: false }
    }

    /// Reads for a joined record that is as the reference's merger writes it, if it is JSON.
    pub fn for_reference(self) -> Self {
        Self { reference: true, ..self }
    }

    /// Reads a value. Never waits: a schema that is not known yet is named, to be learned and the value read again.
    pub fn read(&self, value: &Bytes) -> Result<Reading, DecodeError> {
        match self.topic {
            Format::Json if self.joined == Format::Json => self.keep_json(value).map(Reading::Part),
            Format::Json => with_record!(self.kind, from_json(self, value)).map(Reading::Part),
            Format::Avro => {
                let (id, datum) = open(value)?;
                match with_record!(self.kind, known(&self.schemas, id)) {
                    None => Ok(Reading::Learn(id)),
                    Some(Known::Unknown) => Err(DecodeError::UnknownSchema(id)),
                    Some(Known::Ours) if self.joined == Format::Avro => {
                        self.keep_avro(value.slice(FRAME..)).map(Reading::Part)
                    }
                    Some(writer) => with_record!(self.kind, anew(self, &writer, datum)).map(Reading::Part),
                }
            }
        }
    }

    /// Learns a schema that [`PartReader::read`] asked for.
    pub async fn learn(&self, id: SchemaId) {
        match self.kind {
            PartKind::Zone => drop(self.schemas.learn::<ZoneResult>(id).await),
            PartKind::Dns => drop(self.schemas.learn::<DNSResult>(id).await),
            PartKind::Tls => drop(self.schemas.learn::<TLSResult>(id).await),
            PartKind::Rdap => drop(self.schemas.learn::<RDAPDomainResult>(id).await),
            PartKind::Ip => drop(self.schemas.learn::<CommonIPResult>(id).await),
        }
    }

    fn keep_avro(&self, body: Bytes) -> Result<Part, DecodeError> {
        let fields = self.shape.fields(&body).map_err(DecodeError::malformed)?;
        let head = |mut at: &[u8]| take_long(&mut at);
        let part = |collector, dns| -> Result<Part, Malformed> {
            Ok(Part {
                // The shape has checked that the first field is an int.
                status: Status(head(fields[0])? as i32),
                attempt: head(fields[2])?,
                collector,
                dns,
                body: body.clone(),
            })
        };
        match self.kind {
            PartKind::Ip => {
                let mut at = fields[3];
                let collector = take_text(&mut at).map_err(DecodeError::malformed)?;
                part(Some(collector.into()), None)
            }
            // DNS results are small, and the rules look deep into them.
            PartKind::Dns => part(None, Some(facts(&read_ours(&body)?))),
            PartKind::Zone | PartKind::Tls | PartKind::Rdap => part(None, None),
        }
        .map_err(DecodeError::malformed)
    }

    fn keep_json(&self, value: &Bytes) -> Result<Part, DecodeError> {
        /// Read strictly: a result without these is none.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head<'a> {
            status_code: Status,
            last_attempt: Millis,
            #[serde(borrow, default)]
            collector: Option<std::borrow::Cow<'a, str>>,
        }

        let rewritten = match self.reference {
            true => Some(super::reference::rewrite(self.kind, value)?),
            false => None,
        };
        let value = rewritten.as_ref().unwrap_or(value);
        let text = std::str::from_utf8(value).map_err(DecodeError::malformed)?;
        let head: Head<'_> = serde_json::from_str(text).map_err(DecodeError::malformed)?;
        let dns = match self.kind {
            PartKind::Dns => Some(facts(&DNSResult::from_json(value)?)),
            _ => None,
        };
        let collector = match (self.kind, head.collector) {
            (PartKind::Ip, None) => return Err(DecodeError::malformed("missing field `collector`")),
            (PartKind::Ip, collector) => collector.map(CompactString::from),
            _ => None,
        };
        Ok(Part { status: head.status_code, attempt: head.last_attempt, collector, dns, body: value.clone() })
    }

    /// The part of a decoded record, written in the joined record's format.
    fn rewritten<T: Wire + Outcome>(&self, record: &T) -> Result<Part, DecodeError> {
        let body: Bytes = match self.joined {
            Format::Json => record.to_json()?.into(),
            Format::Avro => {
                let mut body = Vec::new();
                write_ours(record, &mut body)?;
                body.into()
            }
        };
        match self.joined {
            Format::Json => self.keep_json(&body),
            Format::Avro => self.keep_avro(body),
        }
    }
}

fn shape_of<T: Wire>() -> Shape {
    Shape::of(T::schema())
}

fn known<T: Wire>(schemas: &Schemas, id: SchemaId) -> Option<Known> {
    schemas.known::<T>(id)
}

fn from_json<T: Wire + Outcome>(reader: &PartReader, value: &[u8]) -> Result<Part, DecodeError> {
    reader.rewritten(&T::from_json(value)?)
}

fn anew<T: Wire + Outcome>(reader: &PartReader, writer: &Known, datum: &[u8]) -> Result<Part, DecodeError> {
    let record: T = match writer {
        Known::Foreign(foreign) => foreign.read(datum)?,
        Known::Ours | Known::Unknown => read_ours(datum)?,
    };
    reader.rewritten(&record)
}

/// The distinct addresses of a DNS result in their order, and whether a TLS result follows it.
fn facts(result: &DNSResult) -> (Vec<CompactString>, bool) {
    let mut addresses: Vec<CompactString> = Vec::new();
    for found in result.ips.iter().flatten() {
        if !addresses.iter().any(|known| *known == found.ip) {
            addresses.push(CompactString::from(&found.ip));
        }
    }
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let tls = |data: &DNSData| {
        some(&data.a) || some(&data.aaaa) || data.cname.as_ref().is_some_and(|cname| some(&cname.related_ips))
    };
    (addresses, result.dns_data.as_ref().is_some_and(tls))
}
