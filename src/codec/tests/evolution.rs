//! Producers and consumers of other versions: with a field more, without an optional field, with the schema of any release.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::Path;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{Name, ResolvedSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use super::arbitrary::{dns_result, ip_result, joined, rdap_result, tls_result, zone_result};
use super::*;
use crate::codec::avro::{read_ours, write_ours};

/// The schemas that could exist beside ours, and those that do: with fields more, without an optional field, released.
fn versions<T: Wire>(topic: &str) -> Vec<Schema> {
    let ours = serde_json::to_value(T::schema()).unwrap();
    let mut newer = ours.clone();
    each_record(&mut newer, &mut |record| {
        let fields = record["fields"].as_array_mut().unwrap();
        fields.insert(0, json!({ "name": "first", "type": "string", "default": "new" }));
        fields.push(json!({ "name": "last", "type": ["null", { "type": "array", "items": "long" }], "default": null }));
    });
    let mut all = vec![newer];
    let mut optional = vec![];
    each_record(&mut ours.clone(), &mut |record| {
        let fields = record["fields"].as_array().unwrap().iter();
        let fields = fields.filter(|field| field.get("default") == Some(&json!(null)));
        optional.extend(fields.map(|field| (text(&record["name"]), text(&field["name"]))));
    });
    for (name, field) in optional {
        let mut older = ours.clone();
        each_record(&mut older, &mut |record| {
            if record["name"] == name {
                record["fields"].as_array_mut().unwrap().retain(|known| known["name"] != field);
            }
        });
        all.push(older);
    }
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/released");
    for version in std::fs::read_dir(released).unwrap() {
        if let Ok(schema) = std::fs::read(version.unwrap().path().join(format!("{topic}.avsc"))) {
            all.push(serde_json::from_slice(&schema).unwrap());
        }
    }
    all.iter().map(|schema| Schema::parse(schema).unwrap()).collect()
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

/// A value with the fields that the records of another schema have. Nothing but fields differs between the two, and what is
/// not there is null or as `versions` says.
fn with_fields_of(value: Value, schema: &Schema, other: &HashMap<Name, &Schema>) -> Value {
    let inside = |value, schema| with_fields_of(value, schema, other);
    match (value, schema) {
        (Value::Union(branch, inner), Schema::Union(union)) => {
            Value::Union(branch, Box::new(inside(*inner, &union.variants()[branch as usize])))
        }
        (Value::Array(items), Schema::Array(array)) => {
            Value::Array(items.into_iter().map(|item| inside(item, &array.items)).collect())
        }
        (Value::Map(items), Schema::Map(map)) => {
            Value::Map(items.into_iter().map(|(key, item)| (key, inside(item, &map.types))).collect())
        }
        (Value::Record(values), Schema::Record(record)) => {
            let mut values: HashMap<_, _> = values.into_iter().collect();
            let Schema::Record(other) = other[&record.name] else { panic!("no record") };
            let field = |name: &String| match values.remove(name) {
                Some(value) => inside(value, &record.fields[record.lookup[name]].schema),
                None if name == "first" => Value::String("new".to_owned()),
                None => Value::Union(0, Box::new(Value::Null)),
            };
            let mut field = field;
            Value::Record(other.fields.iter().map(|known| (known.name.clone(), field(&known.name))).collect())
        }
        (value, Schema::Ref { name }) => panic!("{name} of {value:?} is defined elsewhere"),
        (value, _) => value,
    }
}

fn names(schema: &Schema) -> HashMap<Name, &Schema> {
    ResolvedSchema::new(schema).unwrap().get_names().clone()
}

fn read_by(datum: &[u8], writer: &Schema, reader: Option<&Schema>) -> Value {
    let built = GenericDatumReader::builder(writer).maybe_reader_schema(reader).human_readable(false).build();
    let mut rest = datum;
    let value = built.unwrap().read_value(&mut rest).unwrap();
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
    theirs: &Schema,
) {
    let (memory, schemas) = schemas();
    let codec = TopicCodec::<T>::new(Format::Avro, topic, &schemas).await.unwrap();
    let ours = T::schema();
    let mut datum = vec![];
    write_ours(record, &mut datum).unwrap();
    let value = with_fields_of(read_by(&datum, ours, None), ours, &names(theirs));

    // A consumer of theirs reads what we write. That of apache-avro mistakes the branches of unions.
    if !matches!(topic, "collected_IP_data" | "all_collected_data") {
        assert_eq!(read_by(&datum, ours, Some(theirs)), value, "{topic}");
    }

    // What a producer of theirs writes has all that its schema has, and nothing of what it lacks.
    let expected = with_fields_of(value.clone(), theirs, &names(ours));
    let expected = [&codec.encode(record).unwrap()[..5], &written(expected, ours)].concat();
    let id = memory.register("theirs", &serde_json::to_string(theirs).unwrap()).await.unwrap();
    let value = Bytes::from([&[0][..], &id.0.to_be_bytes(), &written(value, theirs)].concat());
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
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

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
        fn versions_of<T: Wire>(_: &T, topic: &str) -> Vec<Schema> {
            versions::<T>(topic)
        }
        let label = zone.and_then(|zone| zone.label);
        let request = ZoneRequest { label: label.clone(), collect_dns: label.is_some(), ..ZoneRequest::default() };
        let names = single.0.zone.as_ref().map(|zone| zone.secondary_nameservers.clone());
        let dns = single.0.zone.clone().map(|zone_info| DNSRequest {
            zone_info,
            types_to_collect: names.clone(),
            types_to_process_ips_from: None,
            collectors: names.clone(),
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

/// A payload of which all that is known is its place in a union. Each of the others has only optional fields.
#[test]
fn the_branch_that_was_written_is_the_one_that_is_read() {
    let (memory, schemas) = schemas();
    let data = |fields: &str| {
        format!(r#"["null",{{"type":"record","name":"RTTData","fields":[{fields}]}},"string"]"#)
    };
    let fields: String = ["avg", "min", "max", "jitter", "later"]
        .map(|name| format!(r#"{{"name":"{name}","type":"float","default":0.0}},"#))
        .concat();
    let fields = fields + r#"{"name":"sent","type":"int"},{"name":"received","type":"int"}"#;
    let theirs = format!(
        r#"{{"type":"record","name":"CommonIPResult","fields":[{{"name":"data","type":{}}},{{"name":"collector","type":"string"}},
            {{"name":"lastAttempt","type":"int"}},{{"name":"statusCode","type":"int"}}]}}"#,
        data(&fields)
    );
    let theirs = Schema::parse_str(&theirs).unwrap();
    let float = |name: &str, value| (name.to_owned(), Value::Float(value));
    let int = |name: &str, value| (name.to_owned(), Value::Int(value));
    let rtt = vec![
        float("avg", 2.5),
        float("min", 1.5),
        float("max", 4.0),
        float("jitter", 0.5),
        float("later", 9.0),
        int("sent", 3),
        int("received", 2),
    ];
    let value = Value::Record(vec![
        ("data".to_owned(), Value::Union(1, Box::new(Value::Record(rtt)))),
        ("collector".to_owned(), Value::String("rtt".to_owned())),
        int("lastAttempt", 77),
        int("statusCode", 0),
    ]);
    run(async {
        let codec = TopicCodec::<CommonIPResult>::new(Format::Avro, "x", &schemas).await.unwrap();
        let id = memory.register("theirs", &serde_json::to_string(&theirs).unwrap()).await.unwrap();
        let value = [&[0][..], &id.0.to_be_bytes(), &written(value, &theirs)].concat();
        let rtt = RTTData { min: 1.5, avg: 2.5, max: 4.0, sent: 3, received: 2, jitter: 0.5 };
        let expected = CommonIPResult {
            status_code: Status::OK,
            error: None,
            last_attempt: Timestamp(77),
            collector: "rtt".to_owned(),
            data: IPData::Rtt(rtt),
            found: None,
        };
        assert_eq!(codec.decode(&value).await.unwrap(), expected);
    });
}
