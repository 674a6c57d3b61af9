//! Golden bytes of both formats, foreign and broken input, and that splicing means the same as decoding all and encoding.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use proptest::prelude::*;

use super::*;
use crate::model::*;

/// A registry in memory that can be unreachable for a while.
#[derive(Default)]
struct Memory {
    schemas: std::sync::Mutex<Vec<(String, String)>>,
    failures: AtomicU32,
}

impl Registry for Memory {
    fn register<'a>(&'a self, subject: &'a str, schema: &'a str) -> BoxFuture<'a, Result<SchemaId, RegistryError>> {
        let mut schemas = self.schemas.lock().unwrap();
        let entry = (subject.to_owned(), schema.to_owned());
        let index = schemas.iter().position(|known| *known == entry).unwrap_or_else(|| {
            schemas.push(entry);
            schemas.len() - 1
        });
        std::future::ready(Ok(SchemaId(index as u32 + 7))).boxed()
    }

    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Option<String>, RegistryError>> {
        let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let found = match fails {
            Ok(_) => Err(RegistryError::Unreachable { url: "memory".into(), detail: "down".into() }),
            Err(_) => Ok(self.schemas.lock().unwrap().get((id.0 as usize).wrapping_sub(7)).map(|(_, text)| text.clone())),
        };
        std::future::ready(found).boxed()
    }

    fn latest<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<(SchemaId, String)>, RegistryError>> {
        std::future::ready(Ok(None)).boxed()
    }
}

