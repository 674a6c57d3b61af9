//! Servers and names on the loopback, for tests: they do what a script says, and remember what they were asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::{AddressPolicy, Dialer, HttpClient, Limiter, LimitsConfig, NetConfig, Resolve, ResolveError};

/// A deadline that no test reaches unless something hangs.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// A dialer that may go anywhere and knows `hosts`.
pub fn dialer(hosts: &[(&str, &[&str])]) -> Dialer {
    Dialer::new(Arc::new(Hosts::new(hosts)), AddressPolicy::private())
}

/// A resolver that knows a few hosts.
pub struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// A host about which no answer ever comes.
    pub const SILENT: &str = "silent.example";

    /// A resolver that knows `hosts`.
    pub fn new(hosts: &[(&str, &[&str])]) -> Self {
        let parse = |addresses: &[&str]| addresses.iter().map(|a| a.parse().unwrap()).collect();
        Self(hosts.iter().map(|(host, addresses)| ((*host).to_owned(), parse(addresses))).collect())
    }
}

impl Resolve for Hosts {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            if host == Self::SILENT {
                std::future::pending::<()>().await;
            }
            self.0.get(host).cloned().ok_or_else(|| ResolveError::NotFound(host.to_owned()))
        })
    }
}

/// How a server finds the end of a request.
#[derive(Clone, Copy)]
pub enum Framing {
    /// HTTP/1.1 with an optional `Content-Length`.
    Http,
    /// One line (WHOIS).
    Line,
    /// So many bytes, whatever they are.
    Bytes(usize),
}

/// What a server was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The head of an HTTP request, or the line.
    pub head: String,
    /// The body of an HTTP request.
    pub body: Vec<u8>,
}

impl Asked {
    /// The request target of an HTTP request.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// What a server does after it has read a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes these bytes and then nothing more, without closing.
    Hang(Vec<u8>),
    /// Breaks off. It is a reset if part of the request is not read yet.
    Reset,
}

/// An answer with a status, header lines (each ended by CRLF) and a body with its length.
pub fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n");
    Reply::Write([head.as_bytes(), body].concat())
}

/// A running server; ends when it is dropped.
pub struct Server {
    /// Where it listens, on a port of its own.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

impl Server {
    /// A server at 127.0.0.1 that answers by `script`, behind TLS if there is a configuration for it.
    pub async fn start(
        tls: Option<rustls::ServerConfig>,
        framing: Framing,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(vec![]));
        let (script, seen): (Script, _) = (Arc::new(script), asked.clone());
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, seen) = (acceptor.clone(), script.clone(), seen.clone());
                open.spawn(async move {
                    match acceptor {
                        None => serve(stream, framing, &script, &seen).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, framing, &script, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, asked, task }
    }

    /// A server of plain HTTP.
    pub async fn http(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Framing::Http, script).await
    }

    /// A server of HTTPS.
    pub async fn https(
        config: rustls::ServerConfig,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(config), Framing::Http, script).await
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The request targets that it was asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.path().to_owned()).collect()
    }
}

/// An address at which nobody listens.
pub async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn serve<S>(mut stream: S, framing: Framing, script: &Script, seen: &Mutex<Vec<Asked>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(asked) = read(&mut stream, framing).await else { return };
    let reply = script(&asked);
    seen.lock().unwrap().push(asked);
    let (bytes, hang) = match reply {
        Reply::Write(bytes) => (bytes, false),
        Reply::Hang(bytes) => (bytes, true),
        Reply::Reset => return,
    };
    // The other side may have had enough of it.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.flush().await;
    if hang {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, framing: Framing) -> Option<Asked> {
    let mut head = vec![];
    let ended = |head: &[u8]| match framing {
        Framing::Http => head.ends_with(b"\r\n\r\n"),
        Framing::Line => head.ends_with(b"\r\n"),
        Framing::Bytes(count) => head.len() == count,
    };
    while !ended(&head) {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { head, body })
}

/// A certificate for `names` whose subject has these attributes, and its key.
pub fn certificate(
    names: &[&str],
    subject: &[(DnType, &str)],
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let mut params =
        CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

/// The configuration of a TLS server that speaks `versions` and shows `chain`.
pub fn tls_server(
    versions: &[&'static rustls::SupportedProtocolVersion],
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> rustls::ServerConfig {
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// A client for services that may go anywhere and knows `hosts`.
pub fn client(hosts: &[(&str, &[&str])]) -> HttpClient {
    let config = NetConfig { allow_private: true, ..NetConfig::default() };
    let limiter = Arc::new(Limiter::new(LimitsConfig { rates: vec![], ..LimitsConfig::default() }));
    HttpClient::new(&config, dialer(hosts), limiter).unwrap()
}
