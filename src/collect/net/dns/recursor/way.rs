//! What a look-up carries along: how much it may still cost, until when, and who waits for it.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::waits::Id;
use crate::collect::net::AskError;

/// Queries that one question may cost, those about addresses of name servers included. Every level of such look-ups
/// costs some, so that this bounds the depth too.
const MOST_QUERIES: u32 = 64;

/// How many queries a question has cost.
#[derive(Debug, Default)]
pub(super) struct Effort(AtomicU32);

impl Effort {
    /// Counts a query, unless there were too many.
    pub fn spend(&self) -> Result<(), AskError> {
        if self.0.fetch_add(1, Ordering::Relaxed) < MOST_QUERIES { Ok(()) } else { Err(AskError::Effort) }
    }
}

/// What a look-up carries along.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub effort: &'a Effort,
    pub until: Instant,
    /// The look-up that waits for this one, if others may wait for it in turn.
    pub waiting: Option<Id>,
}
