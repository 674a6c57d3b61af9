//! Visits a page: connects, asks, follows redirects, and says what came of each step and how long it took.
//!
//! Decides on which address each step goes: the visited host stays on the address given, another host is resolved, and
//! the dialer refuses what the policy forbids. Next: `exchange.rs`, `redirect.rs`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, StatusCode};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use url::Url;

use super::charset;
use super::error::FetchError;
use super::exchange::{Bounds, Exchanged, exchange};
use super::redirect;
use crate::collect::net::dial::{Dialed, Dialer};
use crate::collect::net::tls::{Handshake, HandshakeError, handshake};

/// Visits pages. Shared by all visits of a collector.
pub struct Fetcher {
    dialer: Dialer,
    user_agent: HeaderValue,
    limits: FetchLimits,
}

/// What bounds a visit.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// The port of `https` URLs that name none: 443, elsewhere only in closed networks.
    pub https_port: u16,
    /// The port of `http` URLs that name none: 80, likewise.
    pub http_port: u16,
    /// Redirects that are followed.
    pub redirects: usize,
    /// Whether a redirect from https to plain http is followed.
    pub downgrade: bool,
    /// How long a step may take: to connect, to shake hands, to get the head, to get the body.
    pub step: Duration,
    /// Bytes of a body that are read, and that are kept once it is decoded.
    pub max_body: usize,
}

/// Where a visit starts.
pub struct Start {
    /// The page.
    pub url: Url,
    /// The address at which the host of `url` is visited, also after redirects; `None`: it is resolved.
    pub pin: Option<IpAddr>,
    /// A connection to that host that is open already.
    pub connection: Option<Connection>,
}

/// An open connection to a web server.
pub struct Connection {
    stream: Stream,
    /// The address at its other end.
    pub address: SocketAddr,
    /// What the TLS handshake showed; `None` on plain HTTP.
    pub handshake: Option<Arc<Handshake>>,
    /// How long it took so far.
    pub timings: Timings,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How long the phases of a request took; zero for a phase that there was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Name to addresses.
    pub resolve: Duration,
    /// TCP connect.
    pub connect: Duration,
    /// TLS handshake.
    pub handshake: Duration,
    /// From the request to the end of the answer's head.
    pub head: Duration,
    /// From there to the end of the body, or of what was read of it.
    pub body: Duration,
}

/// The head of one answer, and how it was reached.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub url: Url,
    /// The address that answered.
    pub address: SocketAddr,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// What the TLS handshake showed; `None` on plain HTTP.
    pub handshake: Option<Arc<Handshake>>,
    /// How long it took.
    pub timings: Timings,
}

/// A page: the answer at the end of the redirects.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its head.
    pub answer: Answer,
    /// The body without transfer and content coding; at most [`FetchLimits::max_body`] bytes.
    pub body: Bytes,
    /// Whether the body is longer than that, broke off, cannot be decoded to its end, or did not end in time.
    pub truncated: bool,
}

/// What came of a visit.
#[derive(Debug)]
pub struct Visit {
    /// The redirects that came before the end, in their order; also one that was not followed any more.
    pub redirects: Vec<Answer>,
    /// The page, or why there is none.
    pub page: Result<Page, FetchError>,
}

impl Page {
    /// The page as text, at most `max` bytes of UTF-8, and whether that is not all of it.
    pub fn text(&self, max: usize) -> (String, bool) {
        let mut text = charset::text(&self.answer.headers, &self.body, self.truncated);
        // Decoded text may be longer than its bytes.
        let kept = text.floor_char_boundary(max);
        let cut = self.truncated || kept < text.len();
        text.truncate(kept);
        (text, cut)
    }
}

impl Connection {
    /// Makes the TLS handshake on a connection to `host`.
    pub async fn tls(dialed: Dialed, host: &str, deadline: Instant) -> Result<Self, HandshakeError> {
        let start = Instant::now();
        let Dialed { stream, address, resolve, connect } = dialed;
        let (stream, shown) = handshake(stream, host, deadline).await?;
        let timings = Timings { resolve, connect, handshake: start.elapsed(), ..Timings::default() };
        Ok(Self { stream: Stream::Tls(stream), address, handshake: Some(Arc::new(shown)), timings })
    }

