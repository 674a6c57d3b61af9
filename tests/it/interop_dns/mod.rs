//! The DNS engine against servers that others wrote: NSD as the servers of zones, with unbound as the validating resolver
//! or with own recursion.
//!
//! What is asked of whom, and what must come of it, is in `tests/cases/dns/interop.txt`. The servers and their zones:
//! `servers.rs`. Resolvers over TCP, TLS and HTTPS: `sessions.rs`. Signatures: `security.rs`.

mod security;
mod servers;
mod sessions;

use std::sync::Arc;

use domainflow::collect::net::dns::{Recursion, of_domain};
use domainflow::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::model::DomainName;
use domainflow::units::Span;

use self::servers::Servers;
use crate::support::fits;

#[test]
fn answers_of_nsd_and_unbound_are_read_as_the_table_says() {
    let servers = Servers::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let own = resolver(&DnsConfig {
        recursion: Recursion::Root,
        root_hints: Some(servers.root_hints.clone()),
        port: servers.nsd.port(),
        // Only silence lasts so long.
        timeout: Span::secs(2),
        ..DnsConfig::default()
    });
    check("interop.txt", |[who, name, rr_type]| {
        let asked = match who {
            "nsd" => vec![servers.nsd],
            "nsd6" => vec![servers.nsd_v6],
            "unbound" => vec![servers.unbound],
            "both" => vec![servers.nsd, servers.unbound],
            "own" => return runtime.block_on(found(&own, name, rr_type)),
            other => panic!("no such server: {other}"),
        };
        let resolvers = asked.into_iter().map(Into::into).collect();
        let resolver = resolver(&DnsConfig { resolvers, ..DnsConfig::default() });
        runtime.block_on(found(&resolver, name, rr_type))
    });
}

/// Asks as each row of a table of `tests/cases/dns` says in its first words; what must be found is the rest of the row.
fn check<const N: usize>(table: &str, ask: impl Fn([&str; N]) -> String) {
    let path = format!("{}/tests/cases/dns/{table}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut wrong = vec![];
    for row in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<_> = row.split_whitespace().collect();
        let Some((asked, expected)) = words.split_first_chunk() else { panic!("no row: {row}") };
        let found = ask(*asked);
        if !fits(&found, &expected.join(" ")) {
            wrong.push(format!("{row}\n  but it was: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn resolver(config: &DnsConfig) -> Resolver {
    let exchange = Arc::new(Exchange::new(config, AddressPolicy::private()));
    Resolver::new(exchange, config, &NetConfig::default()).unwrap()
}

/// The data found, in order; their number, if they are many; or why there are none. In lower case: names inside of a reply
/// may refer to the question, whose case is random.
async fn found(resolver: &Resolver, name: &str, rr_type: &str) -> String {
    let name = of_domain(&DomainName::parse(name).unwrap());
    let rr_type = rr_type.parse().unwrap();
    let answer = match resolver.lookup(&name, rr_type).await {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    let mut data: Vec<_> =
        answer.of_type(rr_type).map(|record| record.data.to_string().to_lowercase()).collect();
    data.sort();
    match data.len() {
        0 if answer.denies(&name) => "no such name".to_owned(),
        0 => "no data".to_owned(),
        1..=4 => data.join(" "),
        many => format!("{many} records"),
    }
}
