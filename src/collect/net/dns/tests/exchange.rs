//! Questions to servers that do what the internet's do: silence, forgery, truncation, old software.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::RecordType;

use super::super::scripted::{Asked, Send, Server, absolute, zone};
use super::*;
use crate::collect::net::Refusal;

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

/// Long, so that in random case it is never by chance in lower case.
const NAME: &str = "a.name.with.many.letters.in.it.ok.cz";

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
                other.queries[0].name = absolute(NAME.replace("ok.cz", "no.cz"));
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
            let question = question(NAME);
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
    let exchange = Exchange::new(&DnsConfig::default(), AddressPolicy::public());
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

/// The clock moves when nothing else does: a test of silence takes no time.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_alone_for_a_while() {
    let server = Server::start(|_| vec![]).await;
    let exchange = exchange(&DnsConfig::default());
    let (resolver, named) = (question("ok.cz"), Question { recursion: false, ..question("ok.cz") });
    let ask = async |question: &Question| {
        assert_eq!(exchange.ask(server.address, question, SHORT).await, Err(AskError::Timeout));
        server.asked().len()
    };
    // Each is sent three times.
    assert_eq!([ask(&named).await, ask(&named).await, ask(&named).await], [3, 6, 9]);
    assert_eq!([ask(&named).await, ask(&named).await], [9, 9], "not asked while it rests");
    assert_eq!(ask(&resolver).await, 12, "a configured resolver is always asked");
    tokio::time::advance(2 * LONG).await;
    assert_eq!([ask(&named).await, ask(&named).await], [15, 15], "one probe, and a longer rest");
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

#[test]
fn an_engine_outlives_its_runtime() {
    let exchange = exchange(&DnsConfig::default());
    // So many that every socket of the first runtime would be met again.
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(|asked| after(asked, [])).await;
            for _ in 0..100 {
                let reply = exchange.ask(server.address, &question("ok.cz"), LONG).await;
                assert_eq!(said(reply).as_deref(), Ok("192.0.2.1"));
            }
        });
    }
}
