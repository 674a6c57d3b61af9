//! Results of realistic sizes for the topics of a join, as collectors would have left them: 11 records and about 29 kB of a name
//! on average, with certificates, a page of 2 to 60 KiB, and four results of each of 1 to 4 addresses.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domainflow::clock::{Clock as _, SystemClock};
use domainflow::codec::{Format, HttpRegistry, Schemas, TopicCodec, Wire};
use domainflow::io::partition_of;
use domainflow::model::{
    AllCollectedData, CommonIPResult, DNSResult, IPFromRecord, RDAPDomainResult, SOARecord, Status,
    TLSResult, Timestamp, ZoneInfo, ZoneResult,
};
use fastrand::Rng;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::{compression, knob, name_of};

/// The topics, without their prefix.
pub const TOPICS: [&str; 5] =
    ["processed_zone", "processed_DNS", "processed_TLS", "processed_RDAP_DN", "collected_IP_data"];

/// Bytes of text from which pages are taken.
const TEXT: usize = 4 << 20;

/// Addresses of the name with this number.
fn addresses_of(name: usize) -> usize {
    match name * 7 % 20 {
        0..10 => 1,
        10..16 => 2,
        16..19 => 3,
        _ => 4,
    }
}

/// Results of the name with this number.
pub fn results_of(name: usize) -> usize {
    4 + 4 * addresses_of(name)
}

/// A result: its time, the number of its name, that of its topic, key and value.
pub type Made = (i64, usize, usize, String, Bytes);

/// The run of a name's results.
pub fn run_of(name: usize) -> String {
    format!("{name:016x}")
}

/// Makes the results of `names` names, of which `rate` come in a second, for topics that begin with `prefix`, and shows
/// them in the order of their times; bytes of the values of each name.
pub async fn make(
    registry: &str,
    prefix: &str,
    format: Format,
    (names, rate): (usize, usize),
    mut show: impl FnMut(Made),
) -> Vec<usize> {
    let maker = Maker::new(registry, prefix, format).await;
    let first = SystemClock.now() - 5000 - (names * 1000 / rate) as i64;
    let mut waiting: BinaryHeap<Reverse<Made>> = BinaryHeap::new();
    let mut bytes = vec![];
    for name in 0..names {
        let start = first + (name * 1000 / rate) as i64;
        while waiting.peek().is_some_and(|Reverse((time, ..))| *time < start) {
            show(waiting.pop().expect("it is there").0);
        }
        let results = maker.results(name);
        bytes.push(results.iter().map(|(.., value)| value.len()).sum());
        let at = |(after, topic, key, value)| Reverse((start + after, name, topic, key, value));
        waiting.extend(results.into_iter().map(at));
    }
    while let Some(Reverse(result)) = waiting.pop() {
        show(result);
    }
    bytes
}

/// Bytes of a batch at most. Results come one by one, a few hundred a second in all partitions of their topic.
const BATCH: usize = 50_000;

