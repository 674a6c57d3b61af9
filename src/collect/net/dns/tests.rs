//! The engine against servers that do what the internet's do: silence, forgery, truncation, old software.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use super::scripted::{Asked, Send, Server, absolute, record, zone};
use super::*;
use crate::collect::net::{AddressPolicy, Refusal, Resolve, ResolveError};
use crate::units::{Size, Span};

/// Long enough for a loaded machine: only silence lasts so long.
const LONG: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(150);

fn exchange(config: &DnsConfig) -> Arc<Exchange> {
    Arc::new(Exchange::new(config, AddressPolicy { allow_private: true }))
}

fn question(name: &str) -> Question {
    Question { name: absolute(name), rr_type: RecordType::A, recursion: true }
}

/// What a reply says: its addresses, or its code.
fn said(reply: Result<Message, AskError>) -> Said {
    let reply = reply?;
    let addresses: Vec<_> = reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect();
    Ok(match addresses.as_slice() {
        [] => reply.response_code.to_string(),
        _ => addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
    })
}

fn lower(mut message: Message) -> Message {
    message.queries[0].name = message.queries[0].name.to_lowercase();
    message
}

fn with_id(mut message: Message, id: u16) -> Message {
    message.metadata.id = id;
    message
}

fn without_question(mut message: Message) -> Message {
    message.queries.clear();
    message
}

type Behaviour = fn(&Asked) -> Vec<Send>;
type Said = Result<String, AskError>;

/// A true reply, after `others`.
fn after(asked: &Asked, others: impl IntoIterator<Item = Send>) -> Vec<Send> {
    others.into_iter().chain([Send::Reply(asked.address("192.0.2.1"))]).collect()
}

#[tokio::test]
async fn one_question_to_one_server() {
    let truth = || Ok("192.0.2.1".to_owned());
    let code = |code: ResponseCode| Ok(code.to_string());
    // What the server does, what the asker gets, and how many queries are sent for it and for the same once more.
    let cases: [(&str, Behaviour, Said, [usize; 2]); 20] = [
        ("answers", |a| after(a, []), truth(), [1, 1]),
        (
            "wrong id",
            |a| after(a, [Send::Reply(with_id(a.address("6.6.6.6"), !a.query.id))]),
            truth(),
            [1, 1],
        ),
        ("wrong source", |a| after(a, [Send::Elsewhere(a.address("6.6.6.6"))]), truth(), [1, 1]),
        (
            "another name",
            |a| {
                let mut other = a.address("6.6.6.6");
                other.queries[0].name = absolute("evil.cz");
                after(a, [Send::Reply(other)])
            },
            truth(),
            [1, 1],
        ),
        (
            "another type",
            |a| {
                let mut other = a.address("6.6.6.6");
                other.queries[0].query_type = RecordType::AAAA;
                after(a, [Send::Reply(other)])
            },
            truth(),
            [1, 1],
        ),
        (
            "echoes the query",
            |a| {
                let mut echo = a.address("6.6.6.6");
                echo.metadata.message_type = MessageType::Query;
                after(a, [Send::Reply(echo)])
            },
            truth(),
            [1, 1],
        ),
        (
            "data without question",
            |a| after(a, [Send::Reply(without_question(a.address("6.6.6.6")))]),
            truth(),
            [1, 1],
        ),
        ("scraps", |a| after(a, [Send::Bytes(vec![]), Send::Bytes(vec![1; 11])]), truth(), [1, 1]),
        ("loses two queries", |a| if a.before % 3 < 2 { vec![] } else { after(a, []) }, truth(), [3, 3]),
        (
            "truncates",
            |a| {
                let mut reply = a.address("192.0.2.1");
                if !a.tcp {
                    reply.answers.clear();
                    reply.metadata.truncation = true;
                }
                vec![Send::Reply(reply)]
            },
            truth(),
            [2, 2],
        ),
        (
            "truncates and hangs up",
            |a| {
                let mut reply = a.reply();
                reply.metadata.truncation = true;
                if a.tcp { vec![] } else { vec![Send::Reply(reply)] }
            },
            Err(AskError::Io(std::io::ErrorKind::UnexpectedEof)),
            [2, 2],
        ),
        (
            "knows no EDNS",
            |a| match a.query.edns {
                Some(_) => vec![Send::Reply(a.code(ResponseCode::FormErr))],
                None => after(a, []),
            },
            truth(),
            [2, 1],
        ),
        (
            "knows no EDNS and repeats nothing",
            |a| match a.query.edns {
                Some(_) => vec![Send::Reply(without_question(a.code(ResponseCode::NotImp)))],
                None => after(a, []),
            },
            truth(),
            [2, 1],
        ),
        (
            "knows another EDNS",
            |a| match &a.query.edns {
                Some(edns) => {
                    let mut reply = a.code(ResponseCode::BADVERS);
                    reply.edns = Some(edns.clone());
                    vec![Send::Reply(reply)]
                }
                None => after(a, []),
            },
            truth(),
            [2, 1],
        ),
        (
            "is never pleased",
            |a| vec![Send::Reply(a.code(ResponseCode::FormErr))],
            code(ResponseCode::FormErr),
            [2, 2],
        ),
        ("folds case", |a| vec![Send::Reply(lower(a.address("192.0.2.1")))], truth(), [2, 1]),
        (
            "fails",
            |a| vec![Send::Reply(a.code(ResponseCode::ServFail))],
            code(ResponseCode::ServFail),
            [1, 1],
        ),
        (
            "denies",
            |a| vec![Send::Reply(a.code(ResponseCode::NXDomain))],
            code(ResponseCode::NXDomain),
            [1, 1],
        ),
        (
            "babbles",
            |a| {
                let mut bytes = a.address("192.0.2.1").to_vec().unwrap();
                bytes.truncate(bytes.len() - 2);
                vec![Send::Bytes(bytes)]
            },
            Err(AskError::Malformed),
            [1, 1],
        ),
        ("is silent", |_| vec![], Err(AskError::Timeout), [3, 3]),
    ];
    join_all(cases.map(|(case, behaviour, expected, queries)| async move {
        let server = Server::start(behaviour).await;
        let exchange = exchange(&DnsConfig::default());
        let limit = if expected == Err(AskError::Timeout) { SHORT } else { LONG };
        let mut sent = 0;
        for count in queries {
            // Long, so that a name in random case is never by chance in lower case.
            let question = question("a.name.with.many.letters.in.it.ok.cz");
            let reply = exchange.ask(server.address, &question, limit).await;
            assert_eq!(said(reply), expected, "{case}");
            sent += count;
            assert_eq!(server.asked().len(), sent, "queries to a server that {case}");
        }
    }))
    .await;
}

