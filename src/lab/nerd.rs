//! NERD of the lab: the bulk endpoint, which answers four bytes an address with one little-endian double an address.
//!
//! Decides by the networks of the addresses. A peculiar answer (403, 429, silence) is given to a batch of one only; a batch
//! that mixes such an address with others gets a wrong length, so that a client that then splits it learns each answer.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use tokio::time::sleep;

use super::http::{self, Response};
use super::universe::{NerdAnswer, Universe};

/// Path of the endpoint.
pub const PATH: &str = "/nerd/api/v1/ip/bulk/";
/// The token that is accepted.
pub const TOKEN: &str = "lab-token";
/// How long a service says nothing before it gives up itself.
const SILENCE: Duration = Duration::from_secs(60);

/// The answer to a request.
pub async fn answer(universe: &Universe, request: Request<Incoming>) -> Response {
    let allowed = request.headers().get(AUTHORIZATION).is_some_and(|token| token == TOKEN);
    match (request.uri().path(), request.method()) {
        (PATH, &Method::POST) if allowed => {}
        (PATH, &Method::POST) => return refusal(StatusCode::FORBIDDEN),
        (PATH, _) => return refusal(StatusCode::METHOD_NOT_ALLOWED),
        _ => return refusal(StatusCode::NOT_FOUND),
    }
    let body = http::body(request).await;
    let (addresses, rest) = body.as_chunks::<4>();
    if !rest.is_empty() || addresses.is_empty() {
        return refusal(StatusCode::BAD_REQUEST);
    }
    let of = |address: &[u8; 4]| universe.network(IpAddr::V4(Ipv4Addr::from(*address)));
    let peculiar = addresses.iter().filter_map(of).map(|network| network.nerd);
    let peculiar =
        peculiar.filter(|answer| *answer != NerdAnswer::Reputation).max_by_key(|answer| *answer as u8);
    match peculiar {
        None => {
            let scores =
                addresses.iter().map(|address| of(address).map_or(0.0, |network| network.reputation));
            http::answer(
                StatusCode::OK,
                "application/octet-stream",
                scores.flat_map(f64::to_le_bytes).collect::<Vec<u8>>(),
            )
        }
        Some(NerdAnswer::Forbidden) if addresses.len() == 1 => refusal(StatusCode::FORBIDDEN),
        Some(NerdAnswer::Limited) if addresses.len() == 1 => {
            let mut response = refusal(StatusCode::TOO_MANY_REQUESTS);
            // Else nobody would ask for other addresses for a while.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("0"));
            response
        }
        Some(NerdAnswer::Silent) if addresses.len() == 1 => {
            sleep(SILENCE).await;
            refusal(StatusCode::GATEWAY_TIMEOUT)
        }
        Some(_) => http::answer(StatusCode::OK, "application/octet-stream", vec![0; 8 * addresses.len() - 1]),
    }
}

fn refusal(status: StatusCode) -> Response {
    http::answer(status, "application/json", format!("{{\"error\":{}}}", status.as_u16()))
}
