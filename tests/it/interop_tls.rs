//! TLS that rustls does not speak, against OpenSSL: each version, old cipher suites, keys of other kinds, a certificate
//! wanted of the client. What the server is told, and what the record must show, is in `tests/cases/tls/versions.txt`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::net::{AddressPolicy, Dialer, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::collect::tls::{HttpConfig, TlsCollector, TlsConfig};
use domainflow::model::{Subject, TLSResult};
use domainflow::units::Span;

/// A running `openssl s_server`.
struct Openssl {
    process: Child,
    address: SocketAddr,
}

impl Openssl {
    fn start(dir: &Path, key: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args(["-key", &format!("{key}.key"), "-cert", &format!("{key}.pem")])
            .args(arguments)
            .current_dir(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address =
            lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_owned()));
        let address = address.unwrap_or_else(|| panic!("openssl does not start with {arguments:?}"));
        Self { process, address: address.parse().unwrap() }
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A key of each kind with a certificate of its own.
fn make_keys(dir: &Path) {
    for (name, kind) in [
        ("rsa", ["rsa:2048", ""]),
        ("rsa1024", ["rsa:1024", ""]),
        ("p256", ["ec", "ec_paramgen_curve:P-256"]),
        ("p521", ["ec", "ec_paramgen_curve:P-521"]),
        ("ed25519", ["ed25519", ""]),
        ("ed448", ["ed448", ""]),
    ] {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=t.example", "-newkey", kind[0]]);
        if !kind[1].is_empty() {
            command.args(["-pkeyopt", kind[1]]);
        }
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        let made = command.current_dir(dir).output().unwrap();
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

async fn collect(address: SocketAddr) -> TLSResult {
    let (policy, dns, net) = (AddressPolicy::private(), DnsConfig::default(), NetConfig::default());
    let exchange = Arc::new(Exchange::new(&dns, policy.clone()));
    let dialer = Dialer::new(Arc::new(Resolver::new(exchange, &dns, &net).unwrap()), policy);
    let tls = TlsConfig { port: address.port(), timeout: Span::secs(20), ..TlsConfig::default() };
    let http = HttpConfig { fallback: false, ..HttpConfig::default() };
    let collector = TlsCollector::new(tls, http, &net, dialer, Arc::new(SystemClock));
    let subject = Subject { key: "t.example".into(), name: "t.example".to_owned(), address: None };
    collector.collect(&subject, Some(address.ip().to_string())).await
}

/// Status, protocol, both names of the cipher suite, number of certificates, and whether there is a page; or status and error.
fn shown(record: &TLSResult) -> String {
    let status = record.status_code.0;
    let Some(data) = &record.tls_data else {
        return format!("{status} {}", record.error.as_deref().unwrap_or("?"));
    };
    let openssl = data.openssl_cipher.as_deref().unwrap_or("?");
    assert!(data.certificates.iter().all(|one| one.rfc4514_dn.as_deref() == Some("CN=t.example")));
    let (chain, page) = (data.certificates.len(), if record.html.is_some() { "page" } else { "-" });
    format!("{status} {} {} {openssl} {chain} {page}", data.protocol, data.cipher)
}

#[test]
fn servers_of_old_and_odd_tls_show_what_they_have() {
    let dir = tempfile::tempdir().unwrap();
    make_keys(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = include_str!("../cases/tls/versions.txt");
    let rows: Vec<_> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(!rows.is_empty());
    let mut wrong = vec![];
    for row in rows {
        let [key, arguments, expected] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("no row: {row}")
        };
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let server = Openssl::start(dir.path(), key, &arguments);
        let found = shown(&runtime.block_on(collect(server.address)));
        if found != expected {
            wrong.push(format!("{row}\n  but it was: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
