//! How the lab is reached: the files it writes, the configuration that leads collectors to it, and commands for people.
//!
//! Decides the time limits of a run against the lab: short ones, so that a host that stays silent costs about a second.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use super::certificates::Authority;
use super::universe::{NERD, NERD_HOST, NameServer, RDAP, RESOLVER, Universe};
use super::{databases, nerd, rdap, web, whois};

/// The ports of a running lab.
#[derive(Clone, Copy)]
pub struct Ports {
    pub dns: u16,
    pub web: web::Ports,
    /// RDAP and NERD.
    pub services: u16,
    pub whois: u16,
}

const AUTHORITY: &str = "ca.pem";
const CITY: &str = "city.mmdb";
const ASN: &str = "asn.mmdb";
const WHOIS: &str = "whois.servers";
const OPT_OUT: &str = "opt-out";
const ROOT_HINTS: &str = "root.hints";
const BOOTSTRAP: [&str; 3] = ["dns.json", "ipv4.json", "ipv6.json"];

/// Writes databases, bootstrap files, the table of WHOIS servers, the opt-out list, the root servers and the root
/// certificate.
pub fn write_files(
    universe: &Universe,
    authority: &Authority,
    ports: Ports,
    folder: &Path,
) -> io::Result<()> {
    fs::write(folder.join(AUTHORITY), authority.root_pem())?;
    fs::write(folder.join(CITY), databases::city(universe))?;
    fs::write(folder.join(ASN), databases::asn(universe))?;
    fs::write(folder.join(WHOIS), whois::table(universe, ports.whois))?;
    fs::write(folder.join(OPT_OUT), universe.opt_out.join("\n"))?;
    let root_server = |server: &NameServer| format!(". NS {0}.\n{0}. A {1}\n", server.host, server.at);
    let root_servers = universe.zone("").map(|root| root.servers.iter().map(root_server).collect::<String>());
    fs::write(folder.join(ROOT_HINTS), root_servers.unwrap_or_default())?;
    for (name, text) in rdap::bootstrap::files(universe, ports.services) {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// Keys of the configuration and their values as text.
pub fn overrides(ports: Ports, folder: &Path) -> Vec<(String, String)> {
    let path = |file: &str| folder.join(file).display().to_string();
    let bootstrap = BOOTSTRAP.map(path);
    [
        ("net.allow_private", "true".to_owned()),
        ("net.ca_file", path(AUTHORITY)),
        ("net.opt_out", path(OPT_OUT)),
        ("dns.resolvers", json!([format!("{RESOLVER}:{}", ports.dns)]).to_string()),
        ("dns.root_hints", path(ROOT_HINTS)),
        ("dns.port", ports.dns.to_string()),
        ("tls.port", ports.web.tls.to_string()),
        ("http.port", ports.web.http.to_string()),
        ("rdap.bootstrap", json!(bootstrap).to_string()),
        ("whois.servers", json!([path(WHOIS)]).to_string()),
        // All registries of the lab are one server here.
        ("limits.rates", "[]".to_owned()),
        ("limits.waiting", "10000".to_owned()),
        ("nerd.url", format!("https://{NERD_HOST}:{}{}", ports.services, nerd::PATH)),
        ("nerd.token", nerd::TOKEN.to_owned()),
        // A batch that has a peculiar address is split once, after which each address stands alone: see `nerd.rs`.
        ("nerd.batch", "2".to_owned()),
        ("geo.city_db", path(CITY)),
        ("geo.asn_db", path(ASN)),
        ("zone.timeout", "1s".to_owned()),
        ("dns.timeout", "1s".to_owned()),
        ("tls.timeout", "1s".to_owned()),
        ("rdap.timeout", "1s".to_owned()),
        ("whois.timeout", "1s".to_owned()),
        ("nerd.timeout", "1s".to_owned()),
        ("rtt.timeout", "1s".to_owned()),
        ("rtt.count", "3".to_owned()),
        ("rtt.interval", "50ms".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// Addresses, ports and commands, then the peculiar names.
pub fn describe(universe: &Universe, ports: Ports, folder: &Path) -> Vec<String> {
    let Ports { dns, web, services, whois } = ports;
    let (tls, http, folder) = (web.tls, web.http, folder.display());
    let (servers, hosts) = (universe.server_modes.len(), universe.hosts.len());
    let (with, without) = (universe.names.len(), universe.without_record.len());
    let trusting = format!("curl --cacert {folder}/{AUTHORITY} --resolve");
    let line = |label: &str, text: String| format!("{label:<12}{text}");
    let mut lines = vec![
        line("resolver", format!("{RESOLVER}:{dns}, {servers} authoritative servers in 127.53/16")),
        line("web hosts", format!("TLS port {tls}, HTTP port {http}, {hosts} addresses")),
        line("RDAP, NERD", format!("HTTPS at {RDAP}:{services} and {NERD}:{services}")),
        line("WHOIS", format!("port {whois} in 127.43/16")),
        line("files", folder.to_string()),
        line("names", format!("{with} with a record, {without} without")),
    ];
    if !web.ipv6 {
        lines.push(line("IPv6", "::1 is not there: names that have nothing else have no page".to_owned()));
    }
    let (page, rdap) = (format!("plna-lab.cz:{tls}"), format!("rdap.registry-lab.net:{services}"));
    let chain = format!("-connect 127.80.30.13:{tls} -servername dlouhy-retez-lab.cz");
    lines.extend([
        line("dig", format!("dig @{RESOLVER} -p {dns} plna-lab.cz SOA")),
        line("curl", format!("{trusting} {page}:127.80.1.10 https://{page}/")),
        line("openssl", format!("openssl s_client {chain} -showcerts")),
        line("RDAP", format!("{trusting} {rdap}:{RDAP} https://{rdap}/cz/domain/plna-lab.cz")),
        line("whois", format!("whois -h 127.43.0.1 -p {whois} plna-lab.cz")),
    ]);
    let peculiar = universe.names.iter().filter(|(_, about)| !about.is_empty());
    lines.extend(peculiar.map(|(name, about)| format!("{name}: {about}")));
    lines
}
