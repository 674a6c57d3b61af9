//! How the lab is reached: the files it writes, the configuration that leads collectors to it, and commands for people.
//!
//! Decides the time limits of a run against the lab: short ones, so that a host that stays silent costs about a second.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use super::certificates::Authority;
use super::universe::{NERD_HOST, RDAP, RESOLVER, Universe};
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
const BOOTSTRAP: [&str; 3] = ["dns.json", "ipv4.json", "ipv6.json"];

/// Writes databases, bootstrap files, the table of WHOIS servers and the root certificate.
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
        ("dns.resolvers", json!([format!("{RESOLVER}:{}", ports.dns)]).to_string()),
        ("dns.port", ports.dns.to_string()),
        ("tls.port", ports.web.tls.to_string()),
        ("http.port", ports.web.http.to_string()),
        ("rdap.bootstrap", json!(bootstrap).to_string()),
        ("whois.servers", json!([path(WHOIS)]).to_string()),
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
    let folder = folder.display();
    let mut lines = vec![
        format!(
            "resolver         {RESOLVER}:{dns}, {} authoritative servers in 127.53/16",
            universe.doors.len()
        ),
        format!(
            "web hosts        TLS port {}, HTTP port {}, {} addresses",
            web.tls,
            web.http,
            universe.hosts.len()
        ),
        format!("RDAP, NERD       {RDAP}:{services} and {NERD_HOST}:{services}, HTTPS"),
        format!("WHOIS            port {whois} in 127.43/16"),
        format!("files            {folder}"),
        format!(
            "names            {} with a record, {} without",
            universe.names.len(),
            universe.without_record.len()
        ),
    ];
    if !web.ipv6 {
        lines.push(
            "IPv6             ::1 is not there, so names that have nothing else have no page".to_owned(),
        );
    }
    lines.extend([
        format!("dig              dig @{RESOLVER} -p {dns} plna-lab.cz SOA"),
        format!("curl             curl --cacert {folder}/{AUTHORITY} --resolve plna-lab.cz:{tls}:127.80.1.10 https://plna-lab.cz:{tls}/", tls = web.tls),
        format!("openssl          openssl s_client -connect 127.80.30.13:{} -servername dlouhy-retez-lab.cz -showcerts", web.tls),
        format!("RDAP             curl --cacert {folder}/{AUTHORITY} --resolve rdap.registry-lab.net:{services}:{RDAP} https://rdap.registry-lab.net:{services}/cz/domain/plna-lab.cz"),
        format!("WHOIS            printf 'plna-lab.cz\\r\\n' | nc 127.43.0.1 {whois}"),
    ]);
    let peculiar = universe.names.iter().filter(|(_, about)| !about.is_empty());
    lines.extend(peculiar.map(|(name, about)| format!("{name}: {about}")));
    lines
}
