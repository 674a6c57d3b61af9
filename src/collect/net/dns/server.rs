//! What is known of one server, and how much may be asked of it at once.
//!
//! Bounded and forgetful: what is known ends after some minutes, so that a server that was repaired is treated as such.
//! When a server that is silent is left alone: `silence.rs`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::query::Dress;
use super::recent::Recent;
use super::silence::Silence;

/// Servers remembered at once.
const MOST_SERVERS: usize = 16 * 1024;
/// How long a server is remembered. A window that is forgotten while in use is for a moment twice as wide.
const MEMORY: Duration = Duration::from_secs(600);

/// The servers met lately.
#[derive(Debug)]
pub(super) struct Servers {
    known: Recent<SocketAddr, Arc<Server>>,
    window: usize,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// Permits of queries in flight.
    pub window: Semaphore,
    met: Instant,
    no_edns: AtomicBool,
    folds_case: AtomicBool,
    silence: Mutex<Silence>,
}

impl Servers {
    /// `window` is how many queries may be in flight to one server.
    pub fn new(window: usize) -> Self {
        Self { known: Recent::new(MOST_SERVERS, |_| 1), window: window.max(1) }
    }

    pub fn get(&self, address: SocketAddr) -> Arc<Server> {
        let now = Instant::now();
        let new = || {
            Arc::new(Server {
                window: Semaphore::new(self.window),
                met: now,
                no_edns: AtomicBool::new(false),
                folds_case: AtomicBool::new(false),
                silence: Mutex::default(),
            })
        };
        self.known.get_or_insert_with(address, |server| now < server.met + MEMORY, new)
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

    /// Whether the server shall be left alone now; if not, an answer may be waited for until `until`.
    pub fn rests(&self, until: Instant) -> bool {
        self.silence().rests(Instant::now(), until)
    }

    /// Takes down that the server spoke.
    pub fn spoke(&self) {
        self.silence().ends(Instant::now());
    }

    /// Takes down that a question that was put at `asked` had no reply.
    pub fn kept_silent(&self, asked: Instant) {
        self.silence().lasts(asked, Instant::now());
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().expect("nothing panics while it is held")
    }
}
