//! `collected_IP_data`: what one IP collector found out about one address. Four payloads in one record shape.

use std::collections::HashSet;

use apache_avro::AvroSchema;
use apache_avro::schema::{Name, NamespaceRef, RecordField, Schema, UnionSchema};
use apache_avro::serde::AvroSchemaComponent;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::{FreeJson, Status, Timestamp};
use crate::clock::Millis;

/// Result of an IP collector.
#[derive(Clone, Debug, PartialEq, Serialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct CommonIPResult {
    /// What became of the request (table of statuses).
    pub status_code: Status,
    /// A message for people if the status is not 0.
    pub error: Option<String>,
    /// When the operation finished, in milliseconds since the UNIX epoch.
    pub last_attempt: Timestamp,
    /// Name of the collector: geo-asn, nerd, rdap-ip, rtt.
    pub collector: String,
    /// What was found, in the shape of the collector; null iff the status is not 0.
    pub data: IPData,
    /// When this was found out, if that was for an earlier request. No field of the record: a header of it says so.
    #[serde(skip)]
    #[avro(skip)]
    pub found: Option<Timestamp>,
}

/// The payload of an IP result. In Avro a union; in JSON the payload itself, whose shape the collector's name tells.
#[derive(Clone, Debug, PartialEq)]
pub enum IPData {
    /// No data.
    None,
    /// Of `geo-asn`.
    GeoAsn(Box<GeoIPData>),
    /// Of `nerd`.
    Nerd(NERDData),
    /// Of `rtt`.
    Rtt(RTTData),
    /// Of `rdap-ip`, and of collectors that this program does not know: JSON as it came.
    Json(FreeJson),
}

/// Geographical location and autonomous system of an address (MaxMind City and ASN databases).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct GeoIPData {
    /// Two-letter code of the continent.
    pub continent_code: Option<String>,
    /// ISO 3166-1 code of the country.
    pub country_code: Option<String>,
    /// Name of the largest subdivision.
    pub region: Option<String>,
    /// ISO 3166-2 code of the largest subdivision, without the country.
    pub region_code: Option<String>,
    /// Name of the city.
    pub city: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Latitude in degrees.
    pub latitude: Option<f64>,
    /// Longitude in degrees.
    pub longitude: Option<f64>,
    /// IANA name of the time zone.
    pub timezone: Option<String>,
    /// GeoNames id of the country where the network is registered.
    pub registered_country_geo_name_id: Option<i64>,
    /// GeoNames id of the country that the users represent (military bases).
    pub represented_country_geo_name_id: Option<i64>,
    /// Number of the autonomous system.
    pub asn: Option<i64>,
    /// Organization of the autonomous system.
    pub asn_org: Option<String>,
    /// First address of the network in the ASN database.
    pub network_address: Option<String>,
    /// Prefix length of that network.
    pub prefix_length: Option<i64>,
}

/// Reputation of an address in NERD.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct NERDData {
    /// Reputation score; 0 if the address is not known.
    pub reputation: f64,
}

/// Statistics of a series of ICMP echoes; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, AvroSchema)]
#[serde(rename_all = "camelCase")]
#[avro(namespace = "domainflow")]
pub struct RTTData {
    /// Least round-trip time.
    pub min: f64,
    /// Mean round-trip time.
    pub avg: f64,
    /// Greatest round-trip time.
    pub max: f64,
    /// Echo requests sent.
    pub sent: i32,
    /// Replies received.
    pub received: i32,
    /// Mean difference of the times of successive replies.
    pub jitter: f64,
}

impl CommonIPResult {
    /// What `collector` has found out, at `now`.
    pub fn with_data(data: IPData, now: Millis, collector: &str) -> Self {
        Self {
            status_code: Status::OK,
            error: None,
            last_attempt: Timestamp(now),
            collector: collector.to_owned(),
            data,
            found: None,
        }
    }
}

