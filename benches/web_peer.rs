//! Why: the TLS collector is to be several times as fast as the scanner that people use now, at a fraction of the cost.
//! What: a TLS 1.3 handshake and the page behind it for each name, by the TLS collector and by zgrab2, of the same nginx with
//! one worker, each on a connection of its own; results written as JSON lines. Needs nginx, OpenSSL and Go
//! (`scripts/setup.sh test`).
//! Knobs: NAMES, and how many of them at once.

mod peers;

use std::io::{BufRead as _, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::net::{AddressPolicy, Dialer, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::collect::tls::{HttpConfig, TlsCollector, TlsConfig};
use domainflow::model::Subject;
use futures_util::stream::{self, StreamExt as _};
use peers::Server;

const NAMES: usize = 4000;
/// Names that either asks for at once.
const AT_ONCE: usize = 100;
/// Says to a process of this bench that it is our side, and the port.
const PORT: &str = "WEB_PEER_PORT";
const PAGE: usize = 10_000;

fn main() {
    if let Ok(port) = std::env::var(PORT) {
        return collect(port.parse().expect("a port"));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let (_nginx, port) = nginx(dir.path());
    let write = |name: &str, line: fn(usize) -> String| {
        std::fs::write(path(name), (0..NAMES).map(line).collect::<String>()).expect("a file");
    };
    write("names", |n| format!("n{n}.bench.test\n"));
    write("targets", |n| format!("127.0.0.1,n{n}.bench.test\n"));

    let zgrab2 = peers::peer("zgrab2");
    peers::compare(
        "TLS and page of a name",
        NAMES,
        || {
            let mut command = Command::new(std::env::current_exe().expect("a program"));
            command.env(PORT, port.to_string());
            let cost = peers::run(command, &path("names"), &path("ours"));
            assert_eq!(pages(&path("ours")), NAMES, "pages of ours");
            cost
        },
        ("zgrab2", || {
            let mut command = Command::new(&zgrab2);
            command.args(["http", "--use-https", "--max-redirects", "2", "--port", &port.to_string()]);
            // Its own list is looked for where there is none.
            command.args(["--senders", &AT_ONCE.to_string(), "--blocklist-file", "/dev/null"]);
            command.stderr(Stdio::null());
            let cost = peers::run(command, &path("targets"), &path("theirs"));
            assert_eq!(pages(&path("theirs")), NAMES, "pages of zgrab2");
            cost
        }),
    );
}

/// Lines of a file that hold the end of the page.
fn pages(file: &Path) -> usize {
    std::fs::read_to_string(file).expect("a file").lines().filter(|line| line.contains("the end")).count()
}

/// Our side: reads names, writes the records of the TLS collector.
#[tokio::main]
async fn collect(port: u16) {
    let (policy, dns, net) = (AddressPolicy::private(), DnsConfig::default(), NetConfig::default());
    let exchange = Arc::new(Exchange::new(&dns, policy.clone()));
    let resolver = Resolver::new(exchange, &dns, &net).expect("it is configured");
    let tls = TlsConfig { port, ..TlsConfig::default() };
    let dialer = Dialer::new(Arc::new(resolver), policy);
    let collector = TlsCollector::new(tls, HttpConfig::default(), &net, dialer, Arc::new(SystemClock));
    let collector = Arc::new(collector);
    let names = std::io::stdin().lock().lines().map(|name| name.expect("a name"));
    // A task for each name, as the flow has it.
    let mut records = stream::iter(names)
        .map(|name| {
            let collector = collector.clone();
            let subject = Subject { key: name.clone().into(), name, address: None };
            tokio::spawn(async move { collector.collect(&subject, Some("127.0.0.1".into())).await })
        })
        .buffer_unordered(AT_ONCE);
    let mut output = BufWriter::new(std::io::stdout().lock());
    while let Some(record) = records.next().await {
        serde_json::to_writer(&mut output, &record.expect("it does not panic")).expect("a pipe");
        output.write_all(b"\n").expect("a pipe");
    }
}

/// An nginx with an ECDSA key and one page, and its port.
fn nginx(dir: &Path) -> (Server, u16) {
    let port = peers::free_port();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=bench.test", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "key.pem", "-out", "certificate.pem"]);
    let made = command.current_dir(dir).stderr(Stdio::null()).status().expect("openssl runs");
    assert!(made.success(), "openssl: {made}");
    std::fs::write(dir.join("index.html"), format!("<p>{}</p>the end", "x".repeat(PAGE))).expect("a file");
    let at = dir.display();
    let conf = format!(
        "daemon off; pid nginx.pid; user root; worker_processes 1;\nevents {{ worker_connections 4096; }}\nhttp {{\n\
         access_log off; default_type text/html; ssl_protocols TLSv1.2 TLSv1.3; client_body_temp_path {at}/a; proxy_temp_path {at}/b;\n\
         fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;\n\
         server {{ listen 127.0.0.1:{port} ssl backlog=4096; root {at}; ssl_certificate certificate.pem;\n\
         ssl_certificate_key key.pem; }}\n}}\n"
    );
    std::fs::write(dir.join("nginx.conf"), conf).expect("a file");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(dir).args(["-c", "nginx.conf", "-e", "nginx.log"]);
    let nginx = Server::start(command);
    peers::wait("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    (nginx, port)
}
