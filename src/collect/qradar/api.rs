//! The two requests of QRadar's API that make an answer: source addresses by address, then their offenses by number.
//!
//! An answer counts only when both have come: without its offenses an address would look harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::QradarConfig;
use crate::collect::batch::{AskMany, BatchError, credential};
use crate::collect::net::HttpClient;
use crate::model::Status;

/// What QRadar knows of an address, in the shape of the reference's records (spec/domainradar.md section 1.4).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QradarData {
    source_address_id: i64,
    qradar_domain_id: i64,
    magnitude: f64,
    offenses: Vec<Offense>,
}

/// An offense with the address as a source. Read in QRadar's spelling, written in that of the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Offense {
    id: i64,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    event_count: i64,
    #[serde(default)]
    flow_count: i64,
    #[serde(default)]
    device_count: i64,
    #[serde(default)]
    severity: f64,
    #[serde(default)]
    magnitude: f64,
    /// Milliseconds since the UNIX epoch.
    #[serde(default)]
    last_updated_time: i64,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    source_address_ids: BTreeSet<i64>,
}

/// A source address as QRadar gives it.
#[derive(Deserialize)]
struct SourceAddress {
    id: i64,
    source_ip: String,
    #[serde(default)]
    domain_id: i64,
    #[serde(default)]
    magnitude: f64,
    #[serde(default)]
    offense_ids: Vec<i64>,
}

/// The API of a QRadar.
pub struct Api {
    base: Url,
    config: QradarConfig,
    http: HttpClient,
}

impl Api {
    /// The API below `base`.
    pub fn new(base: Url, config: QradarConfig, http: HttpClient) -> Self {
        Self { base, config, http }
    }

    /// When an answer that is asked for now must be there: the batch and both requests, with the turns of each.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.config.linger.0 + (self.config.timeout.0 + self.http.wait()) * 2
    }

    async fn known(&self, addresses: &[IpAddr]) -> Result<BTreeMap<IpAddr, QradarData>, BatchError> {
        let filter = addresses.iter().map(|address| format!("source_ip = \"{address}\""));
        let filter = filter.collect::<Vec<_>>().join(" or ");
        let sources: Vec<SourceAddress> = self.get("siem/source_addresses", &filter).await?;
        let ids: BTreeSet<i64> =
            sources.iter().flat_map(|source| source.offense_ids.iter().copied()).collect();
        let mut offenses: BTreeMap<i64, Offense> = BTreeMap::new();
        if !ids.is_empty() {
            let filter = ids.iter().map(|id| format!("id = {id}")).collect::<Vec<_>>().join(" or ");
            let found: Vec<Offense> = self.get("siem/offenses", &filter).await?;
            offenses.extend(found.into_iter().map(|offense| (offense.id, offense)));
        }
        let data = |source: &SourceAddress| QradarData {
            source_address_id: source.id,
            qradar_domain_id: source.domain_id,
            magnitude: source.magnitude,
            offenses: source.offense_ids.iter().filter_map(|id| offenses.get(id).cloned()).collect(),
        };
        Ok(sources.iter().filter_map(|source| Some((source.source_ip.parse().ok()?, data(source)))).collect())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, filter: &str) -> Result<T, BatchError> {
        let failed = |status, message: &str| BatchError::new(status, message);
        let mut url =
            self.base.join(path).map_err(|error| failed(Status::CANNOT_FETCH, &error.to_string()))?;
        url.query_pairs_mut().append_pair("filter", filter);
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("sec"), credential(&self.config.token)?),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let time = self.http.allowed(self.config.timeout.0);
        let reply = self.http.ask_here(&url, headers, None, self.config.max_body.bytes(), time).await;
        let reply = reply.map_err(|error| failed(error.status(), &error.to_string()))?;
        match reply.status {
            StatusCode::OK => serde_json::from_slice(&reply.body).map_err(|error| {
                failed(Status::INVALID_RESPONSE, &format!("QRadar answered nonsense: {error}"))
            }),
            status => Err(BatchError::refusal("QRadar", status)),
        }
    }
}

impl AskMany for Api {
    type Answer = Option<QradarData>;

    async fn ask(&self, addresses: &[IpAddr]) -> Vec<Result<Option<QradarData>, BatchError>> {
        match self.known(addresses).await {
            Ok(mut known) => addresses.iter().map(|address| Ok(known.remove(address))).collect(),
            Err(error) => vec![Err(error); addresses.len()],
        }
    }
}
