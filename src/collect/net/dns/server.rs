//! What is known of one server, and how much may be asked of it at once.
//!
//! Bounded and forgetful: entries end after some minutes, so that a server that was repaired is treated as such.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::Semaphore;

use super::query::Dress;

/// Servers remembered at once.
const MOST_SERVERS: u64 = 16 * 1024;
/// How long a server is remembered. A window that is forgotten while in use is for a moment twice as wide.
const MEMORY: Duration = Duration::from_secs(600);

/// The servers met lately.
#[derive(Debug)]
pub(super) struct Servers {
    known: Cache<SocketAddr, Arc<Server>>,
    window: usize,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// Permits of queries in flight.
    pub window: Semaphore,
    no_edns: AtomicBool,
    folds_case: AtomicBool,
}

impl Servers {
    /// `window` is how many queries may be in flight to one server.
    pub fn new(window: usize) -> Self {
        let known = Cache::builder().max_capacity(MOST_SERVERS).time_to_live(MEMORY).build();
        Self { known, window: window.max(1) }
    }

    pub async fn get(&self, address: SocketAddr) -> Arc<Server> {
        let new = async {
            Arc::new(Server {
                window: Semaphore::new(self.window),
                no_edns: AtomicBool::new(false),
                folds_case: AtomicBool::new(false),
            })
        };
        self.known.get_with(address, new).await
    }
}

impl Server {
    /// The richest dress of a query that the server is known to read.
    pub fn dress(&self) -> Dress {
        Dress {
            edns: !self.no_edns.load(Ordering::Relaxed),
            mixed_case: !self.folds_case.load(Ordering::Relaxed),
        }
    }

    /// Remembers the dress that worked.
    pub fn wears(&self, dress: Dress) {
        self.no_edns.store(!dress.edns, Ordering::Relaxed);
        self.folds_case.store(!dress.mixed_case, Ordering::Relaxed);
    }
}
