//! Interrupts: the first asks for a clean stop, the second ends the process at once, which loses nothing that was committed.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Exit;

/// The signals that stop a command.
pub struct Stop {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Stop {
    /// Listens from now on.
    pub fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the first signal; from then on the next one ends the process.
    pub async fn asked(mut self) {
        self.next().await;
        tokio::spawn(async move {
            let exit = self.next().await;
            #[expect(clippy::disallowed_methods, reason = "asked for twice: now means now")]
            std::process::exit(exit as i32)
        });
    }

    async fn next(&mut self) -> Exit {
        let wait = async |signal: &mut Option<Signal>| match signal {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        };
        tokio::select! {
            () = wait(&mut self.interrupt) => Exit::Interrupted,
            () = wait(&mut self.terminate) => Exit::Terminated,
        }
    }
}
