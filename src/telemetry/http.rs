//! The admin port: `/healthz`, `/readyz`, `/status`, `/metrics`, `/domains/{name}`. On the loopback unless configured otherwise;
//! it shows and changes nothing.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Health, Meters};
use crate::error::{Code, Coded, Exit};

/// Section `admin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address and port to listen on; empty: no admin port.
    pub listen: String,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9464".to_owned() }
    }
}

/// The admin port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the admin port {listen} cannot be opened")]
pub struct AdminError {
    listen: String,
    source: std::io::Error,
}

static ADMIN: Code = Code {
    name: "admin-port",
    exit: Exit::Config,
    about: "The admin port cannot be opened.",
    hint: "give another with --set admin.listen=127.0.0.1:PORT, or none with --set admin.listen=",
};

/// All codes of this component.
pub static TELEMETRY_CODES: &[&Code] = &[&ADMIN];

impl Coded for AdminError {
    fn code(&self) -> &'static Code {
        &ADMIN
    }
}

/// What `/domains/{name}` answers: the status, and a JSON value. Who knows it is said by whoever runs the flow.
pub type Domains = Arc<dyn Fn(String) -> BoxFuture<'static, (u16, Value)> + Send + Sync>;

/// What the pages are made of.
#[derive(Clone)]
struct Shown {
    meters: Arc<Meters>,
    /// Set once the flow runs.
    domains: Arc<OnceLock<Domains>>,
}

/// The open admin port; it closes when it is dropped.
pub struct Admin {
    address: SocketAddr,
    domains: Arc<OnceLock<Domains>>,
    server: JoinHandle<()>,
}

impl Admin {
    /// Opens the port; `None` if none is configured.
    pub async fn open(config: &AdminConfig, meters: Arc<Meters>) -> Result<Option<Self>, AdminError> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let error = |source| AdminError { listen: config.listen.clone(), source };
        let listener = TcpListener::bind(&config.listen).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        let domains = Arc::new(OnceLock::new());
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/domains/{name}", get(domain))
            .with_state(Shown { meters, domains: domains.clone() });
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the admin port closed");
            }
        });
        Ok(Some(Self { address, domains, server }))
    }

    /// The flow runs: names can be asked for.
    pub fn knows(&self, domains: Domains) {
        // A process starts its flow once.
        let _ = self.domains.set(domains);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The process lives.
async fn healthz(State(Shown { meters, .. }): State<Shown>) -> Response {
    let code = match meters.health() {
        Health::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    (code, meters.report().health).into_response()
}

/// The process reads and writes.
async fn readyz(State(Shown { meters, .. }): State<Shown>) -> Response {
    let code = match meters.health() {
        Health::Running => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, meters.report().health).into_response()
}

async fn status(State(Shown { meters, .. }): State<Shown>) -> Response {
    Json(meters.report()).into_response()
}

/// What is known of a name.
async fn domain(State(Shown { domains, .. }): State<Shown>, Path(name): Path<String>) -> Response {
    let Some(domains) = domains.get() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let (code, value) = domains(name).await;
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, Json(value)).into_response()
}

async fn metrics(State(Shown { meters, .. }): State<Shown>) -> Response {
    match meters.metrics() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
