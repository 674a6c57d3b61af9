//! The rows of the behaviour report about zone and DNS, from request to result and what follows, on real DNS servers of the
//! loopback: `tests/cases/zone/rows.toml` and `tests/cases/dns/rows.toml` say what must come of them. TLS: `tls.rs`,
//! registrations: `rdap.rs`.
//!
//! The clock moves when nothing else does, so that silence takes no time.

mod rdap;
mod rtt;
mod tls;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::clock::ManualClock;
use crate::codec::{FolderRegistry, Format, Schemas};
use crate::collect::dns::DnsCollector;
use crate::collect::net::dns::scripted::{Server, zone};
use crate::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig, Resolver, Suffixes};
use crate::collect::zone::{ZoneCollector, ZoneConfig};
use crate::flow::headers::DEAD_CODE;
use crate::io::Topics;
use crate::model::{CommonIPResult, DNSResult, IPData, ZoneResult};
use crate::telemetry::Meters;

const TOPICS: [&str; 7] = [
    "requests",
    "results",
    "to_process_DNS",
    "to_process_RDAP_DN",
    "to_process_TLS",
    "to_process_IP",
    "dead_letters",
];
const NOW: i64 = 1234;

/// The zone that the resolver knows in every case about zones.
const OK_CZ: &str = "ok.cz 300 SOA ns1.ok.cz. hostmaster.ok.cz. 2026010100 3600 600 604800 300
    ok.cz 300 NS ns1.ok.cz.
    ok.cz 300 NS ns2.ok.cz.
    ns1.ok.cz 300 A 192.0.2.53
    ns1.ok.cz 300 AAAA 2001:db8::53
    ns2.ok.cz 300 A 192.0.2.54
    ns2.ok.cz 300 A 192.0.2.53
    ns2.ok.cz 300 AAAA 2001:db8::54
    ok.cz 300 A 192.0.2.1";

