//! The TLS collector: a handshake with one address of a name, and the page that is behind it.
//!
//! The handshake decides the status; whatever becomes of the page, what TLS showed is kept. Where there is no TLS, the
//! page is tried over plain HTTP at the same address. How it is done: `net/tls`, `net/http`.

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
use super::net::tls::{Handshake, HandshakeFault, subject};
use super::net::{DialError, Dialer, NetConfig};
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

    async fn connect(&self, name: &DomainName, ip: IpAddr, deadline: Instant) -> Result<Connection, Failed> {
        let step = || deadline.min(Instant::now() + self.tls.timeout.0);
        let dialed = self.fetcher.dialer().connect(SocketAddr::new(ip, self.tls.port), step()).await;
        let dialed = dialed.map_err(|error| {
            let status = match &error {
                DialError::Refused(_) => Status::UNSUPPORTED_ADDRESS,
                error if error.timed_out() => Status::TIMEOUT,
                _ => Status::CANNOT_FETCH,
            };
            (status, error.to_string())
        })?;
        Connection::tls(dialed, name.as_str(), step()).await.map_err(|error| {
            let status = match error.cause {
                HandshakeFault::Timeout => Status::TIMEOUT,
                HandshakeFault::Tls(_) | HandshakeFault::Io(_) => Status::CANNOT_FETCH,
            };
            (status, error.to_string())
        })
    }

    /// The text of the page of `name` at `ip`, and whether that is not all of it; `None` if there is none.
    async fn page(
        &self,
        scheme: &str,
        name: &DomainName,
        ip: IpAddr,
        connection: Option<Connection>,
        deadline: Instant,
    ) -> Option<(String, bool)> {
        let url = Url::parse(&format!("{scheme}://{name}/")).ok()?;
        let visit = self.fetcher.visit(Start { url, pin: Some(ip), connection }, deadline).await;
        visit.page.ok()?.text(self.tls.max_body.bytes())
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
        match self.connect(&name, ip, deadline).await {
            Ok(connection) => {
                let shown = connection.handshake.clone();
                let page = self.page("https", &name, ip, Some(connection), deadline).await;
                let (html, cut) = page.unzip();
                TLSResult {
                    status_code: Status::OK,
                    error: None,
                    last_attempt: Timestamp(self.clock.now()),
                    tls_data: shown.map(|shown| tls_data(ip, &shown)),
                    html,
                    html_cut: cut.unwrap_or(false),
                }
            }
            Err((status, error)) => {
                let fallback = self.http.fallback && status != Status::UNSUPPORTED_ADDRESS;
                let page = if fallback { self.page("http", &name, ip, None, deadline).await } else { None };
                let (html, cut) = page.unzip();
                TLSResult { html, html_cut: cut.unwrap_or(false), ..failed((status, error)) }
            }
        }
    }
}

fn tls_data(ip: IpAddr, shown: &Arc<Handshake>) -> TLSData {
    let mut certificates: Vec<Certificate> = shown
        .certificates
        .iter()
        .map(|der| Certificate {
            // What cannot be decoded has no name, but is kept.
            dn: subject(der).unwrap_or_default(),
            der_data: Der(der.to_vec()),
        })
        .collect();
    // Some servers send a certificate twice; the reference keeps one of them.
    certificates.dedup();
    TLSData {
        from_ip: ip.to_string(),
        protocol: shown.protocol.to_owned(),
        cipher: shown.cipher.clone(),
        certificates,
    }
}
