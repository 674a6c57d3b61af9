//! The NERD collector: the reputation of an address in CESNET's NERD.
//!
//! Addresses are asked for in batches (`batch.rs`), since that is how NERD answers; each call still gives one record.

mod batch;
mod config;

use std::net::{IpAddr, Ipv4Addr};

use super::Collector;
use super::net::HttpClient;
use crate::clock::SharedClock;
use crate::model::{
    CommonIPResult, IPData, IPRequest, NERDData, Outcome, Status, Subject, Timestamp, Verdict,
};
use batch::Batches;

pub use config::NerdConfig;

/// Collects reputations.
pub struct NerdCollector {
    /// `None` if there is no token: then nothing is asked.
    batches: Option<Batches>,
    clock: SharedClock,
}

impl NerdCollector {
    /// A collector that asks over `http`; it does not do anything without a token.
    pub fn new(config: NerdConfig, http: HttpClient, clock: SharedClock) -> Self {
        let batches = (!config.token.is_empty()).then(|| Batches::new(config, http));
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
        let address: Ipv4Addr = match subject.address.as_deref().map(str::parse) {
            Some(Ok(IpAddr::V4(address))) => address,
            Some(Ok(IpAddr::V6(_))) => {
                return failed(Status::UNSUPPORTED_ADDRESS, Some("NERD knows only IPv4".to_owned()));
            }
            Some(Err(_)) | None => {
                return failed(Status::INVALID_ADDRESS, Some("not an IP address".to_owned()));
            }
        };
        match batches.reputation(address).await {
            Ok(reputation) => CommonIPResult {
                status_code: Status::OK,
                error: None,
                last_attempt: Timestamp(self.clock.now()),
                collector: Self::NAME.to_owned(),
                data: IPData::Nerd(NERDData { reputation }),
            },
            Err(error) => failed(error.status(), Some(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
