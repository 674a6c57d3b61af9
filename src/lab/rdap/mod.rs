//! The RDAP services of the lab: registries, registrars and the number registries, told apart by their hosts.
//!
//! Decides the status of an answer by the data of the domain or network asked for. Objects are in `object.rs`, the
//! bootstrap files that lead here in `bootstrap.rs`. RFC 9082 (queries), RFC 7480 (HTTP).

pub mod bootstrap;
mod object;

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::http::{self, Response};
use super::universe::{RdapAnswer, Universe};

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

/// The answer to a request; `port` is that of the services.
pub async fn answer(universe: &Universe, port: u16, request: &Request<Incoming>) -> Response {
    let found = look_up(universe, http::host(request), request.uri().path(), port);
    let (answer, object) = found.unwrap_or((RdapAnswer::Missing, Value::Null));
    respond(answer, object).await
}

/// What a service answers for a path such as `/cz/domain/a.cz`, and the object.
fn look_up(universe: &Universe, host: &str, path: &str, port: u16) -> Option<(RdapAnswer, Value)> {
    let classes = ["/domain/", "/ip/", "/entity/"];
    let (class, (prefix, key)) = classes.iter().find_map(|class| Some((*class, path.split_once(class)?)))?;
    let service = Service { universe, host, base: format!("https://{host}:{port}{prefix}/"), port };
    let key = key.to_ascii_lowercase();
    match class {
        "/domain/" => service.domain(&key),
        // An address, or a network in CIDR form (RFC 9082 section 3.1.1).
        "/ip/" => service.network(key.split('/').next()?.parse().ok()?),
        _ => service.entity(&key),
    }
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
            // Else nobody would ask for the other names of the registry for a while.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("0"));
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
