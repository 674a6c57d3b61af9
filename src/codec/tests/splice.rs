//! Splicing parts means the same as decoding all of them and encoding the whole; damaged parts spoil no record.

use compact_str::CompactString;
use proptest::prelude::*;

use super::arbitrary::{joined, tls_result};
use super::*;

/// Sends a record through its topic and the join's reader, and gives the body the join keeps.
async fn body<T: Wire>(schemas: &Schemas, kind: PartKind, topic: Format, joined: Format, record: &T) -> Part {
    let codec = TopicCodec::<T>::new(topic, &format!("{kind:?}"), schemas).await.unwrap();
    let value = codec.encode(record).unwrap();
    read(&PartReader::new(kind, topic, joined, schemas.clone()), &value).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

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
            let of_address = |parts: &'_ Vec<Part>| -> Vec<(CompactString, Bytes)> {
                parts.iter().map(|part| (part.collector.clone().unwrap(), part.body.clone())).collect()
            };
            let ips: Vec<_> = ips.iter().map(|(address, parts)| (*address, of_address(parts))).collect();
            let addresses = ips.iter().map(|(address, parts)| {
                (*address, parts.iter().map(|(collector, body)| (collector.as_str(), body)).collect())
            });
            let missing: Vec<_> =
                expected.missing.iter().flat_map(|missing| missing.iter()).map(|(part, why)| (part.clone(), why.clone())).collect();
            let parts = JoinedParts {
                zone: zone.as_ref().map(|part| &part.body),
                dns: &dns.body,
                tls: tls.as_ref().map(|part| &part.body),
                rdap: rdap.as_ref().map(|part| &part.body),
                addresses: expected.ip_results.is_some().then(|| addresses.collect()),
                missing: &missing,
            };
            let splicer = Splicer::new(format, "all_collected_data", &schemas).await.unwrap();
            let codec = TopicCodec::<AllCollectedData>::new(format, "all_collected_data", &schemas).await.unwrap();
            let spliced = splicer.splice(&parts).unwrap().concat();
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
