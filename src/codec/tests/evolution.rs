//! Producers and consumers of other versions: with a field more, without an optional field, with the schema of any release.

use std::fmt::Debug;
use std::path::Path;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::ResolvedSchema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use super::arbitrary::{dns_result, ip_result, joined, rdap_result, tls_result, zone_result};
use super::*;
use crate::codec::avro::{read_ours, write_ours};

/// A schema of another version.
struct Version {
    schema: Schema,
    /// The optional field that it does not have yet: the name of its record, and its own.
    lacks: Option<(String, String)>,
}

/// The versions of a schema that could exist beside ours, and those that do.
fn versions<T: Wire>(topic: &str) -> Vec<Version> {
    let ours = serde_json::to_value(T::schema()).unwrap();
    let mut newer = ours.clone();
    each_record(&mut newer, &mut |record| {
        let fields = record["fields"].as_array_mut().unwrap();
        fields.insert(0, json!({ "name": "first", "type": "string", "default": "new" }));
        fields.push(json!({ "name": "last", "type": ["null", { "type": "array", "items": "long" }], "default": null }));
    });
    let mut all = vec![(newer, None)];
    let mut optional = vec![];
    each_record(&mut ours.clone(), &mut |record| {
        let fields = record["fields"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|field| field.get("default") == Some(&json!(null)));
        optional.extend(fields.map(|field| (text(&record["name"]), text(&field["name"]))));
    });
    for (name, field) in optional {
        let mut older = ours.clone();
        each_record(&mut older, &mut |record| {
            if record["name"] == name {
                record["fields"].as_array_mut().unwrap().retain(|known| known["name"] != field);
            }
        });
        all.push((older, Some((name, field))));
    }
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/released");
    for version in std::fs::read_dir(released).unwrap() {
        if let Ok(schema) = std::fs::read(version.unwrap().path().join(format!("{topic}.avsc"))) {
            all.push((serde_json::from_slice(&schema).unwrap(), None));
        }
    }
    let parse = |(schema, lacks)| Version { schema: Schema::parse(&schema).unwrap(), lacks };
    all.into_iter().map(parse).collect()
}

fn text(json: &serde_json::Value) -> String {
    json.as_str().unwrap().to_owned()
}

fn each_record(schema: &mut serde_json::Value, see: &mut impl FnMut(&mut serde_json::Value)) {
    match schema {
        serde_json::Value::Array(branches) => branches.iter_mut().for_each(|branch| each_record(branch, see)),
        serde_json::Value::Object(object) => {
            for inner in ["type", "items", "values"] {
                if let Some(inner) = object.get_mut(inner) {
                    each_record(inner, see);
                }
            }
            if let Some(fields) = object.get_mut("fields") {
                fields.as_array_mut().unwrap().iter_mut().for_each(|field| each_record(field, see));
                see(schema);
            }
        }
        _ => {}
    }
}

/// Makes a field null wherever its record is.
fn erase(value: &mut Value, schema: &Schema, names: &ResolvedSchema<'_>, of: (&str, &str)) {
    match (value, schema) {
        (value, Schema::Ref { name }) => erase(value, names.get_names()[name], names, of),
        (Value::Union(branch, inner), Schema::Union(union)) => {
            erase(inner, &union.variants()[*branch as usize], names, of);
        }
        (Value::Array(items), Schema::Array(array)) => {
            items.iter_mut().for_each(|item| erase(item, &array.items, names, of));
        }
        (Value::Map(items), Schema::Map(map)) => {
            items.values_mut().for_each(|item| erase(item, &map.types, names, of));
        }
        (Value::Record(values), Schema::Record(record)) => {
            for ((name, value), field) in values.iter_mut().zip(&record.fields) {
                match (record.name.name(), name.as_str()) == of {
                    true => *value = Value::Union(0, Box::new(Value::Null)),
                    false => erase(value, &field.schema, names, of),
                }
            }
        }
        _ => {}
    }
}

fn read_as(datum: &[u8], writer: &Schema, reader: &Schema) -> Value {
    let built =
        GenericDatumReader::builder(writer).reader_schema(reader).human_readable(false).build().unwrap();
    let mut rest = datum;
    let value = built.read_value(&mut rest).unwrap();
    assert!(rest.is_empty());
    value
}

fn written(value: Value, schema: &Schema) -> Vec<u8> {
    GenericDatumWriter::builder(schema)
        .human_readable(false)
        .build()
        .unwrap()
        .write_value_to_vec(value)
        .unwrap()
}

fn part(reader: &PartReader, value: &Bytes) -> Part {
    read(reader, value).unwrap()
}

