//! When a request may be sent to one server: how many are open at once, how many in a stretch of time, and not while the
//! server asks to be left alone. Asked before every request to RDAP, WHOIS, NERD and QRadar servers.
//!
//! Decides by server (`host:port`), each with a queue of its own, so that a slow one does not hold the others. Requests
//! that wait are bounded; who would wait too long is told so at once. Rates: `rate.rs`.

mod config;
mod gate;
mod rate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::gate::Gate;
use crate::model::Status;

pub use config::{LimitsConfig, ServerLimits};
pub use gate::Pass;
pub use rate::Rate;

/// Servers that are remembered; those without requests are forgotten when there are more.
const SERVERS: usize = 10_000;

/// Lets requests pass, server by server.
#[derive(Debug)]
pub struct Limiter {
    config: LimitsConfig,
    wait: Duration,
    /// What part of the rates this process has.
    share: Mutex<f64>,
    servers: Mutex<HashMap<String, Arc<Gate>>>,
}

/// Why a request did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Too many requests wait already, or none may wait: refused at once.
    #[error("too many requests are waiting for this server")]
    Refused,
    /// The turn would not come, or did not come, before the deadline.
    #[error("the turn for this server does not come in time")]
    Late,
}

impl LimitError {
    /// The status of a record whose request did not pass.
    pub fn status(self) -> Status {
        match self {
            Self::Refused => Status::LOCAL_RATE_LIMIT,
            Self::Late => Status::LRL_TIMEOUT,
        }
    }
}

impl Limiter {
    /// A limiter with the numbers of the configuration.
    pub fn new(config: LimitsConfig) -> Self {
        let wait = config.longest_wait().0;
        Self { config, wait, share: Mutex::new(1.0), servers: Mutex::default() }
    }

    /// How long a request waits for its turn at most.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// How many requests may be open at once to a server that is not named in the configuration.
    pub fn open(&self) -> usize {
        self.config.open.max(1)
    }

    /// Says that this process has the part `share` (0 to 1) of what all processes together may ask.
    pub fn set_share(&self, share: f64) {
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = share.clamp(0.0, 1.0);
    }

    fn share(&self) -> f64 {
        *self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a request to `server`, written as `host:port`: as long as the configuration says, and not
    /// past `deadline`.
    pub async fn pass(&self, server: &str, deadline: Instant) -> Result<Pass, LimitError> {
        self.gate(server)?.pass(self.share(), deadline).await
    }

    /// Notes that `server` refused a request because there were too many: nothing is sent to it for as long as it
    /// says (`Retry-After`), or, where it does not say, for a time that grows with every refusal in a row.
    pub fn refused(&self, server: &str, retry_after: Option<Duration>) {
        if let Ok(gate) = self.gate(server) {
            let pause = gate.refused(retry_after);
            tracing::debug!(server, ?pause, "a server limits our rate");
        }
    }

    /// Notes that `server` answered a request, so that refusals before it no longer count.
    pub fn answered(&self, server: &str) {
        if let Ok(gate) = self.gate(server) {
            gate.answered();
        }
    }

    fn gate(&self, server: &str) -> Result<Arc<Gate>, LimitError> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = servers.get(server) {
            return Ok(gate.clone());
        }
        if servers.len() >= SERVERS {
            let (share, now) = (self.share(), Instant::now());
            servers.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.idle(share, now));
            if servers.len() >= SERVERS {
                return Err(LimitError::Refused);
            }
        }
        let gate = Arc::new(Gate::new(&self.config.of(server)));
        servers.insert(server.to_owned(), gate.clone());
        Ok(gate)
    }
}

#[cfg(test)]
mod tests;
