//! Why: the join copies the bytes of its parts instead of decoding and encoding them; this is what that is worth. Collectors
//! do decode and encode, and are to pay no more than what the Avro crate itself takes.
//! What: a joined record made of encoded parts, by splicing (of parts that were read when they came, and with the reading) and by
//! decoding all of them and encoding the whole; results decoded and encoded by the codecs of their topics, and by a reader and a
//! writer of the crate that are made once.
//! Knobs: the record is `benches/record.json`, one of the lab's, with a page and four results for each address.

mod paired;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use bytes::Bytes;
use domainflow::codec::{
    ByCollector, DecodeError, FolderRegistry, Format, JoinedParts, PartKind, PartReader, Reading, Schemas,
    Splicer, TopicCodec, Wire,
};
use domainflow::model::{AllCollectedData, CommonIPResult, DNSResult, RDAPDomainResult, TLSResult, TextMap};
use futures_util::FutureExt;

/// Times that a record is made, or a result decoded and encoded, in one round.
const TIMES: usize = 5000;

/// Bytes before the datum of a value (Confluent's wire format).
const FRAME: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    for format in [Format::Avro, Format::Json] {
        runtime.block_on(bench(format));
    }
}

/// A result of `T` through the codec of its topic, and through the crate alone.
fn compare_codec<T: Wire + PartialEq + std::fmt::Debug>(what: &str, topic: &TopicCodec<T>, result: &T) {
    let value = topic.encode(result).expect("a result");
    let reader = GenericDatumReader::builder(T::schema()).human_readable(false).build().expect("a schema");
    let writer = GenericDatumWriter::builder(T::schema()).human_readable(false).build().expect("a schema");
    let bare = || {
        // A byte and the number of the schema come first.
        let decoded: T = reader.read_deser(&mut &value[FRAME..]).expect("a result");
        let mut encoded = value[..FRAME].to_vec();
        writer.write_ser(&mut encoded, &decoded).expect("a result");
        Bytes::from(encoded)
    };
    let ours = || topic.encode(&now(topic.decode(&value))).expect("a result");
    assert_eq!((ours(), bare()), (value.clone(), value.clone()), "both write what was there");
    paired::compare(
        &format!("Avro, {what} of {} bytes, decoded and encoded", value.len()),
        TIMES,
        ("codec of the topic", || (0..TIMES).for_each(|_| drop(black_box(ours())))),
        ("bare apache-avro", || (0..TIMES).for_each(|_| drop(black_box(bare())))),
    );
}

async fn bench(format: Format) {
    let dir = tempfile::tempdir().expect("a folder for the schemas");
    let registry = FolderRegistry::open(dir.path()).expect("an empty registry");
    let schemas = Schemas::new(Arc::new(registry));
    let joined: AllCollectedData = Wire::from_json(include_bytes!("record.json")).expect("a joined record");
    let topics = Topics::new(format, &schemas).await;
    let values = topics.encode(&joined);

    let reader = |kind| PartReader::new(kind, format, format, schemas.clone());
    let (dns, tls, rdap, ip) =
        (reader(PartKind::Dns), reader(PartKind::Tls), reader(PartKind::Rdap), reader(PartKind::Ip));
    let splicer = Splicer::new(format, "all_collected_data", &schemas).await.expect("a registered schema");
    let read = || Bodies {
        dns: body(&dns, &values.dns),
        tls: body(&tls, &values.tls),
        rdap: body(&rdap, &values.rdap),
        ips: values.ips.iter().map(|(.., value)| body(&ip, value)).collect(),
    };
    let splice = |bodies: &Bodies| splicer.splice(&bodies.parts(&values)).expect("whole parts");
    // As whoever writes the record puts it together: in the same room each time.
    let mut room = Vec::new();
    let mut write = |bodies: &Bodies| {
        room.clear();
        splice(bodies).iter().for_each(|piece| room.extend_from_slice(piece));
        black_box(room.as_slice()).len()
    };
    let bodies = read();
    let size = write(&bodies);
    let rebuild = || topics.rebuild(&values);
    let against_rebuilt = |way: &str, spliced: &mut dyn FnMut() -> usize| {
        paired::compare(
            &format!("{format:?}, one joined record of {size} bytes"),
            TIMES,
            (way, || (0..TIMES).for_each(|_| assert_eq!(spliced(), size))),
            ("decoded and encoded", || (0..TIMES).for_each(|_| drop(black_box(rebuild())))),
        );
    };
    against_rebuilt("spliced", &mut || write(&bodies));
    against_rebuilt("read and spliced", &mut || write(&read()));
    if format == Format::Avro {
        topics.compare_codecs(&joined);
    }
}

