//! Pings of the lab. The kernel answers for all of 127/8 within microseconds, which would make every host alike and alive;
//! so this `Ping` answers by the data of the networks instead: the same in every run, on every machine, without sockets.
//!
//! Decides the time of every reply from the address and its number. The time that a real series takes is waited.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::sleep;

use super::universe::{PingAnswer, PingRule, Universe, seed};
use crate::collect::net::{Echo, EchoSeries, Ping, PingError};

/// Answers for the addresses of the lab; others are lost.
pub struct LabPing(pub Arc<Universe>);

impl Ping for LabPing {
    fn ping(&self, address: IpAddr, series: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>> {
        let rule = self.0.network(address).map(|network| network.ping);
        let rule = rule.unwrap_or(PingRule { answer: PingAnswer::Lost, ..PingRule::default() });
        async move {
            if rule.answer == PingAnswer::NotSent {
                return Err(PingError::Permission);
            }
            let echoes: Vec<Echo> =
                (0..series.count).map(|n| echo(rule, address, n, series.timeout)).collect();
            let known_after = (0..).zip(&echoes).map(|(n, echo)| {
                series.interval * n
                    + match echo {
                        Echo::Reply(time) => *time,
                        Echo::Lost => series.timeout,
                        Echo::Unreachable | Echo::TimeExceeded => rule.time.0.min(series.timeout),
                    }
            });
            sleep(known_after.max().unwrap_or_default()).await;
            Ok(echoes)
        }
        .boxed()
    }
}

fn echo(rule: PingRule, address: IpAddr, number: u32, timeout: Duration) -> Echo {
    match rule.answer {
        PingAnswer::Lost | PingAnswer::NotSent => Echo::Lost,
        PingAnswer::Unreachable => Echo::Unreachable,
        PingAnswer::TimeExceeded => Echo::TimeExceeded,
        PingAnswer::Reply if rule.lost_every > 0 && number % rule.lost_every == rule.lost_every - 1 => {
            Echo::Lost
        }
        PingAnswer::Reply => {
            let jitter = rule.jitter.0.as_micros() as u64;
            let extra = Duration::from_micros(seed(&format!("{address}#{number}")) % (jitter + 1));
            let time = rule.time.0 + extra;
            if time <= timeout { Echo::Reply(time) } else { Echo::Lost }
        }
    }
}
