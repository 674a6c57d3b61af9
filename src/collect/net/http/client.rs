//! The HTTP client for services that we use (RDAP, NERD, lists): kept connections, checked certificates, bounds.
//!
//! Every request passes the limiter, every address the policy: names in reqwest's resolver, literal addresses before
//! each request. Redirects are followed here, not by reqwest, so that both hold for each of them. Proxies of the
//! environment are not used: they would hide the address from the policy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::collect::net::dial::{DialError, Dialer};
use crate::collect::net::trust::{TrustError, trust};
use crate::collect::net::{LimitError, Limiter, NetConfig};
use crate::error::{Chain, Code, Coded, Exit};
use crate::model::Status;

/// Redirects of one request that are followed.
const REDIRECTS: usize = 5;
/// How often a request is sent again that a server refused because there were too many.
const AGAIN: usize = 2;
/// How long a connection without requests is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Asks services over HTTP. Cheap to clone; one per process, so that connections are shared.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    dialer: Dialer,
    limiter: Arc<Limiter>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// `net.ca_file` cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The client cannot be set up, for example because `net.user_agent` is no header value.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
}

pub(crate) static HTTP_CLIENT: Code = Code {
    name: "net-http-client",
    exit: Exit::Config,
    about: "The client for RDAP, NERD and lists cannot be set up from section `net`.",
    hint: "check `net.user_agent` (printable ASCII)",
};

impl Coded for HttpClientError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Setup(_) => &HTTP_CLIENT,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// Where it came from, after redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body; cut where the status is not a success.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The whole answer did not come in time.
    #[error("no answer in time")]
    Timeout,
    /// The limiter did not let the request pass.
    #[error("{0}")]
    Limit(#[from] LimitError),
    /// The server's address is not known, or refused by the policy.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// More bytes than are accepted.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// A redirect that leads nowhere, or one too many.
    #[error("redirected too often or to no web address")]
    Redirect,
    /// No connection, no TLS, or an answer that is not HTTP.
    #[error("{0}")]
    Transport(String),
}

impl HttpError {
    /// The status of a record that needed the answer.
    pub fn status(&self) -> Status {
        match self {
            Self::Timeout => Status::TIMEOUT,
            Self::Dial(error) if error.timed_out() => Status::TIMEOUT,
            Self::Limit(error) => error.status(),
            Self::TooLarge(_) => Status::INVALID_RESPONSE,
            Self::Dial(_) | Self::Redirect | Self::Transport(_) => Status::CANNOT_FETCH,
        }
    }
}

/// The time that a request may take. Waiting for its turn at the server is bounded by `deadline` alone.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// How long it may take once it is sent.
    pub limit: Duration,
    /// When it must have ended in any case.
    pub deadline: Instant,
}

impl HttpClient {
    /// How long a request may wait for its turn at a server.
    pub fn wait(&self) -> Duration {
        self.limiter.wait()
    }

    /// The time of a request of which nothing is known but that it may take `limit`: its turn comes on top.
    pub fn allowed(&self, limit: Duration) -> Allowed {
        Allowed { limit, deadline: Instant::now() + self.wait() + limit }
    }