/// Writes such results to topics that exist.
pub async fn write(
    brokers: &str,
    registry: &str,
    prefix: &str,
    format: Format,
    partitions: usize,
    names: (usize, usize),
) -> Vec<usize> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("compression.type", compression())
        .set("linger.ms", "20")
        .set("batch.size", knob("BATCH", BATCH).to_string())
        .create()
        .expect("a producer");
    let send = |(time, name, topic, key, value): Made| {
        let (topic, run) = (format!("{prefix}.{}", TOPICS[topic]), run_of(name));
        let headers = OwnedHeaders::new().insert(Header { key: "domainflow-run", value: Some(&run) });
        let mut record = BaseRecord::to(&topic)
            .partition(partition_of(name_of(name).as_bytes(), partitions as u32) as i32)
            .key(&key)
            .payload(&value[..])
            .timestamp(time)
            .headers(headers);
        while let Err((_, back)) = producer.send(record) {
            record = back;
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let bytes = make(registry, prefix, format, names, send).await;
    producer.flush(Duration::from_secs(120)).expect("the brokers take it");
    bytes
}

/// Makes results out of a joined record of the lab.
struct Maker {
    record: AllCollectedData,
    text: String,
    zone: TopicCodec<ZoneResult>,
    dns: TopicCodec<DNSResult>,
    tls: TopicCodec<TLSResult>,
    rdap: TopicCodec<RDAPDomainResult>,
    ip: TopicCodec<CommonIPResult>,
}

impl Maker {
    async fn new(registry: &str, prefix: &str, format: Format) -> Self {
        let schemas = Schemas::new(Arc::new(HttpRegistry::new(registry).expect("a registry")));
        async fn codec<T: Wire>(
            format: Format,
            prefix: &str,
            topic: &str,
            schemas: &Schemas,
        ) -> TopicCodec<T> {
            TopicCodec::new(format, &format!("{prefix}.{topic}"), schemas).await.expect("a schema")
        }
        Self {
            record: Wire::from_json(include_bytes!("../record.json")).expect("a joined record"),
            text: text(),
            zone: codec(format, prefix, TOPICS[0], &schemas).await,
            dns: codec(format, prefix, TOPICS[1], &schemas).await,
            tls: codec(format, prefix, TOPICS[2], &schemas).await,
            rdap: codec(format, prefix, TOPICS[3], &schemas).await,
            ip: codec(format, prefix, TOPICS[4], &schemas).await,
        }
    }

    /// The results of a name: milliseconds after its request, topic, key and value.
    fn results(&self, number: usize) -> Vec<(i64, usize, String, Bytes)> {
        let (mut random, name) = (Rng::with_seed(number as u64), name_of(number));
        let mut results = vec![(random.i64(10..50), 0, name.clone(), value(&self.zone, &zone(&name)))];
        let addresses: Vec<String> = (0..addresses_of(number))
            .map(|address| format!("127.{}.{}.{}", 80 + address, number / 250 % 250, number % 250))
            .collect();

        let mut dns = self.record.dns_result.clone();
        if let Some(data) = &mut dns.dns_data {
            (data.a, data.aaaa) = (Some(addresses.clone()), None);
        }
        let found = |ip: &String| IPFromRecord { ip: ip.clone(), rr_type: "A".into() };
        dns.ips = Some(addresses.iter().map(found).collect());
        results.push((random.i64(50..150), 1, name.clone(), value(&self.dns, &dns)));

        let mut tls = self.record.tls_result.clone().expect("a page");
        if let Some(data) = &mut tls.tls_data {
            for certificate in &mut data.certificates {
                certificate.der_data.0.resize(random.usize(900..1900), 0);
                random.fill(&mut certificate.der_data.0);
            }
        }
        let (length, from) = (page_length(&mut random), random.usize(..TEXT - 65_536));
        tls.html = Some(self.text[from..from + length].to_owned());
        results.push((random.i64(200..1200), 2, name.clone(), value(&self.tls, &tls)));

        let mut rdap = self.record.rdap_domain_result.clone().expect("a registration");
        rdap.rdap_target = name.clone();
        results.push((random.i64(100..1000), 3, name.clone(), value(&self.rdap, &rdap)));

        let by_address = self.record.ip_results.iter().flat_map(|results| results.0.values()).cycle();
        for (address, by_collector) in addresses.iter().zip(by_address) {
            let key = format!(r#"{{"dn":"{name}","ip":"{address}"}}"#);
            for result in by_collector.0.values() {
                results.push((random.i64(160..1500), 4, key.clone(), value(&self.ip, result)));
            }
        }
        results
    }
}

fn value<T: Wire>(codec: &TopicCodec<T>, record: &T) -> Bytes {
    codec.encode(record).expect("a result")
}

/// Half of the pages have less than 13 kB.
fn page_length(random: &mut Rng) -> usize {
    let normal: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    ((13_000.0 * (0.8 * normal).exp()) as usize).clamp(2048, 60 << 10)
}

/// Text with tags, which packs about as well as pages do.
fn text() -> String {
    let mut random = Rng::with_seed(1);
    let words: Vec<String> =
        (0..3000).map(|_| (0..random.usize(2..10)).map(|_| random.lowercase()).collect()).collect();
    let mut text = String::with_capacity(TEXT + 200);
    while text.len() < TEXT {
        let mut word = || words[random.usize(..words.len())].as_str();
        let (class, link) = (word(), word());
        text.push_str(&format!("<div class=\"{class} item\">\n<a href=\"/{link}/{}\">", word()));
        (0..12).for_each(|_| {
            text.push_str(word());
            text.push(' ');
        });
        text.push_str("</a>\n</div>\n");
    }
    text
}

fn zone(name: &str) -> ZoneResult {
    let soa = SOARecord {
        primary_ns: format!("ns1.{name}"),
        resp_mailbox_dname: format!("hostmaster.{name}"),
        serial: "2026112601".into(),
        refresh: 7200,
        retry: 900,
        expire: 1_209_600,
        min_ttl: 300,
    };
    let zone = ZoneInfo {
        zone: name.into(),
        soa,
        public_suffix: "cz".into(),
        has_dnskey: Some(false),
        primary_nameserver_ips: vec!["192.0.2.1".into()],
        secondary_nameservers: vec![format!("ns2.{name}")],
        secondary_nameserver_ips: vec!["192.0.2.2".into()],
    };
    ZoneResult {
        status_code: Status::OK,
        error: None,
        last_attempt: Timestamp(1_795_631_347_059),
        zone: Some(zone),
        label: None,
    }
}
