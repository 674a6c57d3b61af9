//! What DNSSEC says of records, asked of NSD from the root down, and through unbound, which passes signatures on.
//!
//! What must come of it is in `tests/cases/dns/security.txt`.

use std::net::SocketAddr;

use domainflow::collect::net::DnsConfig;
use domainflow::collect::net::dns::{Recursion, of_domain};
use domainflow::model::DomainName;

use super::servers::Servers;
use super::{check, resolver};

#[test]
fn records_are_judged_as_the_table_says() {
    let servers = Servers::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let through = |recursion, server: SocketAddr| {
        resolver(&DnsConfig {
            recursion,
            resolvers: vec![server.into()],
            root_hints: Some(servers.root_hints.clone()),
            trust_anchor: Some(servers.trust_anchor.clone()),
            dnssec: true,
            port: servers.nsd.port(),
            ..DnsConfig::default()
        })
    };
    let own = through(Recursion::Root, servers.nsd);
    let unbound = through(Recursion::Resolvers, servers.unbound);
    let nsd = through(Recursion::Resolvers, servers.nsd);
    // Records to be judged: of a validating resolver some could not be had.
    check("security.txt", |[who, name, rr_type]| {
        let judge = match who {
            "own" => &own,
            "unbound" => &unbound,
            "nsd" => &nsd,
            other => panic!("no such server: {other}"),
        };
        let (name, rr_type) = (of_domain(&DomainName::parse(name).unwrap()), rr_type.parse().unwrap());
        runtime.block_on(async {
            let answer = match own.lookup(&name, rr_type).await {
                Ok(answer) => answer,
                Err(error) => return error.to_string(),
            };
            let set = answer.rr_set(&name, rr_type).expect("every row has records");
            judge.security(&name, rr_type, &set).await.unwrap().as_str().to_owned()
        })
    });
}