#[derive(Deserialize)]
struct Table<T> {
    case: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneCase {
    row: String,
    #[serde(default)]
    x: String,
    key: String,
    value: Option<String>,
    is: String,
    servers: Option<String>,
    follows: Option<Vec<String>>,
    queries: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DnsCase {
    row: String,
    p: String,
    p_at: String,
    x: String,
    silent: Vec<String>,
    key: String,
    primary: Vec<String>,
    secondary: Vec<String>,
    types: Option<Vec<String>>,
    ips_from: Option<Vec<String>>,
    value: Option<String>,
    is: String,
    follows: Option<Vec<String>>,
    p_queries: Option<usize>,
    x_queries: Option<usize>,
}

impl Default for DnsCase {
    fn default() -> Self {
        let empty = String::new;
        Self {
            row: empty(),
            p: empty(),
            p_at: "127.0.0.1".into(),
            x: empty(),
            silent: vec![],
            key: "ok.cz".into(),
            primary: vec!["127.0.0.1".into()],
            secondary: vec![],
            types: None,
            ips_from: None,
            value: None,
            is: empty(),
            follows: None,
            p_queries: None,
            x_queries: None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn zone_rows() {
    let table: Table<ZoneCase> = toml::from_str(include_str!("../../../tests/cases/zone/rows.toml")).unwrap();
    for case in table.case {
        let x = Server::start(zone(&format!("{OK_CZ}\n{}", case.x), false)).await;
        let (_, resolver, _) = engine(&x, 53);
        let collector = ZoneCollector::new(ZoneConfig::default(), resolver, Suffixes::default(), clock());
        let outcome = Outcome::of(collector, &case.key, case.value.as_deref()).await;
        let result: ZoneResult = serde_json::from_slice(&outcome.result).unwrap();
        assert_eq!(show_zone(&result), case.is, "{}", case.row);
        if let Some(servers) = &case.servers {
            assert_eq!(show_servers(&result), *servers, "{}", case.row);
        }
        outcome.follow(case.follows.as_deref(), result.status_code, &case.row);
        if let Some(queries) = case.queries {
            assert_eq!(x.asked().len(), queries, "{}", case.row);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dns_rows() {
    let table: Table<DnsCase> = toml::from_str(include_str!("../../../tests/cases/dns/rows.toml")).unwrap();
    for case in table.case {
        let Ok(p) = Server::bind(&format!("{}:0", case.p_at), zone(&case.p, true)).await else {
            // Where the machine has no IPv6 there is nothing to try.
            assert_eq!(case.p_at, "[::1]", "{}", case.row);
            continue;
        };
        let x = Server::start(zone(&case.x, false)).await;
        let mut silent = vec![];
        for address in &case.silent {
            silent.push(Server::bind(&format!("{address}:{}", p.address.port()), |_| vec![]).await.unwrap());
        }
        let (exchange, resolver, config) = engine(&x, p.address.port());
        let collector = DnsCollector::new(config, exchange, resolver, clock());
        let value = case.value.clone().unwrap_or_else(|| request(&case));
        let outcome = Outcome::of(collector, &case.key, Some(&value)).await;
        let result: DNSResult = serde_json::from_slice(&outcome.result).unwrap();
        assert_eq!(show_dns(&result), case.is, "{}", case.row);
        outcome.follow(case.follows.as_deref(), result.status_code, &case.row);
        for (server, queries) in [(&p, case.p_queries), (&x, case.x_queries)] {
            if let Some(queries) = queries {
                assert_eq!(server.asked().len(), queries, "{}", case.row);
            }
        }
    }
}

/// What is asked in every case goes through these.
fn engine(x: &Server, port: u16) -> (Arc<Exchange>, Arc<Resolver>, DnsConfig) {
    let config = DnsConfig { resolvers: vec![x.address.into()], port, ..DnsConfig::default() };
    let exchange = Arc::new(Exchange::new(&config, AddressPolicy::private()));
    let resolver = Arc::new(Resolver::new(exchange.clone(), &config, &NetConfig::default()).unwrap());
    (exchange, resolver, config)
}

fn clock() -> SharedClock {
    Arc::new(ManualClock::at(NOW))
}

fn request(case: &DnsCase) -> String {
    let soa = json!({
        "primaryNS": "ns1.ok.cz", "respMailboxDname": "h.ok.cz", "serial": "1",
        "refresh": 2, "retry": 3, "expire": 4, "minTTL": 5,
    });
    let zone_info = json!({
        "zone": "ok.cz", "soa": soa, "publicSuffix": "cz", "hasDNSKEY": null,
        "primaryNameserverIPs": case.primary, "secondaryNameservers": [],
        "secondaryNameserverIPs": case.secondary,
    });
    let request = json!({
        "zoneInfo": zone_info, "typesToCollect": case.types, "typesToProcessIPsFrom": case.ips_from,
    });
    request.to_string()
}

/// What a node wrote for one request.
struct Outcome {
    result: Bytes,
    /// Whether its page is marked as cut.
    cut: bool,
    /// The requests that follow: topic, and value or address.
    next: Vec<(&'static str, String)>,
}

/// The topic of one of `TOPICS`.
fn topic(name: &str) -> Topic {
    Topics::new(TOPICS.map(str::to_owned), 1).find(name).unwrap()
}

/// What a node without dead letters (or with them, where `letters`) writes for one request.
async fn outputs<C>(
    collector: C,
    subject: SubjectKind,
    letters: bool,
    key: &str,
    value: Option<&str>,
) -> Vec<Outgoing>
where
    C: Collector,
    C::Request: Wire + Excludes,
    C::Record: Wire + LeadsTo<C::Request>,
{
    let dir = tempfile::tempdir().unwrap();
    let schemas = Schemas::new(Arc::new(FolderRegistry::open(dir.path()).unwrap()));
    let topics = Topics::new(TOPICS.map(str::to_owned), 1);
    let meters = Arc::new(Meters::new("f", [C::NAME.to_owned()], clock()));
    let dead = DeadLetters::new(topics.clone(), topic("dead_letters"), meters.clone(), clock());
    let node = Arc::new(Node {
        collector: Arc::new(collector),
        subject,
        requests: codec("requests", &schemas),
        results: To { topic: topic("results"), codec: codec("results", &schemas) },
        follow_ups: FollowUps {
            dns: Some(To { topic: topic("to_process_DNS"), codec: codec("to_process_DNS", &schemas) }),
            rdap_dn: Some(To { topic: topic("to_process_RDAP_DN"), codec: codec("rdap", &schemas) }),
            tls: Some(To { topic: topic("to_process_TLS"), codec: codec("tls", &schemas) }),
            ip: Some(To { topic: topic("to_process_IP"), codec: codec("ip", &schemas) }),
        },
        starts_runs: true,
        topics: topics.clone(),
        limit: Duration::from_secs(300),
        dead_letters: letters.then_some(dead),
        meter: meters.node(C::NAME).unwrap().clone(),
        clock: clock(),
    });
    let record = RawRecord {
        key: Some(Bytes::from(key.to_owned())),
        value: value.map(|value| Bytes::from(value.to_owned())),
        ..RawRecord::default()
    };
    let place = Place { topic: topic("requests"), partition: 0, offset: 0 };
    node.run(Job { place, record }).await
}

/// What a collector of addresses writes for a request about an address of the name ok.com, or by a whole key: statuses, with
/// their data as `show` has it, and codes of dead letters.
async fn address_results<C>(
    collector: C,
    key: &str,
    value: Option<&str>,
    show: impl Fn(&IPData) -> String,
) -> String
where
    C: Collector<Record = CommonIPResult>,
    C::Request: Wire + Excludes,
    C::Record: LeadsTo<C::Request>,
{
    let key =
        if key.starts_with('{') { key.to_owned() } else { format!(r#"{{"dn":"ok.com","ip":"{key}"}}"#) };
    let mut shown = vec![];
    for output in outputs(collector, SubjectKind::Address, true, &key, value).await {
        let record = output.record;
        assert_eq!(record.key.as_deref(), Some(key.as_bytes()), "the key is echoed as it came");
        if output.topic == topic("dead_letters") {
            shown.push(format!("letter {}", record.headers.text(DEAD_CODE).unwrap()));
            continue;
        }
        assert_eq!(output.topic, topic("results"));
        let result: CommonIPResult = serde_json::from_slice(&record.value.unwrap()).unwrap();
        assert_eq!((result.collector.as_str(), result.last_attempt.0), (C::NAME, NOW));
        let ok = result.status_code.ok();
        assert_eq!((result.error.is_none(), result.data != IPData::None), (ok, ok), "{result:?}");
        let data = if ok { show(&result.data) } else { String::new() };
        shown.push(format!("{}{data}", result.status_code));
    }
    shown.join(" ")
}

impl Outcome {
    async fn of<C>(collector: C, key: &str, value: Option<&str>) -> Self
    where
        C: Collector,
        C::Request: Wire + Excludes,
        C::Record: Wire + LeadsTo<C::Request>,
    {
        let mut outputs = outputs(collector, SubjectKind::Name, false, key, value).await.into_iter();
        let result = outputs.next().unwrap();
        assert_eq!(result.topic, topic("results"));
        assert_eq!(result.record.key.as_deref(), Some(key.as_bytes()), "the key is echoed as it came");
        let told = |output: Outgoing| {
            let name = TOPICS[usize::from(output.topic.0)];
            let record = output.record;
            let text = match name {
                "to_process_IP" => {
                    let key: Value = serde_json::from_slice(&record.key.unwrap()).unwrap();
                    key["ip"].as_str().unwrap().to_owned()
                }
                _ => String::from_utf8(record.value.unwrap().to_vec()).unwrap(),
            };
            (name, text)
        };
        let cut = result.record.headers.text(CUT) == Some(CUT_PAGE);
        Self { cut, result: result.record.value.unwrap(), next: outputs.map(told).collect() }
    }

    /// Compares what follows with what is expected: nothing after a failure, and else what the row says, if it does.
    fn follow(&self, expected: Option<&[String]>, status: Status, row: &str) {
        if !status.ok() {
            assert!(self.next.is_empty(), "{row}: {:?}", self.next);
        }
        let Some(expected) = expected else { return };
        assert_eq!(self.next.len(), expected.len(), "{row}: {:?}", self.next);
        for ((topic, text), expected) in self.next.iter().zip(expected) {
            let (to, part) = expected.split_once(' ').unwrap();
            let fits = match (serde_json::from_str(text), serde_json::from_str(part)) {
                (Ok(Value::Object(whole)), Ok(Value::Object(part))) => {
                    part.iter().all(|(key, value)| whole.get(key) == Some(value))
                }
                _ => text.trim_matches('"') == part,
            };
            assert!(*topic == to && fits, "{row}: {topic} {text} is not {expected}");
        }
    }
}

fn codec<T: Wire>(topic: &str, schemas: &Schemas) -> TopicCodec<T> {
    TopicCodec::new(Format::Json, topic, schemas).now_or_never().unwrap().unwrap()
}

fn show_zone(result: &ZoneResult) -> String {
    assert_eq!(result.error.is_none(), result.status_code.ok());
    let zone = result.zone.as_ref().map(|zone| format!(" {} {}", zone.zone, zone.public_suffix));
    format!("{}{}", result.status_code, zone.unwrap_or_default())
}

fn show_servers(result: &ZoneResult) -> String {
    let zone = result.zone.as_ref().unwrap();
    let lists = [&zone.primary_nameserver_ips, &zone.secondary_nameservers, &zone.secondary_nameserver_ips];
    let has_dnskey = zone.has_dnskey.map_or("null".to_owned(), |has| has.to_string());
    format!("{} | {has_dnskey}", lists.map(|list| list.join(" ")).join(" | "))
}

/// `status | type/ttl data … | !type error … | ips type address …`, what is null left out.
fn show_dns(result: &DNSResult) -> String {
    assert_eq!(result.last_attempt.0, NOW);
    assert_eq!(
        (result.error.is_none(), result.ips.is_some()),
        (result.status_code.ok(), result.status_code.ok())
    );
    let mut parts = vec![result.status_code.to_string()];
    if let Some(data) = &result.dns_data {
        let mut part = |rr_type: &str, texts: Option<Vec<String>>| {
            let Some(texts) = texts else { return assert!(!data.ttl_values.contains_key(rr_type)) };
            parts.push(format!("{rr_type}/{} {}", data.ttl_values[rr_type], texts.join(" ")));
        };
        let host = |name: &str, ips: &Option<Vec<String>>| match ips {
            Some(ips) => format!("{name}[{}]", ips.join(" ")),
            None => format!("{name}?"),
        };
        part("A", data.a.clone());
        part("AAAA", data.aaaa.clone());
        part("CNAME", data.cname.as_ref().map(|alias| vec![host(&alias.value, &alias.related_ips)]));
        let mx =
            |mx: &crate::model::MXRecord| format!("{} {}", mx.priority, host(&mx.value, &mx.related_ips));
        part("MX", data.mx.as_ref().map(|records| records.iter().map(mx).collect()));
        let ns = |ns: &crate::model::NSRecord| host(&ns.nameserver, &ns.related_ips);
        part("NS", data.ns.as_ref().map(|records| records.iter().map(ns).collect()));
        let quoted = |texts: &Vec<String>| texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>();
        let joined =
            data.txt_joined.iter().flat_map(|texts| [vec!["joined".to_owned()], quoted(texts)].concat());
        part("TXT", data.txt.as_ref().map(|texts| quoted(texts).into_iter().chain(joined).collect()));
        for (rr_type, error) in data.errors.iter().flat_map(|errors| errors.iter()) {
            parts.push(format!("!{rr_type} {error}"));
        }
    }
    if let Some(ips) = &result.ips {
        parts.push(ips.iter().fold("ips".into(), |all, from| format!("{all} {} {}", from.rr_type, from.ip)));
    }
    parts.join(" | ")
}