/// The codecs of the topics that a joined record is made of.
struct Topics {
    dns: TopicCodec<DNSResult>,
    tls: TopicCodec<TLSResult>,
    rdap: TopicCodec<RDAPDomainResult>,
    ip: TopicCodec<CommonIPResult>,
    joined: TopicCodec<AllCollectedData>,
}

/// The values of the parts, as they lie in their topics.
struct Values {
    dns: Bytes,
    tls: Bytes,
    rdap: Bytes,
    /// With address and collector, in the order of the addresses.
    ips: Vec<(String, String, Bytes)>,
}

/// What the join keeps of the parts.
struct Bodies {
    dns: Bytes,
    tls: Bytes,
    rdap: Bytes,
    ips: Vec<Bytes>,
}

impl Bodies {
    fn parts<'a>(&'a self, values: &'a Values) -> JoinedParts<'a> {
        let mut addresses: Vec<(&str, ByCollector)> = vec![];
        for ((address, collector, _), body) in values.ips.iter().zip(&self.ips) {
            match addresses.last_mut() {
                Some((last, results)) if last == address => results.push((collector, body)),
                _ => addresses.push((address, vec![(collector, body)])),
            }
        }
        JoinedParts {
            zone: None,
            dns: &self.dns,
            tls: Some(&self.tls),
            rdap: Some(&self.rdap),
            addresses: Some(addresses),
            missing: &[],
        }
    }
}

impl Topics {
    async fn new(format: Format, schemas: &Schemas) -> Self {
        Self {
            dns: codec(format, "processed_DNS", schemas).await,
            tls: codec(format, "processed_TLS", schemas).await,
            rdap: codec(format, "processed_RDAP_DN", schemas).await,
            ip: codec(format, "collected_IP_data", schemas).await,
            joined: codec(format, "all_collected_data", schemas).await,
        }
    }

    fn encode(&self, joined: &AllCollectedData) -> Values {
        let of_addresses = joined.ip_results.iter().flat_map(|by_address| &by_address.0);
        let ips = of_addresses.flat_map(|(address, results)| {
            results.0.iter().map(|(collector, result)| {
                (address.clone(), collector.clone(), self.ip.encode(result).expect("a result"))
            })
        });
        Values {
            dns: self.dns.encode(&joined.dns_result).expect("a result"),
            tls: self.tls.encode(joined.tls_result.as_ref().expect("a page")).expect("a result"),
            rdap: self.rdap.encode(joined.rdap_domain_result.as_ref().expect("RDAP")).expect("a result"),
            ips: ips.collect(),
        }
    }

    /// The results of one name, one by one.
    fn compare_codecs(&self, joined: &AllCollectedData) {
        compare_codec("a DNS result", &self.dns, &joined.dns_result);
        compare_codec("a TLS result", &self.tls, joined.tls_result.as_ref().expect("a page"));
        compare_codec("an RDAP result", &self.rdap, joined.rdap_domain_result.as_ref().expect("RDAP"));
        let of_addresses = joined.ip_results.iter().flat_map(|by_address| by_address.0.values());
        let first = of_addresses.flat_map(|results| results.0.values()).next().expect("an address");
        compare_codec("a result about an address", &self.ip, first);
    }

    fn rebuild(&self, values: &Values) -> Bytes {
        let mut by_address = TextMap(BTreeMap::new());
        for (address, collector, value) in &values.ips {
            let results: &mut TextMap<_> = by_address.0.entry(address.clone()).or_default();
            results.0.insert(collector.clone(), now(self.ip.decode(value)));
        }
        let joined = AllCollectedData {
            zone: None,
            dns_result: now(self.dns.decode(&values.dns)),
            tls_result: Some(now(self.tls.decode(&values.tls))),
            rdap_domain_result: Some(now(self.rdap.decode(&values.rdap))),
            ip_results: Some(by_address),
            label: None,
            missing: Some(Default::default()),
        };
        self.joined.encode(&joined).expect("a record of parts")
    }
}

async fn codec<T: Wire>(format: Format, topic: &str, schemas: &Schemas) -> TopicCodec<T> {
    TopicCodec::new(format, topic, schemas).await.expect("a registered schema")
}

/// What is decoded with our own schema waits for nothing.
fn now<T>(decoding: impl Future<Output = Result<T, DecodeError>>) -> T {
    decoding.now_or_never().expect("nothing to wait for").expect("a result")
}

fn body(reader: &PartReader, value: &Bytes) -> Bytes {
    match reader.read(value).expect("a result") {
        Reading::Part(part) => part.body,
        Reading::Learn(id) => panic!("{id:?} is ours"),
    }
}
