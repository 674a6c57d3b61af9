//! Which look-up waits for which other one, so that no ring of them waits for itself.
//!
//! Zones can name servers whose addresses only the other zone's servers know. Look-ups are shared, so that a ring may
//! run through several tasks, and none of them alone sees it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// A look-up under way; unique while it lives.
pub(super) type Id = usize;

/// All waits of the moment.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<HashMap<Id, Vec<Id>>>);

/// One wait; ends when dropped.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    waits: &'a Waits,
    who: Option<Id>,
    on: Id,
}

impl Waits {
    /// Lets `who` wait for `on`; `None` if `on` already waits for `who`. Nobody waits for what has no number.
    pub fn begin(&self, who: Option<Id>, on: Id) -> Option<Wait<'_>> {
        if let Some(who) = who {
            let mut waits = self.lock();
            if leads(&waits, on, who) {
                return None;
            }
            waits.entry(who).or_default().push(on);
        }
        Some(Wait { waits: self, who, on })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Vec<Id>>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

/// Whether waits lead from one look-up to another.
fn leads(waits: &HashMap<Id, Vec<Id>>, from: Id, to: Id) -> bool {
    let (mut next, mut seen) = (vec![from], vec![]);
    while let Some(id) = next.pop() {
        if id == to {
            return true;
        }
        if !seen.contains(&id) {
            seen.push(id);
            next.extend(waits.get(&id).into_iter().flatten());
        }
    }
    false
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(who) = self.who else { return };
        let mut waits = self.waits.lock();
        if let Some(others) = waits.get_mut(&who) {
            if let Some(place) = others.iter().position(|other| *other == self.on) {
                others.swap_remove(place);
            }
            if others.is_empty() {
                waits.remove(&who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_refused_until_they_are_none() {
        let waits = Waits::default();
        assert!(waits.begin(Some(1), 1).is_none());
        let first = waits.begin(Some(1), 2);
        let again = waits.begin(Some(1), 2);
        let _second = waits.begin(Some(2), 3);
        let _side = waits.begin(Some(2), 4);
        let _top = waits.begin(None, 1);
        assert!(waits.begin(Some(3), 1).is_none());
        assert!(waits.begin(Some(4), 1).is_none());
        assert!(waits.begin(Some(1), 3).is_some());
        drop(first);
        assert!(waits.begin(Some(3), 1).is_none(), "1 still waits for 2");
        drop(again);
        assert!(waits.begin(Some(3), 1).is_some());
    }

    #[test]
    fn nothing_is_left() {
        let waits = Waits::default();
        drop([waits.begin(Some(1), 2), waits.begin(Some(1), 3), waits.begin(Some(2), 3)]);
        assert!(waits.lock().is_empty());
    }
}
