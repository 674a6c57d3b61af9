//! A map of what was found out lately, in bounded memory: what is asked for again stays, what is not makes room.
//!
//! Two generations in place of an order by age: what is put in goes into the young one; when that has half of the room
//! it becomes the old one, and what the old one still holds is dropped. What is found in the old one moves to the young.
//! So a look-up costs one short lock and no bookkeeping (measured: a cache with an order and timers cost more than the
//! query it saves). What an entry means, and when it is stale, is for the user to say.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

/// A bounded map that may be shared.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    generations: Mutex<Generations<K, V>>,
    /// Of all that is young.
    weight: AtomicUsize,
    /// The weight at which a generation is full.
    half: usize,
    weigh: fn(&V) -> usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// A map for entries that weigh `capacity` together. What an entry weighs may [`grow`](Self::grow), but not shrink.
    pub fn new(capacity: usize, weigh: fn(&V) -> usize) -> Self {
        let generations = Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self { generations, weight: AtomicUsize::new(0), half: capacity / 2, weigh }
    }

    /// The value of `key` if there is one and it is still `fresh`.
    pub fn get(&self, key: K, fresh: impl Fn(&V) -> bool) -> Option<V> {
        let mut generations = self.generations();
        if let Some(value) = generations.young.get(&key) {
            return Some(value.clone()).filter(fresh);
        }
        let value = generations.old.remove(&key).filter(fresh)?;
        generations.young.insert(key, value.clone());
        drop(generations);
        self.grow((self.weigh)(&value));
        Some(value)
    }

    /// The value of `key` if it is still `fresh`, else a `new` one, that takes its place.
    pub fn get_or_insert_with(&self, key: K, fresh: impl Fn(&V) -> bool, new: impl FnOnce() -> V) -> V {
        let mut generations = self.generations();
        if let Some(value) = generations.young.get(&key)
            && fresh(value)
        {
            return value.clone();
        }
        let value = generations.old.remove(&key).filter(&fresh).unwrap_or_else(new);
        // What is stale and young goes on counting until its generation ends: it was there.
        generations.young.insert(key, value.clone());
        drop(generations);
        self.grow((self.weigh)(&value));
        value
    }

    /// Says that an entry weighs more than before.
    pub fn grow(&self, by: usize) {
        if self.weight.fetch_add(by, Ordering::Relaxed) + by <= self.half {
            return;
        }
        let mut generations = self.generations();
        // Somebody else may have been faster.
        if self.weight.load(Ordering::Relaxed) <= self.half {
            return;
        }
        self.weight.store(0, Ordering::Relaxed);
        let full = std::mem::take(&mut generations.young);
        let forgotten = std::mem::replace(&mut generations.old, full);
        // Dropping many entries takes a while; nobody shall wait for it.
        drop(generations);
        drop(forgotten);
    }

    fn generations(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations.lock().expect("nothing panics while the map is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a key; whether its value was known.
    fn knows(recent: &Recent<u32, u32>, key: u32) -> bool {
        let mut known = true;
        let new = || {
            known = false;
            key
        };
        recent.get_or_insert_with(key, |_| true, new);
        known
    }

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let recent = Recent::new(20, |_| 1);
        for key in 0..1000 {
            knows(&recent, key);
            assert!(key == 0 || knows(&recent, 0), "forgotten while in use, at {key}");
            assert_eq!(recent.get(1, |_| true).is_some(), key > 0, "forgotten while in use, at {key}");
            let generations = recent.generations();
            assert!(generations.young.len().max(generations.old.len()) <= 11, "at {key}");
        }
        assert!(!knows(&recent, 2));
        assert!(knows(&recent, 2));
        assert_eq!((recent.get(1, |_| false), recent.get(1000, |_| true)), (None, None));
    }

    #[test]
    fn what_is_stale_is_replaced() {
        let recent = Recent::new(20, |_| 1);
        let ask = |new: u32, fresh: bool| recent.get_or_insert_with("a", |_| fresh, || new);
        assert_eq!([ask(1, true), ask(2, true), ask(3, false), ask(4, true)], [1, 1, 3, 3]);
        assert_eq!(recent.generations().young.len(), 1);
    }

    #[test]
    fn what_grows_makes_others_go() {
        let recent = Recent::new(20, |_| 1);
        let ask_and_grow = |key| {
            knows(&recent, key);
            recent.grow(4);
        };
        (1..=3).for_each(ask_and_grow);
        // The third has made all three old; what is asked for is young again.
        assert!(knows(&recent, 1));
        (4..=5).for_each(ask_and_grow);
        assert!(knows(&recent, 1) && !knows(&recent, 2));
    }
}
