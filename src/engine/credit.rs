//! How much may be under way between a source and the end of its path: a budget in records and bytes.
//!
//! timely's channels have no flow control, so the bound is kept where records enter: a source takes a permit for each
//! record and stops at the limit; the permit is dropped when the record's outputs have been handed on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use timely::scheduling::Activator;

/// A budget shared by the operators of one path on one worker.
pub struct Credit {
    records: Cell<usize>,
    bytes: Cell<usize>,
    max_records: usize,
    max_bytes: usize,
    /// The source to wake when there is room again; set while it waits.
    waiting: RefCell<Option<Activator>>,
}

/// The right to have one record under way. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Permit(#[expect(dead_code, reason = "held for its drop")] Rc<Held>);

struct Held {
    credit: Rc<Credit>,
    bytes: usize,
}

impl Credit {
    /// A budget of `max_records` and `max_bytes`, both at least 1.
    pub fn new(max_records: usize, max_bytes: usize) -> Rc<Self> {
        Rc::new(Self {
            records: Cell::new(0),
            bytes: Cell::new(0),
            max_records: max_records.max(1),
            max_bytes: max_bytes.max(1),
            waiting: RefCell::new(None),
        })
    }

    /// Whether another record may enter. A record may be larger than the rest of the byte budget: its size is known only
    /// when it has been read, and a record larger than the whole budget must get through as well.
    pub fn open(&self) -> bool {
        self.records.get() < self.max_records && self.bytes.get() < self.max_bytes
    }

    /// Takes a permit for a record of `bytes`.
    pub fn take(self: &Rc<Self>, bytes: usize) -> Permit {
        self.records.set(self.records.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
        Permit(Rc::new(Held { credit: self.clone(), bytes }))
    }

    /// Asks to be woken when half of the budget is free: waking for each single permit would cost more than it gives.
    pub fn wake_when_open(&self, source: Activator) {
        *self.waiting.borrow_mut() = Some(source);
    }

    /// Records under way.
    pub fn records(&self) -> usize {
        self.records.get()
    }

    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let credit = &self.credit;
        credit.records.set(credit.records.get() - 1);
        credit.bytes.set(credit.bytes.get() - self.bytes);
        if credit.records.get() <= credit.max_records / 2
            && credit.bytes.get() <= credit.max_bytes / 2
            && let Some(source) = credit.waiting.borrow_mut().take()
        {
            source.activate();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_records_and_bytes_and_lets_a_giant_through() {
        let credit = Credit::new(2, 100);
        let giant = credit.take(1_000);
        assert!(!credit.open());
        drop(giant);
        let one = credit.take(10);
        assert!(credit.open());
        let two = credit.take(10);
        assert!(!credit.open());
        let same = two.clone();
        drop(two);
        assert_eq!((credit.records(), credit.bytes()), (2, 20));
        drop(same);
        drop(one);
        assert_eq!((credit.records(), credit.bytes()), (0, 0));
    }
}
