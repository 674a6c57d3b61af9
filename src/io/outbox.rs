//! The way out of a worker: a thread that writes and commits, so that no worker ever waits for a disk or a broker.
//!
//! Records go in order through a channel that is bounded in bytes; a cut follows the records it covers. One cut at a
//! time: while it commits, the worker goes on and its next cut grows by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::{Committer, Cut, Ends, IoError, Outgoing};

/// What the thread tells. Called on its own thread.
pub trait OutboxEvents: Send + 'static {
    /// There is room again, or the cut is committed.
    fn progressed(&self);

    /// A cut is committed; partitions are written so far.
    fn committed(&self, ends: Ends);

    /// Nothing can be written any more.
    fn failed(&self, error: IoError);
}

enum Command {
    Send(Vec<Outgoing>, usize),
    Cut(Cut),
}

/// Commands that may wait; each holds up to a batch of records, and bytes are bounded apart.
const COMMANDS: usize = 1024;

/// The worker's side of its outbox.
pub struct Outbox {
    commands: Option<SyncSender<Command>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    max_bytes: usize,
}

#[derive(Default)]
struct Shared {
    /// Bytes and commands on their way to the transport.
    bytes: AtomicUsize,
    waiting: AtomicUsize,
    /// A cut is on its way.
    cutting: AtomicBool,
}

impl Outbox {
    /// Starts the thread. At most `max_bytes` wait in front of the transport.
    pub fn start(
        slot: usize,
        max_bytes: usize,
        committer: Box<dyn Committer>,
        events: impl OutboxEvents,
    ) -> Result<Self, IoError> {
        let (commands, inbox) = sync_channel(COMMANDS);
        let shared = Arc::new(Shared::default());
        let seen = shared.clone();
        let thread = std::thread::Builder::new()
            .name(format!("outbox-{slot}"))
            .spawn(move || run(&inbox, &seen, committer, &events))
            .map_err(|_| IoError::Stopped)?;
        Ok(Self { commands: Some(commands), shared, thread: Some(thread), max_bytes })
    }

    /// Whether more may be sent now.
    pub fn open(&self) -> bool {
        self.shared.bytes.load(Ordering::Acquire) < self.max_bytes
            && self.shared.waiting.load(Ordering::Acquire) < COMMANDS / 2
    }

    /// Whether a cut is on its way; then the next has to wait.
    pub fn cutting(&self) -> bool {
        self.shared.cutting.load(Ordering::Acquire)
    }

    /// Whether everything sent has reached the transport.
    pub fn empty(&self) -> bool {
        self.shared.waiting.load(Ordering::Acquire) == 0
    }

    /// Sends records; their bytes. To be called while [`Outbox::open`].
    pub fn send(&self, records: Vec<Outgoing>) -> Result<usize, IoError> {
        let bytes = records.iter().map(Outgoing::bytes).sum();
        self.shared.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.command(Command::Send(records, bytes)).map(|()| bytes)
    }

    /// Cuts behind all records sent before. To be called while not [`Outbox::cutting`].
    pub fn cut(&self, cut: Cut) -> Result<(), IoError> {
        self.shared.cutting.store(true, Ordering::Release);
        self.command(Command::Cut(cut))
    }

    fn command(&self, command: Command) -> Result<(), IoError> {
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        match self.commands.as_ref().map(|commands| commands.try_send(command)) {
            Some(Ok(())) => Ok(()),
            // `open` leaves half of the channel free for the few commands a worker sends before it asks again.
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => Err(IoError::Stopped),
        }
    }
}

impl Drop for Outbox {
    /// Waits until everything sent has been written.
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told by its message; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn run(
    inbox: &Receiver<Command>,
    shared: &Shared,
    mut committer: Box<dyn Committer>,
    events: &impl OutboxEvents,
) {
    while let Ok(command) = inbox.recv() {
        let done = match command {
            Command::Send(records, bytes) => committer.send(records).map(|()| {
                shared.bytes.fetch_sub(bytes, Ordering::AcqRel);
            }),
            Command::Cut(cut) => committer.commit(cut).map(|ends| {
                events.committed(ends);
                shared.cutting.store(false, Ordering::Release);
            }),
        };
        shared.waiting.fetch_sub(1, Ordering::AcqRel);
        match done {
            Ok(()) => events.progressed(),
            Err(error) => {
                events.failed(error);
                return;
            }
        }
    }
}