fn schemas() -> (Arc<Memory>, Schemas) {
    let memory = Arc::new(Memory::default());
    (memory.clone(), Schemas::new(memory))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_bytes() {
    let (_, schemas) = schemas();
    let request = RDAPDomainRequest { zone: Some("ok.cz".into()) };
    let result = CommonIPResult {
        status_code: Status::TIMEOUT,
        error: None,
        last_attempt: Timestamp(1_700_000_000_000),
        collector: "rtt".into(),
        data: IPData::None,
    };
    run(async {
        let codec = TopicCodec::new(Format::Avro, "to_process_RDAP_DN", &schemas).await.unwrap();
        assert_eq!(hex(&codec.encode(&request).unwrap()), "0000000007020a6f6b2e637a");
        let codec = TopicCodec::new(Format::Json, "to_process_RDAP_DN", &schemas).await.unwrap();
        assert_eq!(&codec.encode(&request).unwrap()[..], br#"{"zone":"ok.cz"}"#);
        let codec = TopicCodec::new(Format::Avro, "collected_IP_data", &schemas).await.unwrap();
        assert_eq!(hex(&codec.encode(&result).unwrap()), "0000000008160080a0abfef9620672747400");
        let codec = TopicCodec::new(Format::Json, "collected_IP_data", &schemas).await.unwrap();
        assert_eq!(
            &codec.encode(&result).unwrap()[..],
            br#"{"statusCode":11,"error":null,"lastAttempt":1700000000000,"collector":"rtt","data":null}"#
        );
        let address = "192.0.2.1".to_owned();
        let codec = TopicCodec::new(Format::Json, "to_process_TLS", &schemas).await.unwrap();
        assert_eq!(&codec.encode(&address).unwrap()[..], b"192.0.2.1");
        let codec = TopicCodec::new(Format::Avro, "to_process_TLS", &schemas).await.unwrap();
        assert_eq!(codec.decode(&codec.encode(&address).unwrap()).await.unwrap(), address);
    });
}

/// A newer producer adds fields (a nested record among them), an older one lacks some: both are read as ours.
#[test]
fn foreign_schemas_are_resolved() {
    let (memory, schemas) = schemas();
    let foreign = r#"{"type":"record","name":"ZoneRequest","namespace":"elsewhere","fields":[
        {"name":"priority","type":{"type":"record","name":"Priority","fields":[{"name":"level","type":"int"}]}},
        {"name":"collectRDAP","type":"boolean"},
        {"name":"label","type":["null","string"]}]}"#;
    run(async {
        let id = memory.register("x-value", foreign).await.unwrap();
        memory.failures.store(3, Ordering::SeqCst);
        let codec = TopicCodec::<ZoneRequest>::new(Format::Avro, "to_process_zone", &schemas).await.unwrap();
        let value = [&[0, 0, 0, 0, id.0 as u8][..], &[8, 0, 2, 2, b'x']].concat();
        let expected = ZoneRequest { collect_rdap: false, label: Some("x".into()), ..ZoneRequest::default() };
        assert_eq!(codec.decode(&value).await.unwrap(), expected);
        let error = codec.decode(&[0, 0, 0, 1, 0, 2]).await.unwrap_err();
        assert_eq!(error, DecodeError::UnknownSchema(SchemaId(256)));
        let other = memory.register("y-value", r#""long""#).await.unwrap();
        let error = codec.decode(&[0, 0, 0, 0, other.0 as u8, 2]).await.unwrap_err();
        assert!(matches!(error, DecodeError::Incompatible { .. }), "{error}");
        // The same schema registered for another topic is ours as well.
        let same = schemas.register::<ZoneRequest>("another_topic").await.unwrap();
        assert!(matches!(schemas.learn::<ZoneRequest>(same).await, Known::Ours));
    });
}

#[test]
fn broken_values_are_refused_with_a_bounded_message() {
    let (_, schemas) = schemas();
    run(async {
        let codec = TopicCodec::<ZoneRequest>::new(Format::Avro, "to_process_zone", &schemas).await.unwrap();
        let value = codec.encode(&ZoneRequest::default()).unwrap();
        for end in 0..value.len() {
            let error = codec.decode(&value[..end]).await.unwrap_err();
            assert!(error.to_string().len() < 500);
        }
        let longer = [&value[..], &[0]].concat();
        assert!(matches!(codec.decode(&longer).await, Err(DecodeError::Malformed(_))));
        assert_eq!(codec.decode(b"{}").await, Err(DecodeError::NotFramed));
        let codec = TopicCodec::<ZoneRequest>::new(Format::Json, "to_process_zone", &schemas).await.unwrap();
        for value in [&b"{bad json"[..], b"", b"[]", br#"{"collectDNS":"maybe"}"#, b"\xff"] {
            assert!(codec.decode(value).await.is_err(), "{value:?}");
        }
    });
}

fn read(reader: &PartReader, value: &Bytes) -> Result<Part, DecodeError> {
    match reader.read(value)? {
        Reading::Part(part) => Ok(part),
        Reading::Learn(id) => panic!("schema {id} is not known"),
    }
}

#[test]
fn parts_without_a_readable_head_are_refused() {
    let (_, schemas) = schemas();
    let reader = PartReader::new(PartKind::Ip, Format::Json, Format::Json, schemas.clone());
    for value in [
        r#"{"statusCode":"0","lastAttempt":1,"collector":"rtt"}"#, // C6
        "garbage", "{}",
        r#"{"data":{"statusCode":0},"lastAttempt":1,"collector":"rtt"}"#, // C7: only the top level counts
        r#"{"statusCode":0,"lastAttempt":1,"data":null}"#, // C9
        r#"{"statusCode":0,"lastAttempt":1,"collector":"rtt","data":{"a":}"#,
    ] {
        assert!(matches!(read(&reader, &Bytes::from(value)), Err(DecodeError::Malformed(_))), "{value}");
    }
    let kept = r#"{"data":{"statusCode":99},"statusCode":12,"lastAttempt":5,"collector":"x","new":[1]}"#;
    let part = read(&reader, &Bytes::from(kept)).unwrap();
    assert_eq!((part.status.0, part.attempt, part.collector.as_deref()), (12, 5, Some("x")));
    assert_eq!(part.body, kept);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,8}"]
}
fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..3)
}
fn option<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    prop::option::of(strategy)
}
fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::OK), (-1_i32..50).prop_map(Status)]
}
fn free() -> impl Strategy<Value = FreeJson> {
    prop_oneof![Just("0"), Just("[]"), Just(r#"{"a":[1e3,"\u00e9",{"b":null}],"Z":12345678901234567890}"#)]
        .prop_map(|text| FreeJson::parse(text).unwrap())
}

fn zone_result() -> impl Strategy<Value = ZoneResult> {
    let soa = (text(), any::<i64>());
    let zone = (text(), soa, option(any::<bool>()), texts(), texts());
    let zone = zone.prop_map(|(name, (primary, number), has_dnskey, ips, servers)| ZoneInfo {
        zone: name.clone(),
        soa: SOARecord {
            primary_ns: primary,
            resp_mailbox_dname: name.clone(),
            serial: number.to_string(),
            refresh: number,
            retry: number.wrapping_add(1),
            expire: 0,
            min_ttl: -1,
        },
        public_suffix: name,
        has_dnskey,
        primary_nameserver_ips: ips.clone(),
        secondary_nameservers: servers,
        secondary_nameserver_ips: ips,
    });
    (status(), option(text()), any::<i64>(), option(zone), option(text())).prop_map(
        |(status_code, error, at, zone, label)| ZoneResult { status_code, error, last_attempt: Timestamp(at), zone, label },
    )
}

fn dns_result() -> impl Strategy<Value = DNSResult> {
    let mx = (text(), any::<i32>(), option(texts()));
    let mx = mx.prop_map(|(value, priority, related_ips)| MXRecord { value, priority, related_ips });
    let table = prop::collection::btree_map(text(), any::<i64>(), 0..3);
    let data = (table, option(texts()), option(prop::collection::vec(mx, 0..3)), option(texts()));
    let data = data.prop_map(|(ttl, a, mx, txt)| DNSData {
        ttl_values: TextMap(ttl),
        cname: a.clone().map(|a| CNAMERecord { value: "c".into(), related_ips: Some(a) }),
        errors: txt.is_none().then(|| [("TXT".to_owned(), "Timeout".to_owned())].into_iter().collect()),
        ns: txt.clone().map(|txt| vec![NSRecord { nameserver: "n".into(), related_ips: Some(txt) }]),
        aaaa: None,
        a, mx, txt,
    });
    let ips = prop::collection::vec((text(), text()), 0..4);
    let ips = ips.prop_map(|ips| ips.into_iter().map(|(ip, rr_type)| IPFromRecord { ip, rr_type }).collect());
    (status(), option(text()), any::<i64>(), option(data), option(ips)).prop_map(
        |(status_code, error, at, dns_data, ips)| DNSResult { status_code, error, last_attempt: Timestamp(at), dns_data, ips },
    )
}

fn tls_result() -> impl Strategy<Value = TLSResult> {
    let chain = prop::collection::vec((text(), prop::collection::vec(any::<u8>(), 0..20)), 0..3);
    let data = (text(), chain).prop_map(|(from_ip, chain)| TLSData {
        cipher: from_ip.clone(),
        protocol: "TLSv1.3".into(),
        from_ip,
        certificates: chain.into_iter().map(|(dn, der)| Certificate { dn, der_data: Der(der) }).collect(),
    });
    (status(), option(text()), any::<i64>(), option(data), option(text())).prop_map(
        |(status_code, error, at, tls_data, html)| TLSResult { status_code, error, last_attempt: Timestamp(at), tls_data, html },
    )
}

fn rdap_result() -> impl Strategy<Value = RDAPDomainResult> {
    (status(), option(text()), any::<i64>(), option(free()), option(text())).prop_map(
        |(status_code, error, at, json, whois_raw)| RDAPDomainResult {
            status_code,
            whois_error: error.clone(),
            error,
            last_attempt: Timestamp(at),
            rdap_target: "t".into(),
            whois_status_code: status_code,
            rdap_data: json.clone(),
            entities: json.clone(),
            whois_raw,
            whois_parsed: json,
        },
    )
}

fn ip_result(collector: &'static str) -> impl Strategy<Value = CommonIPResult> {
    let data = (free(), -1e9..1e9_f64, option(any::<i64>())).prop_map(move |(json, number, asn)| match collector {
        "nerd" => IPData::Nerd(NERDData { reputation: number }),
        "rtt" => IPData::Rtt(RTTData { min: number, avg: -number, ..RTTData::default() }),
        "geo-asn" => IPData::GeoAsn(Box::new(GeoIPData { asn, latitude: asn.map(|_| number), ..GeoIPData::default() })),
        _ => IPData::Json(json),
    });
    (status(), option(text()), any::<i64>(), prop_oneof![Just(IPData::None), data]).prop_map(
        move |(status_code, error, at, data)| CommonIPResult {
            status_code, error, last_attempt: Timestamp(at), collector: collector.into(), data,
        },
    )
}

fn joined() -> impl Strategy<Value = (Option<ZoneResult>, AllCollectedData)> {
    let of_address = (ip_result("nerd"), ip_result("rtt"), ip_result("geo-asn"), ip_result("rdap-ip"), 0_usize..5);
    let of_address = of_address.prop_map(|(nerd, rtt, geo, rdap, count)| {
        let results = [nerd, rtt, geo, rdap].into_iter().take(count);
        results.map(|result| (result.collector.clone(), result)).collect::<TextMap<_>>()
    });
    let ips = prop::collection::btree_map(text(), of_address, 0..3).prop_map(TextMap);
    (option(zone_result()), dns_result(), option(tls_result()), option(rdap_result()), option(ips)).prop_map(
        |(zone, dns_result, tls_result, rdap_domain_result, ip_results)| {
            let info = zone.as_ref().and_then(|zone| zone.zone.clone());
            let label = zone.as_ref().and_then(|zone| zone.label.clone());
            (zone, AllCollectedData { zone: info, dns_result, tls_result, rdap_domain_result, ip_results, label })
        },
    )
}

/// Sends a record through its topic and the join's reader, and gives the body the join keeps.
async fn body<T: Wire>(schemas: &Schemas, kind: PartKind, topic: Format, joined: Format, record: &T) -> Part {
    let codec = TopicCodec::<T>::new(topic, &format!("{kind:?}"), schemas).await.unwrap();
    let value = codec.encode(record).unwrap();
    read(&PartReader::new(kind, topic, joined, schemas.clone()), &value).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn spliced_records_mean_what_encoded_ones_mean(
        (zone, expected) in joined(),
        topic in prop_oneof![Just(Format::Avro), Just(Format::Json)],
        format in prop_oneof![Just(Format::Avro), Just(Format::Json)],
    ) {
        let (_, schemas) = schemas();
        let record = run(async {
            let zone = match &zone {
                Some(zone) => Some(body(&schemas, PartKind::Zone, topic, format, zone).await),
                None => None,
            };
            let dns = body(&schemas, PartKind::Dns, topic, format, &expected.dns_result).await;
            assert_eq!((dns.status, dns.attempt), (expected.dns_result.status_code, expected.dns_result.last_attempt.0));
            let tls = match &expected.tls_result {
                Some(tls) => Some(body(&schemas, PartKind::Tls, topic, format, tls).await),
                None => None,
            };
            let rdap = match &expected.rdap_domain_result {
                Some(rdap) => Some(body(&schemas, PartKind::Rdap, topic, format, rdap).await),
                None => None,
            };
            let mut ips = vec![];
            for (address, results) in expected.ip_results.iter().flat_map(|ips| ips.iter()) {
                let mut parts = vec![];
                for result in results.values() {
                    let part = body(&schemas, PartKind::Ip, topic, format, result).await;
                    assert_eq!(part.collector.as_deref(), Some(result.collector.as_str()));
                    parts.push(part);
                }
                ips.push((address.as_str(), parts));
            }
            let of_address = |parts: &'_ Vec<Part>| -> Vec<(String, Bytes)> {
                parts.iter().map(|part| (part.collector.clone().unwrap(), part.body.clone())).collect()
            };
            let ips: Vec<_> = ips.iter().map(|(address, parts)| (*address, of_address(parts))).collect();
            let addresses = ips.iter().map(|(address, parts)| {
                (*address, parts.iter().map(|(collector, body)| (collector.as_str(), &body[..])).collect())
            });
            let parts = JoinedParts {
                zone: zone.as_ref().map(|part| &part.body[..]),
                dns: &dns.body,
                tls: tls.as_ref().map(|part| &part.body[..]),
                rdap: rdap.as_ref().map(|part| &part.body[..]),
                addresses: expected.ip_results.is_some().then(|| addresses.collect()),
            };
            let splicer = Splicer::new(format, "all_collected_data", &schemas).await.unwrap();
            let codec = TopicCodec::<AllCollectedData>::new(format, "all_collected_data", &schemas).await.unwrap();
            let spliced = splicer.splice(&parts).unwrap();
            if format == Format::Avro || topic == Format::Json {
                // Byte for byte what encoding the whole record gives.
                assert_eq!(hex(&spliced), hex(&codec.encode(&expected).unwrap()));
            }
            codec.decode(&spliced).await.unwrap()
        });
        prop_assert_eq!(record, expected);
    }

    /// Cut anywhere or with any byte changed, a part is refused or is still a well-formed part; nothing panics.
    #[test]
    fn damaged_parts_never_spoil_a_record(tls in tls_result(), at in 0_usize..200, byte in any::<u8>(), cut in any::<bool>()) {
        let (_, schemas) = schemas();
        run(async {
            let codec = TopicCodec::<TLSResult>::new(Format::Avro, "processed_TLS", &schemas).await.unwrap();
            let mut value = codec.encode(&tls).unwrap().to_vec();
            let at = 5 + at % (value.len() - 5);
            if cut { value.truncate(at) } else { value[at] = byte }
            let reader = PartReader::new(PartKind::Tls, Format::Avro, Format::Avro, schemas.clone());
            if read(&reader, &value.clone().into()).is_ok() {
                codec.decode(&value).await.unwrap();
            }
        });
    }
}

#[test]
fn a_folder_keeps_its_ids_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = run(async {
        let folder = FolderRegistry::open(dir.path()).unwrap();
        let zone = folder.register("processed_zone-value", r#"{"type": "string"}"#).await.unwrap();
        assert_eq!(folder.register("processed_zone-value", r#""string""#).await.unwrap(), zone);
        assert_ne!(folder.register("processed_zone-value", r#""bytes""#).await.unwrap(), zone);
        assert!(folder.register("x-value", "{").await.is_err());
        zone
    });
    run(async {
        let folder = FolderRegistry::open(dir.path()).unwrap();
        assert_eq!(folder.schema(first).await.unwrap().unwrap(), r#"{"type": "string"}"#);
        assert_eq!(folder.latest("processed_zone-value").await.unwrap().unwrap().1, r#""bytes""#);
        assert_eq!(folder.schema(SchemaId(99)).await.unwrap(), None);
    });
}
