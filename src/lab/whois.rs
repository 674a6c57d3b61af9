//! The WHOIS servers of the lab (RFC 3912): one address a registry or registrar, one port.
//!
//! Decides by the registration of the asked name which text is sent; texts are in `data/whois/`. A closed server is not
//! bound, so the kernel refuses.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::LabError;
use super::listen;
use super::universe::{Facts, Universe, WhoisAnswer, WhoisServer, WhoisText};
use crate::model::DomainName;

/// How long a client may take for its query.
const PATIENCE: Duration = Duration::from_secs(10);
/// Greatest query that is read, in bytes.
const MAX_QUERY: u64 = 512;

/// Starts the servers; returns their port.
pub fn start(universe: &Arc<Universe>, port: u16, tasks: &mut JoinSet<()>) -> Result<u16, LabError> {
    let registries = servers(universe).filter(|server| !server.closed).map(|server| server.at);
    let registrars = universe.registrars.iter().map(|registrar| registrar.at);
    let mut addresses: Vec<IpAddr> = registries.chain(registrars).map(IpAddr::V4).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let (port, listeners) = listen::on_one_port(&addresses, port, listen::tcp)?;
    for (address, listener) in listeners {
        let IpAddr::V4(address) = address else { continue };
        let universe = universe.clone();
        let handle = move |stream| connection(universe.clone(), address, port, stream);
        tasks.spawn(listen::accept(listener, handle));
    }
    Ok(port)
}

/// The file that tells which server knows which top-level domain: lines `tld host:port`.
pub fn table(universe: &Universe, port: u16) -> String {
    let line = |tld: &str, host: &str| format!("{tld} {host}:{port}\n");
    let lines = universe.registries.iter().filter_map(|registry| {
        let tld = registry.tld.rsplit('.').next().unwrap_or(&registry.tld);
        Some(line(tld, &registry.whois.as_ref()?.host))
    });
    format!("# WHOIS servers of the lab\n{}", lines.collect::<String>())
}

fn servers(universe: &Universe) -> impl Iterator<Item = &WhoisServer> {
    universe.registries.iter().filter_map(|registry| registry.whois.as_ref())
}

async fn connection(universe: Arc<Universe>, address: Ipv4Addr, port: u16, stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut query = vec![];
    let mut line = (&mut stream).take(MAX_QUERY);
    if !matches!(timeout(PATIENCE, line.read_until(b'\n', &mut query)).await, Ok(Ok(length)) if length > 0) {
        return;
    }
    let query = String::from_utf8_lossy(&query);
    // Some clients put options in front of the name.
    let asked = query.split_whitespace().next_back().unwrap_or_default();
    let domain = DomainName::parse(asked).map_or_else(|_| asked.to_owned(), |name| name.to_string());
    match text(&universe, address, port, &domain) {
        Reply::Text(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Closed => {}
        Reply::Silent => listen::stay_silent(stream).await,
    }
}

enum Reply {
    Text(Vec<u8>),
    Closed,
    Silent,
}

/// What the server at `address` says about `domain`.
fn text(universe: &Universe, address: Ipv4Addr, port: u16, domain: &str) -> Reply {
    let facts = universe.facts(domain);
    if universe.registrars.iter().any(|registrar| registrar.at == address) {
        return match facts.filter(|facts| facts.registrar.at == address) {
            Some(facts) => Reply::Text(found(WhoisText::Thick, &facts, port)),
            None => Reply::Text(b"No match\r\n".to_vec()),
        };
    }
    let here = |server: &&WhoisServer| server.at == address;
    let home = universe.registry(domain).and_then(|registry| registry.whois.as_ref()).filter(here);
    // A server is asked for names of other registries, too: then it speaks as the first of its own.
    let Some(server) = home.or_else(|| servers(universe).find(here)) else { return Reply::Closed };
    let own = facts.filter(|_| home.is_some());
    let say = |text: &str| {
        let text = text.replace("{domain}", domain).replace("{upper}", &domain.to_ascii_uppercase());
        Reply::Text(on_the_wire(&text))
    };
    match own.as_ref().map(|facts| facts.answers.whois) {
        None | Some(WhoisAnswer::Missing) => say(&server.missing),
        Some(WhoisAnswer::Limited) => say(&server.limited),
        Some(WhoisAnswer::Closed) => Reply::Closed,
        Some(WhoisAnswer::Silent) => Reply::Silent,
        Some(WhoisAnswer::Found) => {
            own.map_or(Reply::Closed, |facts| Reply::Text(found(server.text, &facts, port)))
        }
    }
}

/// The text of a registration. Lines whose value is empty are left out.
fn found(shape: WhoisText, facts: &Facts<'_>, port: u16) -> Vec<u8> {
    let template = match shape {
        WhoisText::Nic => include_str!("data/whois/nic.txt"),
        WhoisText::Thin => include_str!("data/whois/thin.txt"),
        WhoisText::Thick => include_str!("data/whois/thick.txt"),
        WhoisText::Indented => include_str!("data/whois/indented.txt"),
        WhoisText::Short => include_str!("data/whois/short.txt"),
        WhoisText::Sections => include_str!("data/whois/sections.txt"),
    };
    let (contact, registrar) = (facts.contact, facts.registrar);
    let (id, port) = (registrar.id.to_string(), port.to_string());
    let (upper, ns) = (facts.domain.to_ascii_uppercase(), |n: usize| facts.name_servers.get(n).cloned());
    let dates = [("created", facts.created), ("changed", facts.changed), ("expires", facts.expires)];
    let mut values: Vec<(String, String)> = [
        ("domain", facts.domain),
        ("upper", &upper),
        ("handle", &facts.handle),
        ("port", &port),
        ("ns1", &ns(0).unwrap_or_default()),
        ("ns2", &ns(1).unwrap_or_default()),
        ("registrar.id", &id),
        ("registrar.name", &registrar.name),
        ("registrar.host", &registrar.host),
        ("registrar.phone", &registrar.phone),
        ("contact.id", &contact.id),
        ("contact.name", &contact.name),
        ("contact.organization", &contact.organization),
        ("contact.street", &contact.street),
        ("contact.city", &contact.city),
        ("contact.state", &contact.state),
        ("contact.postal", &contact.postal),
        ("contact.country", &contact.country),
        ("contact.email", &contact.email),
        ("contact.phone", &contact.phone),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    for (key, date) in dates {
        values.push((key.to_owned(), date.to_string()));
        values.push((format!("{key}.dotted"), date.dotted()));
        values.push((format!("{key}.british"), date.british()));
    }
    let mut text = String::with_capacity(template.len() * 2);
    for line in template.lines() {
        let mut filled = line.to_owned();
        for (key, value) in &values {
            filled = filled.replace(&format!("{{{key}}}"), value);
        }
        if filled == line || !filled.trim_end().ends_with(':') {
            text.push_str(&filled);
            text.push('\n');
        }
    }
    match shape {
        // An old server that never left Latin-1.
        WhoisText::Indented => encoding_rs::WINDOWS_1252.encode(&text.replace('\n', "\r\n")).0.into_owned(),
        _ => on_the_wire(&text),
    }
}

fn on_the_wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}
