//! What is known of an open name, for people: its parts, what is awaited, and until when.

use serde::Serialize;

use crate::clock::Millis;
use crate::join::{Entry, Policy, Window};

/// An open run of a name; in the reference reading, one of its two windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenName {
    /// The run, if a part named one.
    pub run: Option<String>,
    /// `run`, `domain` or `addresses`.
    pub window: &'static str,
    /// How often its record was emitted.
    pub revision: u32,
    /// Record time of its first part, in milliseconds since the UNIX epoch.
    pub since: Millis,
    /// When it is emitted as it is, or let go, if nothing comes.
    pub deadline: Millis,
    /// What is there.
    pub parts: Vec<OpenPart>,
    /// What is awaited.
    pub awaited: Vec<String>,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenPart {
    /// Its name: `zone`, `rtt of 192.0.2.1`.
    pub part: String,
    /// Its status.
    pub status: i32,
    /// When its collector finished; in the reference reading, the time of its record.
    pub attempt: Millis,
}

impl OpenName {
    /// What is known of an entry.
    pub fn of<P>(entry: &Entry<P>, policy: &Policy) -> Self {
        let parts = entry.slots().iter().map(|slot| OpenPart {
            part: slot.part.to_string(),
            status: slot.status.0,
            attempt: slot.attempt,
        });
        Self {
            run: entry.run.as_deref().map(str::to_owned),
            window: match entry.window {
                Window::Run(_) => "run",
                Window::Domain => "domain",
                Window::Addresses => "addresses",
            },
            revision: entry.revision,
            since: entry.first,
            deadline: entry.due,
            parts: parts.collect(),
            awaited: entry.awaited(policy).map(|awaited| awaited.0.to_string()).collect(),
        }
    }
}