impl AvroSchemaComponent for IPData {
    fn get_schema_in_ctxt(named: &mut HashSet<Name>, namespace: NamespaceRef) -> Schema {
        let branches = vec![
            Schema::Null,
            GeoIPData::get_schema_in_ctxt(named, namespace),
            NERDData::get_schema_in_ctxt(named, namespace),
            RTTData::get_schema_in_ctxt(named, namespace),
            Schema::String,
        ];
        // Three records of different names, a null and a string: the union rules of Avro hold.
        Schema::Union(UnionSchema::new(branches).expect("the branches differ in type or name"))
    }

    fn get_record_fields_in_ctxt(_: &mut HashSet<Name>, _: NamespaceRef) -> Option<Vec<RecordField>> {
        None
    }

    fn field_default() -> Option<serde_json::Value> {
        Some(serde_json::Value::Null)
    }
}

impl Serialize for IPData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "IPData";
        match (self, serializer.is_human_readable()) {
            (Self::None, true) => serializer.serialize_none(),
            (Self::GeoAsn(data), true) => data.serialize(serializer),
            (Self::Nerd(data), true) => data.serialize(serializer),
            (Self::Rtt(data), true) => data.serialize(serializer),
            (Self::Json(data), true) => data.serialize(serializer),
            (Self::None, false) => serializer.serialize_unit_variant(NAME, 0, "None"),
            (Self::GeoAsn(data), false) => serializer.serialize_newtype_variant(NAME, 1, "GeoAsn", data),
            (Self::Nerd(data), false) => serializer.serialize_newtype_variant(NAME, 2, "Nerd", data),
            (Self::Rtt(data), false) => serializer.serialize_newtype_variant(NAME, 3, "Rtt", data),
            (Self::Json(data), false) => serializer.serialize_newtype_variant(NAME, 4, "Json", data),
        }
    }
}

/// The Avro side of [`IPData`]: a union is an enum with the branches in order.
#[derive(Deserialize)]
enum Branch {
    None,
    GeoAsn(Box<GeoIPData>),
    Nerd(NERDData),
    Rtt(RTTData),
    Json(FreeJson),
}

impl IPData {
    /// Reads the JSON payload of the collector named `collector`.
    fn from_json(collector: &str, json: Option<Box<RawValue>>) -> Result<Self, serde_json::Error> {
        let Some(json) = json else { return Ok(Self::None) };
        let text = json.get();
        Ok(match collector {
            "geo-asn" => Self::GeoAsn(serde_json::from_str(text)?),
            "nerd" => Self::Nerd(serde_json::from_str(text)?),
            "rtt" => Self::Rtt(serde_json::from_str(text)?),
            _ => Self::Json(serde_json::from_str(text)?),
        })
    }
}

impl From<Branch> for IPData {
    fn from(branch: Branch) -> Self {
        match branch {
            Branch::None => Self::None,
            Branch::GeoAsn(data) => Self::GeoAsn(data),
            Branch::Nerd(data) => Self::Nerd(data),
            Branch::Rtt(data) => Self::Rtt(data),
            Branch::Json(data) => Self::Json(data),
        }
    }
}

impl<'de> Deserialize<'de> for CommonIPResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The record with its payload in the form of one format.
        #[derive(Deserialize)]
        #[serde(rename = "CommonIPResult", rename_all = "camelCase")]
        struct Record<T> {
            status_code: Status,
            #[serde(default)]
            error: Option<String>,
            last_attempt: Timestamp,
            collector: String,
            data: T,
        }

        let human_readable = deserializer.is_human_readable();
        let (record, data) = if human_readable {
            let record = Record::<Option<Box<RawValue>>>::deserialize(deserializer)?;
            let Record { status_code, error, last_attempt, collector, data } = record;
            let data = IPData::from_json(&collector, data).map_err(de::Error::custom)?;
            ((status_code, error, last_attempt, collector), data)
        } else {
            let record = Record::<Branch>::deserialize(deserializer)?;
            let Record { status_code, error, last_attempt, collector, data } = record;
            ((status_code, error, last_attempt, collector), data.into())
        };
        let (status_code, error, last_attempt, collector) = record;
        Ok(Self { status_code, error, last_attempt, collector, data, found: None })
    }
}
