//! The NERD collector: the reputation of an address in CESNET's NERD.
//!
//! Addresses are asked for in batches (`batch.rs`, `bulk.rs`), since that is how NERD answers; each call still gives one record.

mod bulk;
mod config;

use std::net::IpAddr;

use super::Collector;
use super::batch::{Batches, Full};
use super::net::HttpClient;
use super::once::{About, CacheConfig, Shareable};
use crate::clock::SharedClock;
use crate::model::{CommonIPResult, IPData, IPRequest, NERDData, Outcome, Status, Subject, Verdict};
use bulk::Bulk;

use crate::units::Span;
pub use config::NerdConfig;

/// Collects reputations.
pub struct NerdCollector {
    /// `None` if there is no token: then nothing is asked.
    batches: Option<Batches<Bulk>>,
    clock: SharedClock,
}

impl NerdCollector {
    /// A collector that asks over `http`; it does not do anything without a token.
    pub fn new(config: NerdConfig, http: HttpClient, clock: SharedClock) -> Self {
        let full = Full { size: config.batch, linger: config.linger.0 };
        let batches = (!config.token.is_empty()).then(|| Batches::new(Bulk::new(config, http), full));
        Self { batches, clock }
    }
}

impl Collector for NerdCollector {
    const NAME: &'static str = "nerd";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let failed = |status: Status, error: Option<String>| {
            let verdict = Verdict { status, error, last_attempt: self.clock.now() };
            CommonIPResult::without_data(verdict, subject, Self::NAME)
        };
        let Some(batches) = &self.batches else { return failed(Status::DISABLED, None) };
        let address = match subject.address.as_deref().map(str::parse) {
            Some(Ok(address @ IpAddr::V4(_))) => address,
            Some(Ok(IpAddr::V6(_))) => {
                return failed(Status::UNSUPPORTED_ADDRESS, Some("NERD knows only IPv4".to_owned()));
            }
            Some(Err(_)) | None => {
                return failed(Status::INVALID_ADDRESS, Some("not an IP address".to_owned()));
            }
        };
        match batches.answer(address, batches.service().deadline()).await {
            Ok(reputation) => {
                CommonIPResult::with_data(IPData::Nerd(NERDData { reputation }), self.clock.now(), Self::NAME)
            }
            Err(error) => failed(error.status(), Some(error.to_string())),
        }
    }
}

impl Shareable for NerdCollector {
    const LIFETIME: fn(&CacheConfig) -> Span = |config| config.nerd;

    fn about(&self, subject: &Subject, _: Option<&IPRequest>) -> Option<About> {
        self.batches.as_ref().and_then(|_| About::address(subject))
    }
}

#[cfg(test)]
mod tests;
