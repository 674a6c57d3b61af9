//! Our side of benches against DNS scanners: names are read line by line, the records of the DNS collector written with them.

use std::io::{BufRead as _, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::dns::DnsCollector;
use domainflow::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::model::{DNSRequest, SOARecord, Subject, ZoneInfo};
use futures_util::stream::{self, StreamExt as _};

/// What is asked of each name, on both sides.
const TYPES: [&str; 6] = ["A", "AAAA", "CNAME", "MX", "NS", "TXT"];
/// Their number.
pub const TYPES_OF_A_NAME: usize = TYPES.len();

/// What a record says of the one address that each name has.
pub const ADDRESS: &str = "\"A\":[\"192.0.2.1\"]";

/// Writes the types as ZDNS wants them for its module MULTIPLE.
pub fn write_types(file: &Path) {
    std::fs::write(file, TYPES.map(|rr_type| format!("[{rr_type}]\n")).concat()).expect("a file");
}

/// How often `text` occurs in a file.
pub fn count(file: &Path, text: &str) -> usize {
    std::fs::read_to_string(file).expect("a file").matches(text).count()
}

/// Collects `at_once` names at a time, which are said to lie in `zone`; none of its servers is known.
#[tokio::main]
pub async fn collect(config: DnsConfig, zone: &'static str, at_once: usize) {
    let exchange = Arc::new(Exchange::new(&config, AddressPolicy::private()));
    let resolver = Resolver::new(exchange.clone(), &config, &NetConfig::default()).expect("it is configured");
    let collector = Arc::new(DnsCollector::new(config, exchange, resolver.into(), Arc::new(SystemClock)));
    let names = std::io::stdin().lock().lines().map(|name| name.expect("a name"));
    // A task for each name, as the flow has it.
    let mut records = stream::iter(names)
        .map(|name| {
            let collector = collector.clone();
            let subject = Subject { key: name.clone().into(), name, address: None };
            tokio::spawn(async move {
                let record = collector.collect(&subject, Some(request(zone))).await;
                (subject.name, record)
            })
        })
        .buffer_unordered(at_once);
    let mut output = BufWriter::new(std::io::stdout().lock());
    while let Some(record) = records.next().await {
        serde_json::to_writer(&mut output, &record.expect("it does not panic")).expect("a pipe");
        output.write_all(b"\n").expect("a pipe");
    }
}

fn request(zone: &str) -> DNSRequest {
    let soa = SOARecord {
        primary_ns: format!("ns.{zone}"),
        resp_mailbox_dname: format!("h.{zone}"),
        serial: "1".into(),
        refresh: 2,
        retry: 3,
        expire: 4,
        min_ttl: 5,
    };
    let zone_info = ZoneInfo {
        zone: zone.into(),
        soa,
        public_suffix: "test".into(),
        has_dnskey: None,
        primary_nameserver_ips: vec![],
        secondary_nameservers: vec![],
        secondary_nameserver_ips: vec![],
    };
    DNSRequest { zone_info, types_to_collect: None, types_to_process_ips_from: None, collectors: None }
}
