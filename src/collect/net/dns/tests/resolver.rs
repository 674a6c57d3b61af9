//! The resolver: who is asked next, what is asked once, which addresses a host has.

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;

use super::super::scripted::{Send, Server, absolute, record, zone};
use super::*;
use crate::collect::net::{NetConfig, Resolve, ResolveError};
use crate::units::{Size, Span};

fn resolver(servers: &[&Server], mut config: DnsConfig) -> Resolver {
    config.resolvers.extend(servers.iter().map(|server| Upstream::from(server.address)));
    Resolver::new(exchange(&config), &config, &NetConfig::default()).unwrap()
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
        resolver.lookup(&absolute(name.to_uppercase()), RecordType::A).await.ok();
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

#[tokio::test]
async fn a_connection_that_ended_is_made_anew() {
    // The scripted server hangs up after each reply.
    let server = Server::start(|asked| vec![Send::Reply(asked.address("192.0.2.1"))]).await;
    let resolvers = vec![format!("tcp://{}", server.address).parse().unwrap()];
    let resolver = resolver(&[], DnsConfig { resolvers, ..DnsConfig::default() });
    for name in ["a.cz", "b.cz", "c.cz"] {
        let answer = resolver.lookup(&absolute(name), RecordType::A).await.unwrap();
        assert!(answer.rr_set(&absolute(name), RecordType::A).is_some(), "{name}");
    }
    assert!(server.asked().iter().all(|asked| asked.tcp));
}

#[tokio::test]
async fn resolvers_over_tcp_fail_as_others_do() {
    let fails = Server::start(zone("* ! SERVFAIL", false)).await;
    let silent = Server::start(|_| vec![]).await;
    let other = Server::start(|asked| {
        let mut reply = asked.address("192.0.2.1");
        reply.queries[0].name = absolute("other.cz");
        vec![Send::Reply(reply)]
    })
    .await;
    // A port that was free a moment ago.
    let nobody = Server::start(|_| vec![]).await.address;
    let good = Server::start(zone("ok.cz 60 A 192.0.2.1", false)).await;
    let servers = [fails.address, silent.address, other.address, nobody];
    let kind = |error: AskError| match error {
        AskError::Session(_) => "session".to_owned(),
        error => error.to_string(),
    };
    let errors = ["the server answered SERVFAIL", "session", "the answer is malformed", "session"];
    for (server, expected) in servers.into_iter().zip(errors) {
        let alone: Upstream = format!("tcp://{server}").parse().unwrap();
        let ask = |resolvers| {
            let resolver = resolver(&[], DnsConfig { resolvers, ..DnsConfig::default() });
            async move { resolver.lookup(&absolute("ok.cz"), RecordType::A).await }
        };
        assert_eq!(ask(vec![alone.clone()]).await.map_err(kind).err().as_deref(), Some(expected), "{server}");
        // Another resolver takes over.
        assert!(ask(vec![alone, good.address.into()]).await.is_ok(), "{expected}");
    }
}
