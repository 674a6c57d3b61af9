//! Pings of the real network: ICMP echoes of many series at once, from one thread with a socket for each address family.
//!
//! A pinger of our own: see `docs/decisions/0010-own-pinger.md`. Decides how many series are under way and what a machine
//! that may not ping is told. Next: `run.rs` for the thread, `socket.rs`, `flights.rs`, `packet.rs`, `pace.rs`.

mod filter;
mod flights;
mod pace;
mod packet;
mod run;
mod socket;

use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{Semaphore, oneshot};

use self::flights::Series;
use self::packet::Family;
use self::run::Inbox;
use super::seam::{Echo, EchoSeries, Ping, PingError};
use crate::error::{Code, Coded, Exit};

/// Series that are under way at most; others wait for a place.
const PLACES: usize = 16_384;

/// No ICMP socket may be opened, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("no ICMP socket may be opened, so round-trip times cannot be measured")]
pub struct PingUnavailable(#[source] io::Error);

pub(crate) static PING_UNAVAILABLE: Code = Code {
    name: "ping-unavailable",
    exit: Exit::Config,
    about: "The process may open no ICMP socket.",
    hint: "let the group of the process ping with `sysctl -w net.ipv4.ping_group_range='0 2147483647'`, \
           or give the program CAP_NET_RAW",
};

impl Coded for PingUnavailable {
    fn code(&self) -> &'static Code {
        &PING_UNAVAILABLE
    }
}

/// Pings by the sockets of this machine. Thread and sockets are there from the first ping on.
pub struct IcmpPing {
    per_second: NonZeroU32,
    places: Arc<Semaphore>,
    inbox: Mutex<Option<Arc<Inbox>>>,
}

impl IcmpPing {
    /// Pings with as many requests in a second at most, to all addresses together.
    pub fn new(per_second: NonZeroU32) -> Self {
        Self { per_second, places: Arc::new(Semaphore::new(PLACES)), inbox: Mutex::new(None) }
    }

    /// Checks at the start whether a socket may be opened at all (IPv4).
    pub fn available() -> Result<(), PingUnavailable> {
        socket::open(Family::V4).map(drop).map_err(PingUnavailable)
    }

    /// The inbox of the thread, which is started when there is none.
    fn inbox(&self) -> io::Result<Arc<Inbox>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inbox) = &*inbox {
            return Ok(inbox.clone());
        }
        let (opened, per_second) = (Arc::new(Inbox::open()?), self.per_second);
        let of_thread = opened.clone();
        let thread = std::thread::Builder::new().name("ping".to_owned());
        thread.spawn(move || run::run(&of_thread, per_second))?;
        Ok(inbox.insert(opened).clone())
    }

    async fn series(&self, address: IpAddr, plan: EchoSeries) -> Result<Vec<Echo>, PingError> {
        let stopped = || PingError::Io(io::Error::other("the pinger has ended"));
        let place = self.places.clone().acquire_owned().await.map_err(|_| stopped())?;
        let (done, outcome) = oneshot::channel();
        self.inbox()?.put(Series { address, plan, done, place });
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for IcmpPing {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.get_mut().unwrap_or_else(PoisonError::into_inner) {
            inbox.close();
        }
    }
}

impl Ping for IcmpPing {
    fn ping(&self, address: IpAddr, series: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>> {
        self.series(address, series).boxed()
    }
}

#[cfg(test)]
mod tests;
