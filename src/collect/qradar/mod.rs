//! The QRadar collector: what an IBM QRadar of one's own knows of an address, and the offenses that it is a source of.
//!
//! In the reference, not in the seed: its node is in a dataflow of its own (`dataflows/qradar.yaml`). Decides the status of
//! a record; the requests are in `api.rs`, the gathering of addresses in `batch.rs`.

mod api;
mod config;

use std::net::IpAddr;

use url::Url;

use self::api::Api;
use super::Collector;
use super::batch::{Batches, Full};
use super::net::HttpClient;
use super::once::{About, CacheConfig, Shareable};
use crate::clock::SharedClock;
use crate::error::{Code, Coded, Exit};
use crate::model::{CommonIPResult, FreeJson, IPData, IPRequest, Outcome, Status, Subject, Verdict};
use crate::units::Span;

pub use config::QradarConfig;

/// `qradar.url` is no address of an API.
#[derive(Debug, thiserror::Error)]
#[error("qradar.url: `{0}` is not a URL of http or https")]
pub struct QradarError(String);

pub(crate) static QRADAR_URL: Code = Code {
    name: "qradar-url",
    exit: Exit::Config,
    about: "The address of QRadar's API cannot be read.",
    hint: "write it as https://qradar.example/api/, or leave it out: then the qradar collector answers DISABLED",
};

impl Coded for QradarError {
    fn code(&self) -> &'static Code {
        &QRADAR_URL
    }
}

/// Collects what QRadar knows.
pub struct QradarCollector {
    /// `None` if there is no address or no token: then nothing is asked.
    batches: Option<Batches<Api>>,
    clock: SharedClock,
}

impl QradarCollector {
    /// A collector that asks over `http`; it does not do anything without an address and a token.
    pub fn new(config: QradarConfig, http: HttpClient, clock: SharedClock) -> Result<Self, QradarError> {
        let address = config.url.trim();
        if address.is_empty() || config.token.is_empty() {
            return Ok(Self { batches: None, clock });
        }
        // Without the slash the last part of the path would be taken for a document.
        let base = Url::parse(&format!("{}/", address.trim_end_matches('/'))).ok();
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https") && base.has_host());
        let base = base.ok_or_else(|| QradarError(address.to_owned()))?;
        let full = Full { size: config.batch, linger: config.linger.0 };
        Ok(Self { batches: Some(Batches::new(Api::new(base, config, http), full)), clock })
    }
}

impl Collector for QradarCollector {
    const NAME: &'static str = "qradar";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let failed = |status: Status, error: Option<String>| {
            let verdict = Verdict { status, error, last_attempt: self.clock.now() };
            CommonIPResult::without_data(verdict, subject, Self::NAME)
        };
        let Some(batches) = &self.batches else { return failed(Status::DISABLED, None) };
        let Some(Ok(address)) = subject.address.as_deref().map(str::parse::<IpAddr>) else {
            return failed(Status::INVALID_ADDRESS, Some("not an IP address".to_owned()));
        };
        let data = match batches.answer(address, batches.service().deadline()).await {
            Ok(Some(data)) => FreeJson::of(&data).map_err(|error| error.to_string()),
            Ok(None) => {
                return failed(Status::NOT_FOUND, Some("QRadar does not know the address".to_owned()));
            }
            Err(error) => return failed(error.status(), Some(error.to_string())),
        };
        match data {
            Ok(data) => CommonIPResult::with_data(IPData::Json(data), self.clock.now(), Self::NAME),
            // A number that JSON cannot express.
            Err(error) => failed(Status::INVALID_RESPONSE, Some(error)),
        }
    }
}

impl Shareable for QradarCollector {
    const LIFETIME: fn(&CacheConfig) -> Span = |config| config.qradar;

    fn about(&self, subject: &Subject, _: Option<&IPRequest>) -> Option<About> {
        self.batches.as_ref().and_then(|_| About::address(subject))
    }
}

#[cfg(test)]
mod tests;
