//! Bootstrap files (RFC 9224) that lead RDAP clients to the services of the lab: top-level domains, IPv4, IPv6.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::lab::universe::Universe;

/// File names and contents; `port` is that of the RDAP services.
pub fn files(universe: &Universe, port: u16) -> [(&'static str, String); 3] {
    let url = |host: &str, path: &str| format!("https://{host}:{port}{path}");
    let mut domains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for registry in &universe.registries {
        // The file knows top-level domains only: the service of co.uk is that of uk.
        let tld = registry.tld.rsplit('.').next().unwrap_or(&registry.tld);
        if let Some(rdap) = &registry.rdap {
            domains.entry(url(&rdap.host, &rdap.path)).or_default().push(tld.to_owned());
        }
    }
    let networks = |ipv6: bool| {
        let services = universe.rdap_services.iter().map(|service| {
            let wanted = service.prefixes.iter().filter(|prefix| prefix.addr().is_ipv6() == ipv6);
            let prefixes: Vec<String> = wanted.map(ToString::to_string).collect();
            (url(&service.host, &service.path), prefixes)
        });
        services.filter(|(_, prefixes)| !prefixes.is_empty()).collect()
    };
    [
        ("dns.json", file("the top-level domains of the lab", domains)),
        ("ipv4.json", file("the IPv4 networks of the lab", networks(false))),
        ("ipv6.json", file("the IPv6 networks of the lab", networks(true))),
    ]
}

fn file(description: &str, services: BTreeMap<String, Vec<String>>) -> String {
    let services: Vec<Value> = services.into_iter().map(|(url, keys)| json!([keys, [url]])).collect();
    let file = json!({
        "version": "1.0",
        "publication": "2026-01-06T10:00:00Z",
        "description": description,
        "services": services,
    });
    format!("{file:#}\n")
}