    /// A client over `dialer`'s names and policy. Reads `net.ca_file`.
    pub fn new(config: &NetConfig, dialer: Dialer, limiter: Arc<Limiter>) -> Result<Self, HttpClientError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trust(config)?)
            .dns_resolver(Names(dialer.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(&config.user_agent)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(limiter.open())
            .build()
            .map_err(HttpClientError::Setup)?;
        Ok(Self { client, dialer, limiter })
    }

    /// Gets a resource in the media type `accept`.
    pub async fn get(
        &self,
        url: &Url,
        accept: &'static str,
        max_body: usize,
        time: Allowed,
    ) -> Result<Reply, HttpError> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        self.get_with(url, headers, max_body, time).await
    }

    /// Gets a resource with `headers`, which redirects get as well.
    pub async fn get_with(
        &self,
        url: &Url,
        headers: HeaderMap,
        max_body: usize,
        time: Allowed,
    ) -> Result<Reply, HttpError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let request = self.client.get(url.clone()).headers(headers.clone());
            let (reply, location) = self.send(&url, request, max_body, time).await?;
            let Some(location) = location.filter(|_| reply.status.is_redirection()) else { return Ok(reply) };
            url = url.join(&location).map_err(|_| HttpError::Redirect)?;
        }
        Err(HttpError::Redirect)
    }

    /// Asks with `headers` that are for this service only, and posts `body` where there is one: a redirect is an answer like
    /// any other.
    pub async fn ask_here(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Option<Bytes>,
        max_body: usize,
        time: Allowed,
    ) -> Result<Reply, HttpError> {
        let request = match body {
            Some(body) => self.client.post(url.clone()).body(body),
            None => self.client.get(url.clone()),
        };
        Ok(self.send(url, request.headers(headers), max_body, time).await?.0)
    }

    /// Sends one request; the answer comes with its `Location`.
    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
        max_body: usize,
        time: Allowed,
    ) -> Result<(Reply, Option<String>), HttpError> {
        let server = server(url).ok_or(HttpError::Redirect)?;
        // The resolver is not asked for a literal address.
        match url.host() {
            Some(Host::Ipv4(address)) => {
                self.dialer.policy().check(address.into()).map_err(DialError::from)?
            }
            Some(Host::Ipv6(address)) => {
                self.dialer.policy().check(address.into()).map_err(DialError::from)?
            }
            _ => {}
        }
        let mut pass = self.limiter.pass(&server, time.deadline).await?;
        let mut again = AGAIN;
        loop {
            // A body that streams could not be sent twice; ours are whole.
            let next = request.try_clone().ok_or(HttpError::Redirect)?;
            let until = time.deadline.min(Instant::now() + time.limit);
            let reply =
                timeout_at(until, receive(next, max_body)).await.map_err(|_| HttpError::Timeout)??;
            drop(pass);
            let limited = self.limited(&server, reply.status, &reply.headers);
            // Who does not say when to come back is not asked again for this.
            if !limited || again == 0 || retry_after(&reply.headers).is_none() {
                let location = text(&reply.headers, LOCATION);
                return Ok((reply, location));
            }
            again -= 1;
            // Where the pause is longer than anybody may wait, the refusal is the answer.
            pass = match self.limiter.pass(&server, time.deadline).await {
                Ok(pass) => pass,
                Err(_) => return Ok((reply, None)),
            };
        }
    }

    /// Notes whether `server` says that there are too many requests: 429 (RFC 6585), or 503 with a time to come back.
    fn limited(&self, server: &str, status: StatusCode, headers: &HeaderMap) -> bool {
        let retry_after = retry_after(headers);
        let limited = match status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => retry_after.is_some(),
            _ => false,
        };
        match limited {
            true => self.limiter.refused(server, retry_after),
            false => self.limiter.answered(server),
        }
        limited
    }
}

/// How long not to come back (RFC 9110 section 10.2.3): seconds, or a date, which is read by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER)?;
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    date(&value)?.duration_since(date(&text(headers, DATE)?)?).ok()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// `host:port` of a URL of http or https.
fn server(url: &Url) -> Option<String> {
    let web = matches!(url.scheme(), "http" | "https");
    Some(format!("{}:{}", url.host_str().filter(|_| web)?, url.port_or_known_default()?))
}

async fn receive(request: reqwest::RequestBuilder, max_body: usize) -> Result<Reply, HttpError> {
    let mut response = request.send().await.map_err(transport)?;
    let (url, status) = (response.url().clone(), response.status());
    let headers = std::mem::take(response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > max_body {
            // Of an error page only the status is wanted.
            if status.is_success() {
                return Err(HttpError::TooLarge(max_body));
            }
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { url, status, headers, body: body.freeze() })
}

/// reqwest wraps what went wrong, also our own errors of the resolver, and its own text leaves the cause out.
fn transport(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    let mut cause: &(dyn std::error::Error + 'static) = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
        match cause.downcast_ref::<DialError>() {
            Some(DialError::Refused(refusal)) => return DialError::Refused(*refusal).into(),
            Some(DialError::Resolve(error)) => return DialError::Resolve(error.clone()).into(),
            _ => {}
        }
    }
    HttpError::Transport(Chain(&error).to_string())
}

/// reqwest's view of our names: resolved by the `Resolve` seam, without the addresses that the policy forbids.
struct Names(Dialer);

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let dialer = self.0.clone();
        Box::pin(async move {
            let addresses = dialer.addresses(name.as_str()).await?;
            // Port 0 stands for the port of the URL.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
