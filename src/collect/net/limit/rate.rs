//! So many requests in any stretch of so long: a log of when the last ones were sent.
//!
//! Not a bucket that refills: a server that counts the requests of its last second would find a full bucket's burst and
//! what is refilled behind it in the same second. Time is the caller's, so that it can be simulated.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::time::Instant;

use crate::units::Span;

/// The most requests that a rate may name: so many times are remembered for each server.
const MOST: u32 = 10_000;

/// How much longer the stretch counts here, of a hundred: requests do not take the same time to the server.
const MARGIN: u32 = 3;

/// A number of requests in any stretch of a length, written as `10/s`, `10/5s`, `600/m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    per: Span,
}

impl Rate {
    /// `requests` (1 to 10,000) in any stretch of `per`.
    pub fn new(requests: u32, per: Span) -> Self {
        Self { requests: requests.clamp(1, MOST), per }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = self.per.to_string();
        write!(f, "{}/{}", self.requests, per.strip_prefix('1').filter(|unit| unit.len() < 3).unwrap_or(&per))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rate = || {
            let (requests, per) = text.split_once('/')?;
            let requests = requests.trim().parse().ok().filter(|requests| (1..=MOST).contains(requests))?;
            let per: Span = per.parse().or_else(|_| format!("1{per}").parse()).ok()?;
            (!per.0.is_zero()).then_some(Self { requests, per })
        };
        rate().ok_or_else(|| {
            format!("`{text}` is not a rate such as 2/s, 10/5s or 600/m (1 to {MOST} requests)")
        })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// When the last requests to a server were sent, as far as a rate asks for it.
#[derive(Debug)]
pub struct Log {
    rate: Rate,
    sent: VecDeque<Instant>,
}

impl Log {
    /// Nothing was sent yet.
    pub fn new(rate: Rate) -> Self {
        Self { rate, sent: VecDeque::new() }
    }

    /// When the request may be sent that has `ahead` others before it; a process has `share` (0 to 1) of the rate.
    pub fn turn(&self, ahead: usize, share: f64, now: Instant) -> Instant {
        let (requests, stretch) = self.shared(share);
        // Those that count: the last `requests`, and the earlier ones of the queue.
        let known = self.sent.len().min(requests);
        let Some(behind) = (known + ahead).checked_sub(requests) else { return now };
        let rounds = u32::try_from(behind / requests + 1).unwrap_or(u32::MAX);
        let nth = behind % requests;
        // What is ahead and can be sent at once is sent now.
        let first = match self.sent.get(self.sent.len() - known + nth) {
            Some(sent) if nth < known => (*sent + stretch).max(now),
            _ => now + stretch,
        };
        first + stretch * (rounds - 1)
    }

    /// Notes that a request is sent.
    pub fn send(&mut self, now: Instant) {
        if self.sent.len() >= self.rate.requests as usize {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }

    /// Whether nothing that was sent counts any more.
    pub fn idle(&self, share: f64, now: Instant) -> bool {
        let (_, stretch) = self.shared(share);
        self.sent.back().is_none_or(|sent| *sent + stretch <= now)
    }

    /// The share of the rate: fewer requests, or where there would be less than one, one in a longer stretch.
    fn shared(&self, share: f64) -> (usize, Duration) {
        let stretch = self.rate.per.0 * (100 + MARGIN) / 100;
        let requests = f64::from(self.rate.requests) * share;
        if requests >= 1.0 {
            return (requests as usize, stretch);
        }
        (1, stretch.mul_f64(1.0 / requests.max(1e-3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_what_they_write() {
        for text in ["2/s", "10/5s", "600/m", "1/100ms", "15/1h 30m"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in ["", "2", "/s", "0/s", "10001/s", "2/0s", "2/x", "-1/s", "2/5"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    /// Whatever the share and the times at which somebody asks, no stretch has more requests than the rate says, and who
    /// asks is told beforehand when the turn will be.
    #[test]
    fn no_stretch_has_more_than_the_rate() {
        for (text, share) in [("2/s", 1.0), ("10/5s", 1.0), ("3/s", 0.5), ("1/s", 0.25), ("100/m", 0.1)] {
            let mut log = Log::new(text.parse().unwrap());
            let mut rng = fastrand::Rng::with_seed(7);
            let (mut now, mut sent) = (Instant::now(), Vec::new());
            for _ in 0..2000 {
                if rng.u8(..) < 20 {
                    now += Duration::from_millis(rng.u64(..3000));
                }
                let ahead = rng.usize(..4);
                let promised = log.turn(ahead, share, now);
                for _ in 0..=ahead {
                    now = log.turn(0, share, now);
                    log.send(now);
                    sent.push(now);
                }
                assert_eq!(now, promised, "{text} {share}");
            }
            let (requests, stretch) = log.shared(share);
            assert!(sent.windows(requests + 1).all(|some| some[requests] >= some[0] + stretch), "{text}");
        }
    }
}
