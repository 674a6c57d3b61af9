//! NERD's bulk endpoint: addresses of four bytes out, one little-endian double for each back.
//!
//! A request that fails because its answer does not fit is tried once more in two halves, so that one odd address spoils
//! only its own half.

use std::net::IpAddr;

use bytes::Bytes;
use futures_util::future::join;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::NerdConfig;
use crate::collect::batch::{AskMany, BatchError, credential};
use crate::collect::net::HttpClient;
use crate::model::Status;

/// Bytes of one reputation.
const DOUBLE: usize = size_of::<f64>();

/// The endpoint. It knows only IPv4: other addresses are left out of the request, and so give a wrong length.
pub struct Bulk {
    config: NerdConfig,
    http: HttpClient,
}

impl Bulk {
    /// The endpoint of `config`.
    pub fn new(config: NerdConfig, http: HttpClient) -> Self {
        Self { config, http }
    }

    /// When an answer that is asked for now must be there: its turn, its batch, and a second try of it.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.config.linger.0 + self.config.timeout.0 * 3 + self.http.wait()
    }

    async fn reputations(&self, addresses: &[IpAddr]) -> Result<Vec<f64>, BatchError> {
        let token = credential(&self.config.token)?;
        let kind = HeaderValue::from_static("application/octet-stream");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token), (CONTENT_TYPE, kind)]);
        let octets = |address: &IpAddr| match address {
            IpAddr::V4(address) => Some(address.octets()),
            IpAddr::V6(_) => None,
        };
        let body: Bytes = addresses.iter().filter_map(octets).flatten().collect();

        // One byte more than is right, so that a longer answer shows.
        let bound = addresses.len() * DOUBLE + 1;
        let reply = self
            .http
            .ask_here(&self.config.url, headers, Some(body), bound, self.http.allowed(self.config.timeout.0))
            .await;
        let reply = reply.map_err(|error| BatchError::new(error.status(), error.to_string()))?;
        match reply.status {
            StatusCode::OK => decode(&reply.body, addresses.len()),
            status => Err(BatchError::refusal("NERD", status)),
        }
    }
}

impl AskMany for Bulk {
    type Answer = f64;

    async fn ask(&self, addresses: &[IpAddr]) -> Vec<Result<f64, BatchError>> {
        match self.reputations(addresses).await {
            Err(error) if error.status() == Status::INVALID_RESPONSE && addresses.len() > 1 => {
                let (left, right) = addresses.split_at(addresses.len() / 2);
                let (first, second) = join(self.reputations(left), self.reputations(right)).await;
                [each(first, left.len()), each(second, right.len())].concat()
            }
            answer => each(answer, addresses.len()),
        }
    }
}

fn each(answer: Result<Vec<f64>, BatchError>, count: usize) -> Vec<Result<f64, BatchError>> {
    match answer {
        Ok(reputations) => reputations.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); count],
    }
}

/// Reads `count` little-endian doubles.
fn decode(body: &[u8], count: usize) -> Result<Vec<f64>, BatchError> {
    let (doubles, rest) = body.as_chunks::<DOUBLE>();
    let reputations: Vec<f64> = doubles.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || reputations.len() != count || !reputations.iter().all(|value| value.is_finite()) {
        let message = format!("NERD answered {} bytes that are not {count} numbers", body.len());
        return Err(BatchError::new(Status::INVALID_RESPONSE, message));
    }
    Ok(reputations)
}
