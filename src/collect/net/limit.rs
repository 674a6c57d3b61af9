//! How many requests may be open at once to one server. Asked before every request to RDAP, WHOIS and NERD servers.
//!
//! Decides by server (`host:port`), bounds the requests that wait, and never waits past the caller's deadline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::NetConfig;
use crate::model::Status;

/// Servers that are remembered; those without open requests are forgotten when there are more.
const SERVERS: usize = 10_000;

/// Lets requests pass, server by server.
#[derive(Debug)]
pub struct Limiter {
    open: usize,
    waiting: usize,
    wait: Duration,
    servers: Mutex<HashMap<String, Arc<Gate>>>,
}

/// The requests of one server: those that pass hold a permit of `open`, and all of them one of `room`.
#[derive(Debug)]
struct Gate {
    open: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

/// The leave to have one request open; given back when dropped.
#[derive(Debug)]
#[must_use = "the request counts as ended when this is dropped"]
pub struct Pass {
    _open: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

/// Why a request did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Too many requests wait already: refused at once.
    #[error("too many requests are waiting for this server")]
    Refused,
    /// The turn did not come before the deadline.
    #[error("the turn for this server did not come in time")]
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
    pub fn new(config: &NetConfig) -> Self {
        let open = config.per_server.clamp(1, Semaphore::MAX_PERMITS / 2);
        let waiting = config.per_server_waiting.min(Semaphore::MAX_PERMITS / 2);
        Self { open, waiting, wait: config.per_server_wait.0, servers: Mutex::default() }
    }

    /// How long a request waits for its turn at most.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Waits for the turn of a request to `server`, written as `host:port`: as long as the configuration says, and not
    /// past `deadline`.
    pub async fn pass(&self, server: &str, deadline: Instant) -> Result<Pass, LimitError> {
        let gate = self.gate(server)?;
        let room = gate.room.clone().try_acquire_owned().map_err(|_| LimitError::Refused)?;
        let until = deadline.min(Instant::now() + self.wait);
        match timeout_at(until, gate.open.clone().acquire_owned()).await {
            Ok(Ok(open)) => Ok(Pass { _open: open, _room: room }),
            // The semaphore is never closed, so only the deadline is left.
            Ok(Err(_)) | Err(_) => Err(LimitError::Late),
        }
    }

    fn gate(&self, server: &str) -> Result<Arc<Gate>, LimitError> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = servers.get(server) {
            return Ok(gate.clone());
        }
        if servers.len() >= SERVERS {
            let all = self.open + self.waiting;
            servers.retain(|_, gate| Arc::strong_count(gate) > 1 || gate.room.available_permits() < all);
            if servers.len() >= SERVERS {
                return Err(LimitError::Refused);
            }
        }
        let gate = Arc::new(Gate {
            open: Arc::new(Semaphore::new(self.open)),
            room: Arc::new(Semaphore::new(self.open + self.waiting)),
        });
        servers.insert(server.to_owned(), gate.clone());
        Ok(gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::net::loopback::soon;

    #[tokio::test]
    async fn holds_requests_back_by_server() {
        let limiter =
            Limiter::new(&NetConfig { per_server: 1, per_server_waiting: 1, ..NetConfig::default() });
        let first = limiter.pass("a:443", soon()).await.unwrap();
        let _other = limiter.pass("b:443", soon()).await.unwrap();
        assert_eq!(limiter.pass("a:443", Instant::now()).await.err(), Some(LimitError::Late));

        let second = limiter.pass("a:443", soon());
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(limiter.pass("a:443", soon()).await.err(), Some(LimitError::Refused), "one waits already");
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn forgets_idle_servers_when_there_are_too_many() {
        let limiter = Limiter::new(&NetConfig::default());
        let _held = limiter.pass("held:1", soon()).await.unwrap();
        for server in 0..2 * SERVERS {
            let _ = limiter.pass(&format!("{server}:1"), soon()).await.unwrap();
        }
        let servers = limiter.servers.lock().unwrap();
        assert!(servers.len() <= SERVERS && servers.contains_key("held:1"));
    }
}
