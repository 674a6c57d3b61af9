//! Why: slow servers are many, and each holds its name for as long as it may; they must fit beside all others.
//! What: memory of a process that has 10,000 names at TLS servers at once, of which each has made its handshake and then
//! sends a byte of its page now and then.
//! Knobs: NAMES.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::net::{AddressPolicy, Dialer, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::collect::tls::{HttpConfig, TlsCollector, TlsConfig};
use domainflow::model::Subject;
use domainflow::units::Span;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

const NAMES: usize = 10_000;
/// Time for all to shake hands, on a small machine, and then some.
const PATIENCE: Span = Span::secs(60);
/// A byte of each page comes that often.
const PAUSE: Duration = Duration::from_secs(5);
/// Says to a process of this bench that it is the one that is measured, and the port.
const PORT: &str = "SLOW_NAMES_PORT";

#[tokio::main]
async fn main() {
    if let Ok(port) = std::env::var(PORT) {
        return collect(port.parse().expect("a port")).await;
    }
    let at_work = Arc::new(AtomicUsize::new(0));
    let port = serve(at_work.clone()).await;
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.env(PORT, port.to_string()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("a process");
    let mut said = BufReader::new(process.stdout.take().expect("a pipe")).lines();
    let since = Instant::now();
    while at_work.load(Ordering::Relaxed) < NAMES && process.try_wait().expect("a process").is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let wait = since.elapsed().as_secs_f64();
    tokio::time::sleep(PAUSE).await;
    let (open, memory) = (at_work.load(Ordering::Relaxed), memory(process.id()));
    println!("{open} names open after {wait:.0} s: {memory} MB");
    println!("{}", said.next().expect("it tells").expect("a pipe"));
    process.wait().expect("it ends");
}

/// The process that is measured: all names at once.
async fn collect(port: u16) {
    let (policy, dns, net) = (AddressPolicy::private(), DnsConfig::default(), NetConfig::default());
    let exchange = Arc::new(Exchange::new(&dns, policy.clone()));
    let resolver = Resolver::new(exchange, &dns, &net).expect("it is configured");
    let tls = TlsConfig { port, timeout: PATIENCE, ..TlsConfig::default() };
    let dialer = Dialer::new(Arc::new(resolver), policy);
    let collector = TlsCollector::new(tls, HttpConfig::default(), &net, dialer, Arc::new(SystemClock));
    let collector = Arc::new(collector);
    let records = join_all((0..NAMES).map(|n| {
        let collector = collector.clone();
        tokio::spawn(async move {
            let name = format!("n{n}.bench.test");
            let subject = Subject { key: name.clone().into(), name, address: None };
            collector.collect(&subject, Some("127.0.0.1".into())).await
        })
    }));
    let records = records.await;
    let with_page =
        records.iter().flatten().filter(|record| record.status_code.ok() && record.html.is_some());
    println!("{} have a page in the end", with_page.count());
    std::io::stdout().flush().expect("a pipe");
}

/// Servers that send the head of a page and then a byte every [`PAUSE`]; tells how many are at that.
async fn serve(at_work: Arc<AtomicUsize>) -> u16 {
    let key = rcgen::generate_simple_self_signed(["bench.test".to_owned()]).expect("a key");
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![key.cert.der().clone()], private.into()).expect("a key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(NAMES as u32).expect("a port");
    let port = listener.local_addr().expect("a port").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(drip(acceptor.clone(), stream, at_work.clone()));
        }
    });
    port
}

/// Ends when the client goes.
async fn drip(acceptor: TlsAcceptor, stream: TcpStream, at_work: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let _request = stream.read(&mut [0; 4096]).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n").await?;
    at_work.fetch_add(1, Ordering::Relaxed);
    loop {
        stream.write_all(b"x").await?;
        stream.flush().await?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Memory of a process in MB.
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}
