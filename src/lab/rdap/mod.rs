//! The RDAP services of the lab: registries, registrars and the number registries, HTTPS on one address.
//!
//! Decides the status of an answer by the data of the domain or network asked for. Objects are in `object.rs`, the
//! bootstrap files that lead here in `bootstrap.rs`. RFC 9082 (queries), RFC 7480 (HTTP).

pub mod bootstrap;
mod object;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::LabError;
use super::certificates::Authority;
use super::http::{self, Response};
use super::nerd;
use super::universe::{NERD, NERD_HOST, RDAP, RdapAnswer, Universe};

const JSON: &str = "application/rdap+json";
/// How long a service says nothing before it gives up itself.
const SILENCE: Duration = Duration::from_secs(60);

/// Where an RDAP service is reached: the start of its URLs.
struct Service<'a> {
    universe: &'a Universe,
    /// Host without the port.
    host: &'a str,
    /// `https://<host>:<port><path>`, with a slash at the end.
    base: String,
    port: u16,
}

/// Starts the RDAP services and NERD on one port; returns the port.
pub fn start(
    universe: &Arc<Universe>,
    authority: &Authority,
    port: u16,
    tasks: &mut JoinSet<()>,
) -> Result<u16, LabError> {
    let mut hosts: Vec<String> = universe.rdap_hosts().chain([NERD_HOST.to_owned()]).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let config = authority.service_tls(&hosts)?;
    let universe = universe.clone();
    http::start_service(&[RDAP.into(), NERD.into()], port, config, tasks, move |address, port, request| {
        let universe = universe.clone();
        async move {
            if address == IpAddr::from(NERD) {
                return nerd::answer(&universe, request).await;
            }
            let (answer, object) = look_up(&universe, http::host(&request), request.uri().path(), port);
            respond(answer, object).await
        }
    })
}

/// What a service answers for a path, and the object if it is found.
fn look_up(universe: &Universe, host: &str, path: &str, port: u16) -> (RdapAnswer, Value) {
    let missing = (RdapAnswer::Missing, Value::Null);
    let mut segments = path.rsplitn(3, '/');
    let (Some(key), Some(class), Some(prefix)) = (segments.next(), segments.next(), segments.next()) else {
        return missing;
    };
    let service = Service { universe, host, base: format!("https://{host}:{port}{prefix}/"), port };
    let key = key.to_ascii_lowercase();
    let found = match class {
        "domain" => service.domain(&key),
        "ip" => key.parse().ok().and_then(|address| service.network(address)),
        "entity" => service.entity(&key),
        _ => None,
    };
    found.unwrap_or(missing)
}

async fn respond(answer: RdapAnswer, object: Value) -> Response {
    let error = |status: StatusCode, title: &str| {
        let body = json!({"rdapConformance": ["rdap_level_0"], "errorCode": status.as_u16(), "title": title});
        http::answer(status, JSON, body.to_string())
    };
    match answer {
        RdapAnswer::Found => http::answer(StatusCode::OK, JSON, object.to_string()),
        RdapAnswer::Missing => error(StatusCode::NOT_FOUND, "Object not found"),
        RdapAnswer::Limited => {
            let mut response = error(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("120"));
            response
        }
        RdapAnswer::Broken => error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        RdapAnswer::Page => {
            let page = Bytes::from_static(
                b"<!DOCTYPE html><html><title>Maintenance</title><h1>Back soon</h1></html>",
            );
            http::answer(StatusCode::OK, "text/html", page)
        }
        RdapAnswer::Silent => {
            sleep(SILENCE).await;
            error(StatusCode::GATEWAY_TIMEOUT, "Timed out")
        }
    }
}