/// Lets a record pass between us and a program of another version, in both directions.
async fn passes<T: Wire + PartialEq + Debug>(
    topic: &str,
    kind: Option<PartKind>,
    record: &T,
    version: &Version,
) {
    let (memory, schemas) = schemas();
    let codec = TopicCodec::<T>::new(Format::Avro, topic, &schemas).await.unwrap();
    let (ours, theirs) = (T::schema(), &version.schema);
    let mut datum = vec![];
    write_ours(record, &mut datum).unwrap();

    // A consumer of theirs reads what we write, and finds defaults in place of what we do not have.
    let seen = read_as(&datum, ours, theirs);

    // What a producer of theirs writes has all that its schema has, and nothing of what it lacks.
    let mut expected = read_as(&datum, ours, ours);
    if let Some((name, field)) = &version.lacks {
        erase(&mut expected, ours, &ResolvedSchema::new(ours).unwrap(), (name, field));
    }
    let expected = [&codec.encode(record).unwrap()[..5], &written(expected, ours)].concat();
    let id = memory.register("theirs", &serde_json::to_string(theirs).unwrap()).await.unwrap();
    let value = Bytes::from([&[0][..], &id.0.to_be_bytes(), &written(seen, theirs)].concat());
    assert_eq!(codec.decode(&value).await.unwrap(), codec.decode(&expected).await.unwrap());

    // The same on the way into a join: the part is as if we had written it, but for the order of maps.
    if let Some(kind) = kind {
        for joined in [Format::Avro, Format::Json] {
            let reader = PartReader::new(kind, Format::Avro, joined, schemas.clone());
            reader.learn(id).await;
            let (seen, expected) = (part(&reader, &value), part(&reader, &expected.clone().into()));
            let content = |body: &Bytes| match joined {
                Format::Avro => read_ours::<T>(body),
                Format::Json => T::from_json(body),
            };
            assert_eq!(content(&seen.body).unwrap(), content(&expected.body).unwrap());
            assert_eq!(Part { body: expected.body.clone(), ..seen }, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn other_versions_are_understood_and_understand_us(
        (zone, joined) in joined(),
        single in (zone_result(), dns_result(), tls_result(), rdap_result()),
        ip in prop_oneof![ip_result("nerd"), ip_result("rtt"), ip_result("geo-asn"), ip_result("rdap-ip")],
        which in any::<Index>(),
    ) {
        macro_rules! each {
            ($($topic:literal, $kind:expr, $record:expr;)*) => {
                $({
                    let record = $record;
                    let versions = versions_of(record, $topic);
                    passes($topic, $kind, record, which.get(&versions)).await;
                })*
            };
        }
        fn versions_of<T: Wire>(_: &T, topic: &str) -> Vec<Version> {
            versions::<T>(topic)
        }
        let label = zone.and_then(|zone| zone.label);
        let request = ZoneRequest { label: label.clone(), collect_dns: label.is_some(), ..ZoneRequest::default() };
        let names = single.0.zone.as_ref().map(|zone| zone.secondary_nameservers.clone());
        let dns = single.0.zone.clone().map(|zone_info| DNSRequest {
            zone_info,
            types_to_collect: names.clone(),
            types_to_process_ips_from: None,
        });
        run(async {
            each! {
                "to_process_zone", None, &request;
                "to_process_RDAP_DN", None, &RDAPDomainRequest { zone: label };
                "to_process_IP", None, &IPRequest { collectors: names };
                "processed_zone", Some(PartKind::Zone), &single.0;
                "processed_DNS", Some(PartKind::Dns), &single.1;
                "processed_TLS", Some(PartKind::Tls), &single.2;
                "processed_RDAP_DN", Some(PartKind::Rdap), &single.3;
                "collected_IP_data", Some(PartKind::Ip), &ip;
                "all_collected_data", None, &joined;
            }
            if let Some(dns) = dns {
                each! { "to_process_DNS", None, &dns; }
            }
        });
    }
}

/// JSON names its fields itself: one that is new is left alone, one that is missing is null.
#[test]
fn json_of_other_versions_is_read() {
    let read = |json: &str| ZoneRequest::from_json(json.as_bytes()).unwrap();
    let expected = ZoneRequest { collect_dns: false, ..ZoneRequest::default() };
    for json in [r#"{"collectDNS":false}"#, r#"{"first":{"new":[1]},"collectDNS":false,"label":null}"#] {
        assert_eq!(read(json), expected);
    }
    let result = r#"{"first":1,"statusCode":0,"lastAttempt":5,"rdapTarget":"a.cz","whoisStatusCode":35,"rdapData":{"x":1}}"#;
    let result = RDAPDomainResult::from_json(result.as_bytes()).unwrap();
    assert_eq!((result.rdap_target.as_str(), result.error), ("a.cz", None));
}
