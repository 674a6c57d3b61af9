//! rtt: how long a packet takes to an address and back, from a series of ICMP echoes.
//!
//! Decides the status and the statistics of a series; sending it is behind [`Ping`], see `net/ping/`. An address that
//! never answers is a failure here (11, 40 or 41), not a success with zeroes as in the reference.

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::SharedClock;
use crate::collect::Collector;
use crate::collect::net::{AddressPolicy, Echo, EchoSeries, Ping, PingError};
use crate::collect::once::{About, CacheConfig, Shareable};
use crate::model::{CommonIPResult, IPData, IPRequest, Outcome, RTTData, Status, Subject, Verdict};
use crate::units::Span;

/// Section `rtt` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RttConfig {
    /// Echo requests to send to an address, at least 1.
    pub count: NonZeroU16,
    /// Time between two requests to an address.
    pub interval: Span,
    /// How long to wait for the reply to a request.
    pub timeout: Span,
    /// Echo requests that a process sends in a second, to all addresses together, at least 1.
    pub per_second: NonZeroU32,
}

impl Default for RttConfig {
    fn default() -> Self {
        const COUNT: NonZeroU16 = NonZeroU16::new(5).expect("5 is not 0");
        const PER_SECOND: NonZeroU32 = NonZeroU32::new(10_000).expect("10,000 is not 0");
        Self { count: COUNT, interval: Span::secs(1), timeout: Span::secs(1), per_second: PER_SECOND }
    }
}

/// Requests of many series wait for their turns (`per_second`), which is no fault of the address.
const TURNS: Duration = Duration::from_secs(60);

/// The rtt collector.
pub struct RttCollector {
    series: EchoSeries,
    ping: Arc<dyn Ping>,
    policy: AddressPolicy,
    clock: SharedClock,
}

type Failure = (Status, String);

impl RttCollector {
    /// A collector that sends through `ping` to the addresses that `policy` allows.
    pub fn new(config: &RttConfig, ping: Arc<dyn Ping>, policy: AddressPolicy, clock: SharedClock) -> Self {
        let series = EchoSeries {
            count: config.count.get().into(),
            interval: config.interval.0,
            timeout: config.timeout.0,
        };
        Self { series, ping, policy, clock }
    }

    async fn measure(&self, address: Option<&str>) -> Result<RTTData, Failure> {
        let text = address.unwrap_or_default();
        let address: IpAddr =
            text.parse().map_err(|_| (Status::INVALID_ADDRESS, format!("`{text}` is not an IP address")))?;
        self.policy.check(address).map_err(|refusal| (Status::UNSUPPORTED_ADDRESS, refusal.to_string()))?;
        let series = self.ping.ping(address, self.series);
        match tokio::time::timeout(self.longest(), series).await {
            Ok(Ok(echoes)) => statistics(&echoes),
            Ok(Err(error)) => Err((status_of(&error), error.to_string())),
            Err(_) => Err((Status::TIMEOUT, "the series of echoes did not end in time".to_owned())),
        }
    }

    /// The series itself and what its requests may wait for their turns; a guard against a `Ping` that never returns.
    fn longest(&self) -> Duration {
        self.series.interval * (self.series.count - 1) + self.series.timeout + TURNS
    }
}

fn status_of(error: &PingError) -> Status {
    match error {
        PingError::Unsupported(_) => Status::UNSUPPORTED_ADDRESS,
        PingError::Permission | PingError::Io(_) => Status::INTERNAL_ERROR,
    }
}

/// Sums up a series. Jitter is the mean difference of the times of successive replies, 0 for a single one.
fn statistics(echoes: &[Echo]) -> Result<RTTData, Failure> {
    let times: Vec<f64> = echoes
        .iter()
        .filter_map(|echo| match echo {
            Echo::Reply(time) => Some(time.as_secs_f64() * 1e3),
            _ => None,
        })
        .collect();
    if times.is_empty() {
        return Err(silence(echoes));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let steps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    Ok(RTTData {
        min: times.iter().copied().fold(f64::INFINITY, f64::min),
        avg: mean(&times),
        max: times.iter().copied().fold(0.0, f64::max),
        // A series has at most `u16::MAX` requests.
        sent: echoes.len() as i32,
        received: times.len() as i32,
        jitter: mean(&steps),
    })
}

/// Why no reply came: the first ICMP error says it, silence is a timeout.
fn silence(echoes: &[Echo]) -> Failure {
    let reason = echoes.iter().find_map(|echo| match echo {
        Echo::Unreachable => Some((Status::ICMP_DEST_UNREACHABLE, "destination unreachable")),
        Echo::TimeExceeded => Some((Status::ICMP_TIME_EXCEEDED, "time to live exceeded in transit")),
        Echo::Reply(_) | Echo::Lost => None,
    });
    let (status, text) = reason.unwrap_or((Status::TIMEOUT, "no reply"));
    (status, format!("{text} ({} requests)", echoes.len()))
}

impl Collector for RttCollector {
    const NAME: &'static str = "rtt";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let measured = self.measure(subject.address.as_deref()).await;
        let now = self.clock.now();
        match measured {
            Ok(data) => CommonIPResult::with_data(IPData::Rtt(data), now, Self::NAME),
            Err((status, error)) => {
                CommonIPResult::without_data(Verdict::failed(status, error, now), subject, Self::NAME)
            }
        }
    }
}

impl Shareable for RttCollector {
    const LIFETIME: fn(&CacheConfig) -> Span = |config| config.rtt;

    fn about(&self, subject: &Subject, _: Option<&IPRequest>) -> Option<About> {
        About::address(subject)
    }
}

#[cfg(test)]
mod tests;
