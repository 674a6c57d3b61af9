//! Own recursion on real DNS servers of the loopback: `tests/cases/dns/recursion.toml` says what there is, what is asked, and
//! what must come of it. How single replies are read is below.
//!
//! The clock moves when nothing else does, so that silence takes no time.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use serde::Deserialize;

use super::reply::{Said, read};
use super::*;
use crate::collect::net::AddressPolicy;
use crate::collect::net::dns::scripted::{Server, absolute, record, zone};
use crate::collect::net::dns::{Question, Recursion, Resolver, text};

#[derive(Deserialize)]
struct Table {
    root: String,
    test: String,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    /// What the root knows besides.
    #[serde(default)]
    root: String,
    /// What the servers of `test` know besides.
    #[serde(default)]
    test: String,
    /// What the servers know that are at other addresses.
    #[serde(default)]
    at: BTreeMap<String, String>,
    /// What is asked at once; then what is asked after that.
    asks: Vec<String>,
    #[serde(default)]
    then: Vec<String>,
    is: Vec<String>,
    /// How many queries come to an address.
    #[serde(default)]
    queries: BTreeMap<String, usize>,
}

const ROOT: &str = "127.0.7.1";
const TEST: &str = "127.0.7.2";

/// Servers on one port, and a recursor that knows the root.
struct World {
    servers: BTreeMap<String, Server>,
    config: DnsConfig,
    _hints: tempfile::NamedTempFile,
}

impl World {
    async fn start(zones: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut servers = BTreeMap::new();
        let mut port = 0;
        for (address, text) in zones {
            let server = Server::bind(&format!("{address}:{port}"), zone(&text, true)).await.unwrap();
            port = server.address.port();
            servers.insert(address, server);
        }
        let hints = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(hints.path(), format!(". NS ns.root.\nns.root. A {ROOT}")).unwrap();
        let root_hints = Some(hints.path().to_owned());
        let config = DnsConfig { recursion: Recursion::Root, root_hints, port, ..DnsConfig::default() };
        Self { servers, config, _hints: hints }
    }

    fn resolver(&self, policy: AddressPolicy) -> Resolver {
        let exchange = Arc::new(Exchange::new(&self.config, policy));
        Resolver::new(exchange, &self.config, &Default::default()).unwrap()
    }
}