    /// A connection without TLS.
    fn plain(dialed: Dialed) -> Self {
        let Dialed { stream, address, resolve, connect } = dialed;
        let timings = Timings { resolve, connect, ..Timings::default() };
        Self { stream: Stream::Plain(stream), address, handshake: None, timings }
    }
}

impl Fetcher {
    /// A fetcher over `dialer` that says it is `user_agent`.
    pub fn new(dialer: Dialer, user_agent: &str, limits: FetchLimits) -> Self {
        let user_agent = HeaderValue::from_str(user_agent).unwrap_or(HeaderValue::from_static("domainflow"));
        Self { dialer, user_agent, limits }
    }

    /// The dialer that visits go over.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Visits a page before `deadline`.
    pub async fn visit(&self, start: Start, deadline: Instant) -> Visit {
        let mut redirects = vec![];
        let page = self.follow(start, deadline, &mut redirects).await;
        Visit { redirects, page }
    }

    async fn follow(
        &self,
        start: Start,
        deadline: Instant,
        redirects: &mut Vec<Answer>,
    ) -> Result<Page, FetchError> {
        let Start { mut url, pin, mut connection } = start;
        let home = url.host_str().unwrap_or_default().to_owned();
        loop {
            let open = match connection.take() {
                Some(open) => open,
                None => {
                    let pin = pin.filter(|_| url.host_str() == Some(&home));
                    self.open(&url, pin, deadline).await?
                }
            };
            let page = self.ask(url, open, deadline).await?;
            let Some(location) = redirect::location(page.answer.status, &page.answer.headers) else {
                return Ok(page);
            };
            let next = redirect::follow(&page.answer.url, &location);
            let downgrade = page.answer.url.scheme() == "https"
                && next.as_ref().is_some_and(|next| next.scheme() == "http");
            redirects.push(page.answer);
            url = next.ok_or(FetchError::BadRedirect(location))?;
            if redirects.len() > self.limits.redirects {
                return Err(FetchError::TooManyRedirects);
            }
            if downgrade && !self.limits.downgrade {
                return Err(FetchError::Downgrade);
            }
        }
    }

    /// When a step that starts now must end.
    fn step(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.limits.step)
    }

    async fn open(
        &self,
        url: &Url,
        pin: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Connection, FetchError> {
        let (host, secure) = (url.host_str().ok_or(FetchError::BadUrl)?, url.scheme() == "https");
        let port = url.port().unwrap_or(if secure { self.limits.https_port } else { self.limits.http_port });
        let step = self.step(deadline);
        let dialed = match pin {
            Some(address) => self.dialer.connect(SocketAddr::new(address, port), step).await?,
            None => self.dialer.connect_host(host, port, step).await?,
        };
        if secure {
            Ok(Connection::tls(dialed, host, self.step(deadline)).await?)
        } else {
            Ok(Connection::plain(dialed))
        }
    }

    async fn ask(&self, url: Url, open: Connection, deadline: Instant) -> Result<Page, FetchError> {
        let start = Instant::now();
        let head = self.step(deadline);
        let bounds =
            Bounds { head, body: deadline.min(head + self.limits.step), max_body: self.limits.max_body };
        let Exchanged { status, headers, body, truncated, head_at } = match open.stream {
            Stream::Plain(stream) => exchange(stream, &url, &self.user_agent, bounds).await?,
            Stream::Tls(stream) => exchange(stream, &url, &self.user_agent, bounds).await?,
        };
        let timings = Timings { head: head_at - start, body: head_at.elapsed(), ..open.timings };
        let Connection { address, handshake, .. } = open;
        let answer = Answer { url, address, status, headers, handshake, timings };
        Ok(Page { answer, body, truncated })
    }
}
