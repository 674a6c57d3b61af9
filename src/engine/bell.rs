//! How another thread wakes an operator: many rings, one activation. The operator silences the bell before it looks,
//! so that nothing that happens while it looks is missed. Operators park in between; nothing in this program polls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use timely::scheduling::activate::SyncActivator;

/// Wakes one operator from any thread.
#[derive(Clone)]
pub struct Bell(Arc<Inner>);

struct Inner {
    rung: AtomicBool,
    activator: SyncActivator,
}

impl Bell {
    /// A bell for the operator behind `activator`.
    pub fn new(activator: SyncActivator) -> Self {
        Self(Arc::new(Inner { rung: AtomicBool::new(false), activator }))
    }

    /// Wakes the operator, once until it silences the bell.
    pub fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            // It fails only when the worker is gone, and then nobody waits for the ring.
            let _ = self.0.activator.activate();
        }
    }

    /// To be called by the operator before it looks at what the bell announces.
    pub fn silence(&self) {
        // A swap, not a store: a store could become visible after the look.
        self.0.rung.swap(false, Ordering::AcqRel);
    }
}

/// Messages to an operator from other threads. Meant for rare control messages, never for records: senders are few
/// and wait for an answer, which bounds the queue.
pub struct Mailbox<M>(Arc<(Mutex<VecDeque<M>>, Bell)>);

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M> Mailbox<M> {
    /// A mailbox whose operator is woken by `bell`.
    pub fn new(bell: Bell) -> Self {
        Self(Arc::new((Mutex::new(VecDeque::new()), bell)))
    }

    /// Leaves a message and wakes the operator.
    pub fn post(&self, message: M) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
        self.0.1.ring();
    }

    /// The oldest message.
    pub fn take(&self) -> Option<M> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