#[tokio::test]
async fn queries_are_hard_to_forge_an_answer_to() {
    let server = Server::start(|asked| after(asked, [])).await;
    let exchange = exchange(&DnsConfig::default());
    for _ in 0..64 {
        exchange.ask(server.address, &question("www.example.com"), LONG).await.unwrap();
    }
    let asked = server.asked();
    let distinct = |part: fn(&Asked) -> String| asked.iter().map(part).collect::<HashSet<_>>().len();
    assert!(distinct(|asked| asked.query.id.to_string()) > 60);
    assert!(distinct(|asked| asked.from.port().to_string()) >= 4);
    assert!(distinct(|asked| asked.name().to_ascii()) > 32);
    assert!(asked.iter().all(|asked| asked.query.recursion_desired && asked.query.edns.is_some()));
}

#[tokio::test]
async fn a_query_sent_again_is_the_same() {
    let server = Server::start(|asked| if asked.before < 2 { vec![] } else { after(asked, []) }).await;
    let reply = exchange(&DnsConfig::default()).ask(server.address, &question("ok.cz"), LONG).await;
    assert_eq!(said(reply).as_deref(), Ok("192.0.2.1"));
    let sent: HashSet<_> =
        server.asked().iter().map(|asked| (asked.from, asked.query.to_vec().unwrap())).collect();
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn answers_find_their_askers() {
    let address = |number: u16| format!("10.0.{}.{}", number >> 8, number & 0xff);
    let server = Server::start(move |asked| {
        let label = std::str::from_utf8(asked.name().iter().next().unwrap()).unwrap().to_owned();
        vec![Send::Reply(asked.address(&address(label[1..].parse().unwrap())))]
    })
    .await;
    let exchange = exchange(&DnsConfig::default());
    join_all((0..2000).map(|number| {
        let (exchange, server) = (&exchange, server.address);
        async move {
            let reply = exchange.ask(server, &question(&format!("x{number}.cz")), LONG).await;
            assert_eq!(said(reply), Ok(address(number)));
        }
    }))
    .await;
}

#[tokio::test]
async fn servers_that_the_dns_names_are_judged() {
    let server = Server::start(|asked| after(asked, [])).await;
    let exchange = Exchange::new(&DnsConfig::default(), AddressPolicy { allow_private: false });
    let resolver = question("ok.cz");
    let named = Question { recursion: false, ..resolver.clone() };
    let refused = Err(AskError::Forbidden(Refusal::Loopback));
    assert_eq!(said(exchange.ask(server.address, &named, LONG).await), refused);
    assert!(server.asked().is_empty());
    assert!(exchange.ask(server.address, &resolver, LONG).await.is_ok());
}

#[tokio::test]
async fn a_server_gets_no_more_than_its_window() {
    let server = Server::start(zone("slow.cz ! SILENT\nok.cz 60 A 192.0.2.1", false)).await;
    let exchange = exchange(&DnsConfig { concurrency: 1, ..DnsConfig::default() });
    let slow = {
        let (exchange, server) = (exchange.clone(), server.address);
        tokio::spawn(async move { exchange.ask(server, &question("slow.cz"), 10 * LONG).await })
    };
    server.has_heard(1).await;
    assert_eq!(exchange.ask(server.address, &question("ok.cz"), SHORT).await, Err(AskError::Busy));
    slow.abort();
    assert_eq!(
        said(exchange.ask(server.address, &question("ok.cz"), LONG).await).as_deref(),
        Ok("192.0.2.1")
    );
}

#[tokio::test]
async fn a_race_goes_to_the_first_that_knows() {
    let good = Server::start(zone("ok.cz 60 A 192.0.2.1", true)).await;
    let refuses = Server::start(zone("* ! REFUSED", true)).await;
    let fails = Server::start(zone("* ! SERVFAIL", true)).await;
    let lame = Server::start(zone("* ! LAME", true)).await;
    let unsure = Server::start(zone("other.cz 60 A 192.0.2.2", false)).await;
    let silent = Server::start(|_| vec![]).await;
    let (good, refuses, fails) = (good.address, refuses.address, fails.address);
    let (lame, unsure, silent) = (lame.address, unsure.address, silent.address);
    let exchange = exchange(&DnsConfig::default());
    let cases: [(&[SocketAddr], _, Result<&str, AskError>); 8] = [
        (&[good], LONG, Ok("192.0.2.1")),
        (&[refuses, fails, lame, unsure, good], LONG, Ok("192.0.2.1")),
        (&[silent, silent, good], LONG, Ok("192.0.2.1")),
        (&[], LONG, Err(AskError::NoServer)),
        (&[silent, silent], SHORT, Err(AskError::Timeout)),
        (&[silent, refuses], SHORT, Err(AskError::Code(ResponseCode::Refused))),
        (&[lame], LONG, Err(AskError::Lame)),
        (&[unsure], LONG, Err(AskError::Lame)),
    ];
    join_all(cases.map(|(servers, limit, expected)| {
        let exchange = &exchange;
        async move {
            let question = Question { recursion: false, ..question("ok.cz") };
            let started = tokio::time::Instant::now();
            let answer = exchange.race(servers, &question, limit).await;
            let set = answer.as_ref().map(|answer| answer.rr_set(&question.name, question.rr_type).unwrap());
            let address = set.map(|set| set.data[0].ip_addr().unwrap().to_string());
            assert_eq!(address.as_deref().map_err(|error| (*error).clone()), expected, "{servers:?}");
            assert!(expected.is_err() || started.elapsed() < LONG, "the silent server was not overtaken");
        }
    }))
    .await;
}

fn resolver(servers: &[&Server], config: DnsConfig) -> Resolver {
    let resolvers = servers.iter().map(|server| server.address).collect();
    let config = DnsConfig { resolvers, ..config };
    Resolver::new(exchange(&config), &config).unwrap()
}

#[tokio::test]
async fn a_resolver_that_fails_is_passed_over() {
    for fault in ["SERVFAIL", "REFUSED", "SILENT", "LAME"] {
        let bad = Server::start(zone(&format!("* ! {fault}"), false)).await;
        let good = Server::start(zone("ok.cz 60 A 192.0.2.1", false)).await;
        let resolver = resolver(&[&bad, &good], DnsConfig::default());
        let answer = resolver.lookup(&absolute("ok.cz"), RecordType::A).await.unwrap();
        assert!(answer.rr_set(&absolute("ok.cz"), RecordType::A).is_some(), "{fault}");
        assert!(!bad.asked().is_empty());
    }
}

#[tokio::test]
async fn denials_are_answers() {
    let text = "ok.cz 60 SOA ns.ok.cz. h.ok.cz. 1 2 3 4 60\na.ok.cz 60 CNAME gone.cz.";
    let first = Server::start(zone(text, false)).await;
    let second = Server::start(zone("", false)).await;
    let resolver = resolver(&[&first, &second], DnsConfig::default());
    let nodata = resolver.lookup(&absolute("ok.cz"), RecordType::A).await.unwrap();
    assert!(!nodata.denies(&absolute("ok.cz")) && nodata.rr_set(&absolute("ok.cz"), RecordType::A).is_none());
    assert_eq!((first.asked().len(), second.asked().len()), (1, 0));
    // It is the other resolver's turn.
    assert!(resolver.lookup(&absolute("nx.cz"), RecordType::A).await.unwrap().denies(&absolute("nx.cz")));
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
    // NXDOMAIN for the target of an alias does not deny the alias.
    assert!(
        !resolver.lookup(&absolute("a.ok.cz"), RecordType::A).await.unwrap().denies(&absolute("a.ok.cz"))
    );
}

#[tokio::test]
async fn identical_questions_are_asked_once() {
    let text = "ok.cz 60 SOA ns.ok.cz. h.ok.cz. 1 2 3 4 60\nwww.ok.cz 60 A 192.0.2.1\nnow.ok.cz 0 A 192.0.2.1
        bad.ok.cz ! SERVFAIL";
    for (name, cache, times) in [
        ("www.ok.cz", Size::mib(1), 1),
        ("nodata.www.ok.cz", Size::mib(1), 1),
        ("bad.ok.cz", Size::mib(1), 1),
        // A TTL of zero and a cache without room: one flight for all askers of the moment, and one for the next.
        ("now.ok.cz", Size::mib(1), 2),
        ("www.ok.cz", Size(0), 2),
    ] {
        let server = Server::start(zone(text, false)).await;
        let resolver = resolver(&[&server], DnsConfig { cache, ..DnsConfig::default() });
        let lookup = async || resolver.lookup(&absolute(name), RecordType::A).await.is_ok();
        join_all((0..50).map(|_| lookup())).await;
        assert_eq!(server.times(name, RecordType::A), 1, "{name} at once");
        lookup().await;
        resolver.lookup(&absolute(&name.to_uppercase()), RecordType::A).await.ok();
        let later = server.times(name, RecordType::A);
        assert_eq!(later.min(2), times, "{name} later");
    }
}

#[tokio::test]
async fn hosts_have_addresses_or_a_reason() {
    let text =
        "both.cz 60 A 192.0.2.2\nboth.cz 60 A 192.0.2.10\nboth.cz 60 A 192.0.2.2\nboth.cz 60 AAAA 2001:db8::1
        four.cz 60 A 192.0.2.1
        six.cz 60 AAAA 2001:db8::6\nsix.cz/A ! SERVFAIL
        alias.cz 60 CNAME four.cz.
        loop.cz 60 CNAME pool.cz.\npool.cz 60 CNAME loop.cz.
        none.cz 60 TXT x
        half.cz 60 TXT x\nhalf.cz/AAAA ! SERVFAIL
        slow.cz ! SILENT";
    let server = Server::start(zone(text, false)).await;
    // An authoritative server that does not follow its own aliases, asked as a resolver.
    let stub = Server::start(|asked| {
        let mut reply = asked.reply();
        match &*asked.name().to_lowercase().to_ascii() {
            "end.cz." => reply.add_answer(record("end.cz", 60, "A", "192.0.2.9")),
            _ => reply.add_answer(record(&asked.name().to_ascii(), 60, "CNAME", "end.cz.")),
        };
        vec![Send::Reply(reply)]
    })
    .await;
    let full = resolver(&[&server], DnsConfig { timeout: Span(4 * SHORT), ..DnsConfig::default() });
    let stub = resolver(&[&stub], DnsConfig::default());
    let not_found = |host: &str| Err(ResolveError::NotFound(host.to_owned()));
    let failed = |host: &str, why: &str| Err(ResolveError::Failed(host.to_owned(), why.to_owned()));
    type Found = Result<&'static [&'static str], ResolveError>;
    let cases: [(&Resolver, &str, Found); 13] = [
        (&full, "both.cz", Ok(&["192.0.2.2", "192.0.2.10", "2001:db8::1"])),
        (&full, "BOTH.cz.", Ok(&["192.0.2.2", "192.0.2.10", "2001:db8::1"])),
        (&full, "four.cz", Ok(&["192.0.2.1"])),
        (&full, "six.cz", Ok(&["2001:db8::6"])),
        (&full, "alias.cz", Ok(&["192.0.2.1"])),
        (&full, "192.0.2.77", Ok(&["192.0.2.77"])),
        (&full, "nx.cz", not_found("nx.cz")),
        (&full, "none.cz", not_found("none.cz")),
        (&full, "loop.cz", not_found("loop.cz")),
        (&full, "half.cz", failed("half.cz", "the server answered SERVFAIL")),
        (&full, "slow.cz", Err(ResolveError::Timeout("slow.cz".to_owned()))),
        (&full, "a..cz", failed("a..cz", "a label or the whole name is too long, or a label is empty")),
        (&stub, "far.cz", Ok(&["192.0.2.9"])),
    ];
    join_all(cases.map(|(resolver, host, expected)| async move {
        let found = resolver.addresses(host).await;
        let expected =
            expected.map(|hosts| hosts.iter().map(|host| host.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{host}");
    }))
    .await;
}

#[test]
fn answers_live_as_long_as_their_records_say() {
    let soa = |ttl, minimum: u32| record("cz", ttl, "SOA", &format!("ns.cz. h.cz. 1 2 3 4 {minimum}"));
    let address = |ttl| record("ok.cz", ttl, "A", "192.0.2.1");
    let alias = |ttl| record("ok.cz", ttl, "CNAME", "b.cz.");
    for (answers, authority, seconds) in [
        (vec![address(60), address(50)], None, 50),
        (vec![address(999_999)], None, 3600),
        (vec![address(u32::MAX)], None, 0),
        (vec![address(60)], Some(soa(5, 5)), 60),
        (vec![alias(40)], None, 40),
        (vec![alias(40)], Some(soa(300, 20)), 20),
        (vec![], Some(soa(300, 20)), 20),
        (vec![], Some(soa(10, 20)), 10),
        (vec![], Some(soa(99_999, 99_999)), 900),
        (vec![], None, 0),
    ] {
        let mut reply = Message::query().into_response();
        reply.answers = answers;
        reply.authorities.extend(authority);
        let shown = reply.to_string();
        let answer = Answer::read(&question("ok.cz"), reply).unwrap();
        assert_eq!(answer.lifetime(), Duration::from_secs(seconds), "{shown}");
    }
}

#[test]
fn only_own_records_of_the_internet_class_count() {
    let mut chaos = record("ok.cz", 60, "A", "192.0.2.66");
    chaos.dns_class = hickory_proto::rr::DNSClass::CH;
    let mut reply = Message::query().into_response();
    reply.answers = vec![
        chaos,
        record("other.cz", 60, "A", "192.0.2.67"),
        record("OK.cz", 60, "A", "192.0.2.1"),
        record("ok.cz", 60, "TXT", "x"),
    ];
    let answer = Answer::read(&question("ok.cz"), reply).unwrap();
    let set = answer.rr_set(&absolute("ok.cz"), RecordType::A).unwrap();
    assert_eq!(set.data.into_iter().filter_map(RData::ip_addr).count(), 1);
    assert!(answer.rr_set(&absolute("ok.cz"), RecordType::TXT).is_none());
}

#[test]
fn configuration_has_defaults_and_no_unknown_keys() {
    assert_eq!(toml::from_str::<DnsConfig>("").unwrap(), DnsConfig::default());
    let written = toml::to_string(&DnsConfig::default()).unwrap();
    assert_eq!(toml::from_str::<DnsConfig>(&written).unwrap(), DnsConfig::default());
    let read: DnsConfig =
        toml::from_str("resolvers = ['192.0.2.1:53']\ntimeout = '2s'\ntypes_to_collect = ['MX']").unwrap();
    assert_eq!(read.resolvers, ["192.0.2.1:53".parse().unwrap()]);
    assert_eq!((read.timeout, read.types_to_collect), (Span::secs(2), vec![RrType::MX]));
    for wrong in ["resolver = []", "types_to_collect = ['SRV']", "timeout = 5", "resolvers = ['192.0.2.1']"] {
        assert!(toml::from_str::<DnsConfig>(wrong).is_err(), "{wrong}");
    }
}
