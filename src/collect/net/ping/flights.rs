//! The series that are under way: which request is due when, and which message belongs to which.
//!
//! Decides what becomes of a request: the first answer counts, one that is late is none. Pure state; the time is given.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::packet::{Fault, Said, Token};
use super::socket::Heard;
use crate::collect::net::seam::{Echo, EchoSeries, PingError};

/// Longer intervals and timeouts count as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A series to be sent.
pub(super) struct Series {
    pub address: IpAddr,
    pub plan: EchoSeries,
    /// Where the outcome goes; when nobody waits for it any more, the series ends.
    pub done: oneshot::Sender<Result<Vec<Echo>, PingError>>,
    /// Its place among all that may be under way.
    pub place: OwnedSemaphorePermit,
}

struct Flight {
    number: u64,
    series: Series,
    asked: Vec<Asked>,
    answered: usize,
    /// When its next request leaves, or when it ends.
    due: Instant,
}

impl Flight {
    fn is_sent(&self) -> bool {
        self.asked.len() >= self.series.plan.count as usize
    }
}

struct Asked {
    at: Instant,
    sequence: u16,
    echo: Option<Echo>,
}

/// A request that is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub token: Token,
    pub to: IpAddr,
    pub sequence: u16,
}

/// The series under way.
pub(super) struct Flights {
    slots: Vec<Option<Flight>>,
    free: Vec<u32>,
    /// When the next request of a series leaves.
    sends: BTreeSet<(Instant, u32)>,
    /// When the wait for replies to a series ends.
    ends: BTreeSet<(Instant, u32)>,
    next_series: u64,
    next_sequence: u16,
    /// The latest request of each sequence number, for errors that quote no more.
    by_sequence: Vec<Option<Token>>,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            sends: BTreeSet::new(),
            ends: BTreeSet::new(),
            next_series: 0,
            next_sequence: 0,
            by_sequence: vec![None; usize::from(u16::MAX) + 1],
        }
    }

    /// Takes a series up; its first request is due at once.
    pub(super) fn add(&mut self, series: Series, now: Instant) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // Places are far fewer than that.
            (self.slots.len() - 1) as u32
        });
        let flight = Flight { number: self.next_series, series, asked: Vec::new(), answered: 0, due: now };
        self.next_series += 1;
        self.slots[slot as usize] = Some(flight);
        self.sends.insert((now, slot));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.ends.is_empty()
    }

    /// When the next request is due.
    pub(super) fn next_send(&self) -> Option<Instant> {
        self.sends.first().map(|(due, _)| *due)
    }

    /// When the next series ends, at the latest.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(due, _)| *due)
    }

    /// Ends the series whose time is over.
    pub(super) fn finish(&mut self, now: Instant) {
        while let Some(&(due, slot)) = self.ends.first()
            && due <= now
        {
            self.end(slot, None);
        }
    }

    /// The request that is due longest.
    pub(super) fn next(&mut self, now: Instant) -> Option<Due> {
        while let Some(&(due, slot)) = self.sends.first()
            && due <= now
        {
            let flight = self.slots[slot as usize].as_ref()?;
            if flight.is_sent() || flight.series.done.is_closed() {
                self.end(slot, None);
                continue;
            }
            let token = Token { series: flight.number, slot, number: flight.asked.len() as u32 };
            return Some(Due { token, to: flight.series.address, sequence: self.next_sequence });
        }
        None
    }

    /// Notes that a request was sent at `at`, or that it has its `echo` already.
    pub(super) fn sent(&mut self, due: Due, at: Instant, echo: Option<Echo>) {
        self.next_sequence = due.sequence.wrapping_add(1);
        self.by_sequence[usize::from(due.sequence)] = Some(due.token);
        let slot = due.token.slot;
        let Some(flight) = self.slots[slot as usize].as_mut() else { return };
        flight.asked.push(Asked { at, sequence: due.sequence, echo });
        flight.answered += usize::from(echo.is_some());
        let EchoSeries { count, interval, timeout } = flight.series.plan;
        if flight.answered == count as usize {
            return self.end(slot, None);
        }
        self.sends.remove(&(flight.due, slot));
        // From when it was sent: who was late does not hurry after.
        if flight.is_sent() {
            flight.due = at + timeout.min(LONGEST);
            self.ends.insert((flight.due, slot));
        } else {
            flight.due = at + interval.min(LONGEST);
            self.sends.insert((flight.due, slot));
        }
    }

    /// Puts a request off.
    pub(super) fn put_off(&mut self, due: Due, by: Duration, now: Instant) {
        let slot = due.token.slot;
        let Some(flight) = self.slots[slot as usize].as_mut() else { return };
        self.sends.remove(&(flight.due, slot));
        flight.due = now + by;
        self.sends.insert((flight.due, slot));
    }

    /// Ends the series of a request that this machine cannot send.
    pub(super) fn fail(&mut self, due: Due, error: PingError) {
        self.end(due.token.slot, Some(error));
    }

    /// Notes what came.
    pub(super) fn heard(&mut self, heard: Heard) {
        let (token, sequence) = match heard.said {
            Said::Reply(token) => (token, None),
            Said::Fault { token: Some(token), .. } => (token, None),
            Said::Fault { token: None, sequence, .. } => {
                let Some(token) = self.by_sequence[usize::from(sequence)] else { return };
                (token, Some(sequence))
            }
        };
        let Some(Some(flight)) = self.slots.get_mut(token.slot as usize) else { return };
        let address = match heard.said {
            Said::Reply(_) => heard.source,
            Said::Fault { to, .. } => to,
        };
        if flight.number != token.series || flight.series.address != address {
            return;
        }
        let Some(asked) = flight.asked.get_mut(token.number as usize) else { return };
        let time = heard.at.saturating_duration_since(asked.at);
        let of_another = sequence.is_some_and(|sequence| sequence != asked.sequence);
        if of_another || asked.echo.is_some() || time > flight.series.plan.timeout {
            return;
        }
        asked.echo = Some(match heard.said {
            Said::Reply(_) => Echo::Reply(time),
            Said::Fault { fault: Fault::Unreachable, .. } => Echo::Unreachable,
            Said::Fault { fault: Fault::TimeExceeded, .. } => Echo::TimeExceeded,
        });
        flight.answered += 1;
        if flight.answered == flight.series.plan.count as usize {
            self.end(token.slot, None);
        }
    }

    fn end(&mut self, slot: u32, error: Option<PingError>) {
        let Some(flight) = self.slots[slot as usize].take() else { return };
        self.sends.remove(&(flight.due, slot));
        self.ends.remove(&(flight.due, slot));
        self.free.push(slot);
        let echoes = flight.asked.into_iter().map(|asked| asked.echo.unwrap_or(Echo::Lost));
        let outcome = error.map_or_else(|| Ok(echoes.collect()), Err);
        // Its place is free before it is known to be.
        drop(flight.series.place);
        // Nobody may be waiting any more.
        let _ = flight.series.done.send(outcome);
    }
}

#[cfg(test)]
mod tests;
