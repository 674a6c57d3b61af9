//! The TLS collector: a handshake with one address of a name, and the page that is behind it.
//!
//! The handshake decides the status; whatever becomes of the page, what TLS showed is kept. Where there is no TLS that a page
//! can come over, it is tried over plain HTTP at the same address. How it is done: `net/tls`, `net/http`.

mod config;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

pub use config::{HttpConfig, TlsConfig};

use super::Collector;
use super::net::http::{Connection, FetchLimits, Fetcher, Start};
use super::net::tls::{Handshake, HandshakeError, probe, subject};
use super::net::{DialError, Dialed, Dialer, NetConfig};
use crate::clock::SharedClock;
use crate::model::{
    Certificate, Der, DomainName, Outcome, Status, Subject, TLSData, TLSResult, Timestamp, Verdict,
};

/// The whole may take this many times the time of a step; the reference's bound.
const OVERALL: f64 = 2.1;

/// Collects what TLS and HTTP show at an address.
pub struct TlsCollector {
    tls: TlsConfig,
    http: HttpConfig,
    fetcher: Fetcher,
    clock: SharedClock,
}

/// A status that is not OK, and the message that goes with it.
type Failed = (Status, String);

/// What is behind an address.
enum Reached {
    /// A connection that a page can come over.
    Connection(Connection),
    /// Only what TLS shows.
    Shown(Arc<Handshake>),
}

/// A page as it is recorded.
struct ShownPage {
    code: u16,
    html: String,
    /// Whether that is not all of it.
    cut: bool,
}

impl TlsCollector {
    /// A collector over `dialer`.
    pub fn new(
        tls: TlsConfig,
        http: HttpConfig,
        net: &NetConfig,
        dialer: Dialer,
        clock: SharedClock,
    ) -> Self {
        let limits = FetchLimits {
            https_port: tls.port,
            http_port: http.port,
            redirects: tls.max_redirects,
            downgrade: tls.downgrade,
            step: tls.timeout.0,
            max_body: tls.max_body.bytes(),
        };
        let fetcher = Fetcher::new(dialer, &net.user_agent, limits);
        Self { tls, http, fetcher, clock }
    }

    async fn reach(&self, name: &DomainName, ip: IpAddr, deadline: Instant) -> Result<Reached, Failed> {
        let dialed = self.dial(ip, deadline).await?;
        let refusal = match Connection::tls(dialed, name.as_str(), self.step(deadline)).await {
            Ok(connection) => return Ok(Reached::Connection(connection)),
            Err(HandshakeError::Timeout) => {
                return Err((Status::TIMEOUT, HandshakeError::Timeout.to_string()));
            }
            Err(error) if !error.is_worth_a_probe() => return Err((Status::CANNOT_FETCH, error.to_string())),
            Err(error) => error,
        };
        let again = self.dial(ip, deadline).await?;
        match probe(again.stream, name.as_str(), self.step(deadline)).await {
            Ok(shown) => Ok(Reached::Shown(Arc::new(shown))),
            Err(error) => Err((Status::CANNOT_FETCH, format!("{refusal}; with TLS 1.2 and older: {error}"))),
        }
    }

    async fn dial(&self, ip: IpAddr, deadline: Instant) -> Result<Dialed, Failed> {
        let address = SocketAddr::new(ip, self.tls.port);
        self.fetcher.dialer().connect(address, self.step(deadline)).await.map_err(|error| {
            let status = match &error {
                DialError::Refused(_) => Status::UNSUPPORTED_ADDRESS,
                error if error.timed_out() => Status::TIMEOUT,
                _ => Status::CANNOT_FETCH,
            };
            (status, error.to_string())
        })
    }

    /// When a step that starts now must end.
    fn step(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.tls.timeout.0)
    }

    /// The page of `name` at `ip`, if there is one.
    async fn page(
        &self,
        scheme: &str,
        name: &DomainName,
        ip: IpAddr,
        connection: Option<Connection>,
        deadline: Instant,
    ) -> Option<ShownPage> {
        let url = Url::parse(&format!("{scheme}://{name}/")).ok()?;
        let visit = self.fetcher.visit(Start { url, pin: Some(ip), connection }, deadline).await;
        let page = visit.page.ok()?;
        let (html, cut) = page.text(self.tls.max_body.bytes());
        Some(ShownPage { code: page.answer.status.as_u16(), html, cut })
    }

    /// The page over plain HTTP, where that is wanted.
    async fn plain_page(&self, name: &DomainName, ip: IpAddr, deadline: Instant) -> Option<ShownPage> {
        match self.http.fallback {
            true => self.page("http", name, ip, None, deadline).await,
            false => None,
        }
    }
}

impl Collector for TlsCollector {
    const NAME: &'static str = "tls";
    type Request = String;
    type Record = TLSResult;

    async fn collect(&self, subject: &Subject, request: Option<String>) -> TLSResult {
        let deadline = Instant::now() + self.tls.timeout.0.mul_f64(OVERALL);
        let failed = |(status, error): Failed| {
            let verdict = Verdict::failed(status, error, self.clock.now());
            TLSResult::without_data(verdict, subject, Self::NAME)
        };

        let Some(Ok(ip)) = request.as_deref().map(|text| text.trim().parse::<IpAddr>()) else {
            return failed((Status::INVALID_ADDRESS, "the target is not an IP address".to_owned()));
        };
        let name = match DomainName::parse(&subject.name) {
            Ok(name) => name,
            Err(error) => return failed((Status::INVALID_DOMAIN_NAME, error.to_string())),
        };
        let (shown, page) = match self.reach(&name, ip, deadline).await {
            Ok(Reached::Connection(connection)) => {
                let shown = connection.handshake.clone();
                (Ok(shown), self.page("https", &name, ip, Some(connection), deadline).await)
            }
            Ok(Reached::Shown(shown)) => (Ok(Some(shown)), self.plain_page(&name, ip, deadline).await),
            Err(failure @ (Status::UNSUPPORTED_ADDRESS, _)) => (Err(failure), None),
            Err(failure) => (Err(failure), self.plain_page(&name, ip, deadline).await),
        };
        let without_page = match shown {
            Ok(shown) => TLSResult {
                status_code: Status::OK,
                error: None,
                last_attempt: Timestamp(self.clock.now()),
                tls_data: shown.map(|shown| tls_data(ip, &shown)),
                final_http_code: None,
                html: None,
                html_cut: false,
            },
            Err(failure) => failed(failure),
        };
        let Some(ShownPage { code, html, cut }) = page else { return without_page };
        TLSResult { final_http_code: Some(code.into()), html: Some(html), html_cut: cut, ..without_page }
    }
}

fn tls_data(ip: IpAddr, shown: &Arc<Handshake>) -> TLSData {
    let mut certificates: Vec<Certificate> = shown
        .certificates
        .iter()
        .map(|der| {
            // What cannot be decoded has no name, but is kept.
            let (dn, rfc4514_dn) = subject(der).map(|names| (names.rfc1779, names.rfc4514)).unzip();
            Certificate { dn: dn.unwrap_or_default(), rfc4514_dn, der_data: Der(der.to_vec()) }
        })
        .collect();
    // Some servers send a certificate twice; the reference keeps one of them.
    certificates.dedup();
    TLSData {
        from_ip: ip.to_string(),
        protocol: shown.protocol.to_owned(),
        cipher: shown.cipher.clone(),
        openssl_cipher: shown.openssl_cipher.map(str::to_owned),
        certificates,
    }
}
