//! The thread that pings: takes series up, reads what came, sends what is due, and rests for a tick.
//!
//! It wakes once in a tick at most, whatever comes meanwhile: messages bear the time of their arrival, and the socket has
//! room for those of a tick. It reads before it sends, so that what has gathered leaves that room.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::flights::{Due, Flights, Series};
use super::pace::Pace;
use super::packet::{Family, Identity};
use super::socket::{EchoSocket, Heard, Sent};
use crate::collect::net::seam::{Echo, PingError};

/// Requests that are sent before replies are read again.
const BETWEEN_READS: usize = 64;

/// How series get to the thread.
pub(super) struct Inbox {
    /// `None`: the thread has ended.
    new: Mutex<Option<VecDeque<Series>>>,
    wake: EventFd,
    woken: AtomicBool,
    closed: AtomicBool,
}

impl Inbox {
    pub(super) fn open() -> std::io::Result<Self> {
        Ok(Self {
            new: Mutex::new(Some(VecDeque::new())),
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            woken: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// Gives a series to the thread, which is bounded by the places that series have.
    pub(super) fn put(&self, series: Series) {
        if let Some(new) = &mut *self.new.lock().unwrap_or_else(PoisonError::into_inner) {
            new.push_back(series);
        }
        self.wake();
    }

    /// Tells the thread to end.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It can only fail when it was written to very often already.
            let _ = self.wake.write(1);
        }
    }

    fn take(&self) -> VecDeque<Series> {
        // In this order, so that what is put after it wakes again.
        let _ = self.wake.read();
        self.woken.store(false, Ordering::Release);
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        new.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Pings until the inbox is closed.
pub(super) fn run(inbox: &Inbox, per_second: NonZeroU32) {
    let _end = End(inbox);
    let mut pinger = Pinger {
        sockets: [None, None],
        identity: Identity { cookie: rand::random(), identifier: rand::random() },
        flights: Flights::new(),
        pace: Pace::new(per_second, Instant::now()),
        heard: Vec::new(),
    };
    while !inbox.closed.load(Ordering::Acquire) {
        let began = Instant::now();
        for series in inbox.take() {
            pinger.add(series, began);
        }
        pinger.read();
        pinger.send();
        pinger.flights.finish(began);
        pinger.rest(inbox, began);
    }
}

/// Lets nobody wait for a thread that has ended, of whatever cause.
struct End<'a>(&'a Inbox);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.new.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Pinger {
    /// Of each family, from the first series of it.
    sockets: [Option<EchoSocket>; 2],
    identity: Identity,
    flights: Flights,
    pace: Pace,
    heard: Vec<Heard>,
}

impl Pinger {
    fn add(&mut self, series: Series, now: Instant) {
        let family = Family::of(series.address);
        let socket = &mut self.sockets[family as usize];
        if socket.is_none() {
            match EchoSocket::open(family, self.identity) {
                Ok(opened) => *socket = Some(opened),
                Err(error) => {
                    // Nobody may be waiting any more.
                    let _ = series.done.send(Err(error));
                    return;
                }
            }
        }
        self.flights.add(series, now);
    }

    fn read(&mut self) {
        for socket in self.sockets.iter_mut().flatten() {
            socket.receive(&mut self.heard);
        }
        self.hear();
    }

    fn hear(&mut self) {
        for heard in self.heard.drain(..) {
            self.flights.heard(heard);
        }
    }

    fn send(&mut self) {
        let mut sent = 0;
        loop {
            let now = Instant::now();
            let Some(due) = self.flights.next(now) else { break };
            if !self.pace.take(now) || !self.send_one(due, now) {
                break;
            }
            sent += 1;
            if sent % BETWEEN_READS == 0 {
                self.read();
            }
        }
        // Errors that were met by the way.
        self.hear();
    }

    /// Sends one request; whether there is room for another.
    fn send_one(&mut self, due: Due, now: Instant) -> bool {
        let family = Family::of(due.to);
        let request = self.identity.request(family, due.sequence, due.token);
        // A series is taken up when there is a socket for it.
        let Some(socket) = &mut self.sockets[family as usize] else { return false };
        match socket.send(due.to, &request, &mut self.heard) {
            Ok(Sent::Out) => self.flights.sent(due, now, None),
            Ok(Sent::NoRoute) => self.flights.sent(due, now, Some(Echo::Unreachable)),
            Ok(Sent::Later) => {
                self.flights.put_off(due, self.pace.tick(), now);
                return false;
            }
            Err(error) => self.flights.fail(due, PingError::Io(error)),
        }
        true
    }

    /// Rests for what is left of the tick, then until there is something to do.
    fn rest(&self, inbox: &Inbox, began: Instant) {
        let mut files = vec![PollFd::new(inbox.wake.as_fd(), PollFlags::POLLIN)];
        if self.flights.is_empty() {
            let _ = poll(&mut files, PollTimeout::NONE);
            return;
        }
        std::thread::sleep(self.pace.tick().saturating_sub(began.elapsed()));
        let send = self.flights.next_send().map(|due| due.max(self.pace.free()));
        let Some(next) = send.into_iter().chain(self.flights.next_end()).min() else { return };
        let wait = next.saturating_duration_since(Instant::now());
        if wait > Duration::ZERO {
            let sockets = self.sockets.iter().flatten();
            files.extend(sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
            // Not before it is time.
            let millis = wait.as_millis() + 1;
            let _ = poll(&mut files, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX));
        }
    }
}
