//! A map of what was found out lately, in bounded memory: what is asked for again stays, what is not makes room.
//!
//! Two generations in place of an order by age: what is put in goes into the young one; when that has half of the room
//! it becomes the old one, and what the old one still holds is dropped. What is found in the old one moves to the young.
//! So a look-up costs one short lock and no bookkeeping (measured: a cache with an order and timers cost more than the
//! query it saves). What an entry means, and when it is stale, is for the user to say.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard};

/// A bounded map that may be shared.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    generations: Mutex<Generations<K, V>>,
    /// The weight at which a generation is full.
    half: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, Kept<V>>,
    old: HashMap<K, Kept<V>>,
    /// Of all that is young.
    weight: usize,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    weight: usize,
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// A map for entries that weigh `capacity` together.
    pub fn new(capacity: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), weight: 0 };
        Self { generations: Mutex::new(generations), half: capacity / 2 }
    }

    /// The value of `key` if it is still `fresh`, else a `new` one of this weight, that takes its place.
    pub fn get_or_insert_with(
        &self,
        key: K,
        weight: usize,
        fresh: impl Fn(&V) -> bool,
        new: impl FnOnce() -> V,
    ) -> V {
        let mut generations = self.generations();
        if let Some(kept) = generations.young.get(&key)
            && fresh(&kept.value)
        {
            return kept.value.clone();
        }
        let old = generations.old.remove(&key).filter(|kept| fresh(&kept.value));
        let kept = old.unwrap_or_else(|| Kept { value: new(), weight });
        let value = kept.value.clone();
        generations.weight += kept.weight;
        if let Some(stale) = generations.young.insert(key, kept) {
            generations.weight -= stale.weight;
        }
        self.make_room(generations);
        value
    }

    /// Adds to the weight of `key`. What is too heavy for half of the room is not kept.
    pub fn grow(&self, key: &K, by: usize) {
        let mut generations = self.generations();
        let Generations { young, old, weight } = &mut *generations;
        let (kept, is_young) = match young.get_mut(key) {
            Some(kept) => (kept, true),
            None => match old.get_mut(key) {
                Some(kept) => (kept, false),
                None => return,
            },
        };
        kept.weight += by;
        let is_too_heavy = kept.weight > self.half;
        if is_young {
            *weight += by;
        }
        if is_too_heavy {
            old.remove(key);
            if let Some(kept) = young.remove(key) {
                *weight -= kept.weight;
            }
        }
        self.make_room(generations);
    }

    fn make_room(&self, mut generations: MutexGuard<'_, Generations<K, V>>) {
        if generations.weight <= self.half {
            return;
        }
        generations.weight = 0;
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
        let mut new = false;
        recent.get_or_insert_with(
            key,
            1,
            |_| true,
            || {
                new = true;
                key
            },
        );
        !new
    }

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let recent = Recent::new(20);
        for key in 0..1000 {
            knows(&recent, key);
            assert!(key == 0 || knows(&recent, 0), "forgotten while in use, at {key}");
        }
        assert!((0..1000).filter(|key| recent.generations().young.contains_key(key)).count() <= 11);
        assert!((0..1000).filter(|key| recent.generations().old.contains_key(key)).count() <= 11);
        assert!(!knows(&recent, 1));
        assert!(knows(&recent, 1));
    }

    #[test]
    fn what_is_stale_is_replaced() {
        let recent = Recent::new(20);
        let ask = |new: u32, fresh: bool| recent.get_or_insert_with("a", 1, |_| fresh, || new);
        assert_eq!([ask(1, true), ask(2, true), ask(3, false), ask(4, true)], [1, 1, 3, 3]);
        assert_eq!(recent.generations().weight, 1);
    }

    #[test]
    fn what_grows_too_heavy_is_not_kept() {
        for (capacity, by, kept) in [(20, 5, true), (20, 10, false), (0, 1, false)] {
            let recent = Recent::new(capacity);
            knows(&recent, 1);
            recent.grow(&1, by);
            assert_eq!(knows(&recent, 1), kept, "{capacity} {by}");
        }
        let recent = Recent::new(20);
        for key in 1..=3 {
            knows(&recent, key);
            recent.grow(&key, 4);
        }
        // The third made the first two old; only what is asked for stays.
        assert!(knows(&recent, 1));
        for key in 4..=5 {
            knows(&recent, key);
            recent.grow(&key, 4);
        }
        assert!(!knows(&recent, 2));
    }
}