/// What is found: the data, or why there are none.
async fn found(resolver: &Resolver, asked: &str) -> String {
    let (name, rr_type) = asked.split_once(' ').unwrap();
    let (name, rr_type) = (absolute(name), rr_type.parse().unwrap());
    let answer = match resolver.lookup(&name, rr_type).await {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    let mut data: Vec<_> = answer.of_type(rr_type).map(|record| record.data.to_string()).collect();
    data.sort();
    match data.len() {
        0 if answer.denies(&name) => "no such name".to_owned(),
        0 => "no data".to_owned(),
        _ if rr_type == RecordType::DS => "a digest".to_owned(),
        _ => data.join(" ").to_lowercase(),
    }
}

#[tokio::test(start_paused = true)]
async fn rows() {
    let table: Table = toml::from_str(include_str!("../../../../../tests/cases/dns/recursion.toml")).unwrap();
    for case in table.case {
        let own = [(ROOT, [table.root.as_str(), &case.root]), (TEST, [&table.test, &case.test])];
        let own = own.map(|(address, parts)| (address.to_owned(), parts.concat()));
        let world = World::start(own.into_iter().chain(case.at)).await;
        let resolver = world.resolver(AddressPolicy::private());
        let mut found = join_all(case.asks.iter().map(|asked| found(&resolver, asked))).await;
        for asked in &case.then {
            found.push(self::found(&resolver, asked).await);
        }
        assert_eq!(found, case.is, "{}", case.row);
        for (address, queries) in case.queries {
            let asked = world.servers[&address].asked();
            let shown: Vec<_> =
                asked.iter().map(|asked| format!("{} {}", text(asked.name()), asked.rr_type())).collect();
            assert_eq!(asked.len(), queries, "{} at {address}: {shown:?}", case.row);
        }
    }
}

#[tokio::test]
async fn servers_are_judged() {
    let world = World::start([(ROOT.to_owned(), ". 60 SOA a. b. 1 2 3 4 5".to_owned())]).await;
    let resolver = world.resolver(AddressPolicy::public());
    assert_eq!(found(&resolver, "cz A").await, "the address is a loopback address");
    assert!(world.servers[ROOT].asked().is_empty());
}

/// Of servers that fail and of those that are overtaken, one question each is enough to know.
#[tokio::test(start_paused = true)]
async fn servers_that_were_of_no_use_are_asked_last() {
    for fault in ["REFUSED", "SERVFAIL", "LAME", "SILENT"] {
        let root = ". 60 SOA . . 1 2 3 4 5\na.test 60 NS ns1.a.test.\na.test 60 NS ns2.a.test.
            ns1.a.test 60 A 127.0.7.11\nns2.a.test 60 A 127.0.7.12";
        let good = "a.test 60 SOA . . 1 2 3 4 5";
        let zones = [(ROOT, root), ("127.0.7.11", good), ("127.0.7.12", &format!("* ! {fault}"))];
        let world = World::start(zones.map(|(address, text)| (address.to_owned(), text.to_owned()))).await;
        let resolver = world.resolver(AddressPolicy::private());
        // Which is asked first is a matter of chance: with so many that of a first question is no luck.
        for number in 0..40 {
            assert_eq!(found(&resolver, &format!("n{number}.a.test A")).await, "no such name");
        }
        assert_eq!(world.servers["127.0.7.12"].asked().len(), 1, "{fault}");
    }
}

/// Replies of a server of `a.test` about `www.a.test`, and what counts of them.
#[test]
fn only_what_lies_in_the_zone_counts() {
    let soa = |zone: &str| record(zone, 60, "SOA", "ns.a.test. h.a.test. 1 2 3 4 60");
    let www = |data: &str| record("www.a.test", 60, "A", data);
    let alias = |owner: &str, target: &str| record(owner, 60, "CNAME", target);
    let ns = |owner: &str, host: &str| record(owner, 60, "NS", host);
    let (yes, no) = (true, false);
    let (ok, none) = (ResponseCode::NoError, ResponseCode::NXDomain);
    type Records = Vec<hickory_proto::rr::Record>;
    let cases: Vec<(&str, bool, ResponseCode, [Records; 3], &str)> = vec![
        ("an answer", yes, ok, [vec![www("192.0.2.1")], vec![], vec![]], "192.0.2.1"),
        ("one without authority", no, ok, [vec![www("192.0.2.1")], vec![], vec![]], "192.0.2.1"),
        ("another name's", yes, ok, [vec![record("b.test", 60, "A", "192.0.2.6")], vec![], vec![]], "lame"),
        ("nothing", yes, ok, [vec![], vec![], vec![]], "no data"),
        ("nothing, without authority", no, ok, [vec![], vec![], vec![]], "lame"),
        ("NODATA", yes, ok, [vec![], vec![soa("a.test")], vec![]], "no data"),
        ("NODATA of another zone", yes, ok, [vec![], vec![soa("test")], vec![]], "lame"),
        ("NXDOMAIN", yes, none, [vec![], vec![soa("a.test")], vec![]], "no such name"),
        ("NXDOMAIN of the root", yes, none, [vec![], vec![soa(".")], vec![]], "lame"),
        ("NXDOMAIN without authority", no, none, [vec![], vec![soa("a.test")], vec![]], "lame"),
        ("a failure", yes, ResponseCode::ServFail, [vec![www("192.0.2.6")], vec![], vec![]], "SERVFAIL"),
        (
            "an alias with its target",
            yes,
            ok,
            [
                vec![alias("www.a.test", "x.a.test."), record("x.a.test", 60, "A", "192.0.2.1")],
                vec![],
                vec![],
            ],
            "192.0.2.1",
        ),
        (
            "an alias to another zone, with a target that is not believed",
            yes,
            ok,
            [
                vec![alias("www.a.test", "x.b.test."), record("x.b.test", 60, "A", "192.0.2.6")],
                vec![],
                vec![],
            ],
            "open at x.b.test",
        ),
        (
            "an alias to another zone, with a denial that is not believed",
            yes,
            none,
            [vec![alias("www.a.test", "x.b.test.")], vec![soa("b.test")], vec![]],
            "open at x.b.test",
        ),
        (
            "an alias to nothing",
            yes,
            none,
            [vec![alias("www.a.test", "x.a.test.")], vec![soa("a.test")], vec![]],
            "nothing at x.a.test",
        ),
        (
            "an alias into a child",
            yes,
            ok,
            [vec![alias("www.a.test", "x.sub.a.test.")], vec![ns("sub.a.test", "ns.b.test.")], vec![]],
            "open at x.sub.a.test",
        ),
        (
            "a ring",
            yes,
            ok,
            [vec![alias("www.a.test", "x.a.test."), alias("x.a.test", "www.a.test.")], vec![], vec![]],
            "nothing at www.a.test",
        ),
        (
            "a referral, with addresses in and out of the zone",
            no,
            ok,
            [
                vec![],
                vec![
                    ns("www.a.test", "ns.a.test."),
                    ns("www.a.test", "ns.b.test."),
                    ns("x.a.test", "x.a.test."),
                ],
                vec![
                    record("ns.a.test", 60, "A", "192.0.2.1"),
                    record("ns.b.test", 60, "A", "192.0.2.6"),
                    record("x.a.test", 60, "A", "192.0.2.7"),
                ],
            ],
            "www.a.test: ns.a.test ns.b.test at 192.0.2.1",
        ),
        (
            "a referral beside what the server believes of the child",
            no,
            ok,
            [vec![www("192.0.2.6")], vec![ns("www.a.test", "ns.b.test.")], vec![]],
            "www.a.test: ns.b.test at",
        ),
        ("a referral to itself", no, ok, [vec![], vec![ns("a.test", "ns.b.test.")], vec![]], "lame"),
        ("a referral upwards", no, ok, [vec![], vec![ns(".", "a.root-servers.net.")], vec![]], "lame"),
        ("a referral aside", no, ok, [vec![], vec![ns("b.test", "ns.b.test.")], vec![]], "lame"),
    ];
    let question =
        Question { name: absolute("www.a.test"), rr_type: RecordType::A, recursion: false, signed: false };
    for (case, authoritative, code, [answers, authorities, additionals], expected) in cases {
        let mut reply = Message::query().into_response();
        reply.metadata.authoritative = authoritative;
        reply.metadata.response_code = code;
        (reply.answers, reply.authorities, reply.additionals) = (answers, authorities, additionals);
        let said = match read(&question, &absolute("a.test"), reply) {
            Err(AskError::Lame) => "lame".to_owned(),
            Err(error) => error.to_string().rsplit(' ').next().unwrap().to_owned(),
            Ok(Said::Referral(child)) => {
                let hosts: Vec<_> = child.hosts.iter().map(text).collect();
                let addresses: Vec<_> = child.addresses.iter().map(ToString::to_string).collect();
                let shown = format!("{}: {} at {}", text(&child.zone), hosts.join(" "), addresses.join(" "));
                shown.trim().to_owned()
            }
            Ok(Said::Answer(answer, _)) => {
                let end = answer.end_of_aliases(&question.name);
                match (answer.rr_set(end, RecordType::A), answer.end()) {
                    (Some(set), End::Open) => set.addresses()[0].to_string(),
                    (None, End::NoName) if *end == question.name => "no such name".to_owned(),
                    (None, End::NoData) if answer.of_type(RecordType::CNAME).next().is_none() => {
                        "no data".to_owned()
                    }
                    (None, End::NoName | End::NoData) => format!("nothing at {}", text(end)),
                    (None, End::Open) => format!("open at {}", text(end)),
                    (Some(_), _) => panic!("{case}: both records and a denial"),
                }
            }
        };
        assert_eq!(said, expected, "{case}");
    }
}
