//! From where a partition has to be read again if its rows are lost: the positions of its inputs when its oldest open name
//! came in. They are committed with every cut (`resume.rs` uses them), which also hands open names to another process.
//!
//! Names are kept in groups, one for each time between two cuts, each with the positions at its start.

use std::collections::VecDeque;

use bytes::Bytes;

/// So many names that are not open any more are too few to look for.
const FEW: usize = 1024;

/// Where the open names of a partition came in.
pub struct Origins {
    /// What came in before the last cut, the oldest first.
    before: VecDeque<Group>,
    /// What comes in now.
    now: Group,
    /// Names in all groups.
    held: usize,
}

struct Group {
    /// Offsets, one for each input, before which nothing of the group was read.
    from: Vec<i64>,
    names: List,
}

/// Names one after the other, each behind its length: a million of them are little more than their letters.
#[derive(Default)]
struct List {
    bytes: Vec<u8>,
    count: usize,
}

impl List {
    fn push(&mut self, name: &[u8]) {
        // Keys of records are shorter.
        self.bytes.extend((name.len() as u32).to_le_bytes());
        self.bytes.extend(name);
        self.count += 1;
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk()?;
            let (name, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(name)
        })
    }

    /// Leaves only those that are open; how many are gone.
    fn retain(&mut self, is_open: impl Fn(&[u8]) -> bool) -> usize {
        let mut left = List::default();
        self.iter().filter(|name| is_open(name)).for_each(|name| left.push(name));
        let gone = self.count - left.count;
        if gone > 0 {
            *self = left;
            self.bytes.shrink_to_fit();
        }
        gone
    }
}

impl Origins {
    /// The origin of `names`, which are open already and came in behind `from`. What comes in next is behind `next`.
    pub fn new(from: Vec<i64>, names: Vec<Bytes>, next: Vec<i64>) -> Self {
        let mut known = List::default();
        names.iter().for_each(|name| known.push(name));
        let (held, now) = (known.count, Group { from: next, names: List::default() });
        Self { before: [Group { from, names: known }].into(), now, held }
    }

    /// Notes that a name came in.
    pub fn add(&mut self, name: &[u8]) {
        self.now.names.push(name);
        self.held += 1;
    }

    /// The offsets from which all `open` names can be read again. What comes in from now on is behind `next`.
    pub fn cut(&mut self, next: &[i64], open: usize, is_open: impl Fn(&[u8]) -> bool) -> Vec<i64> {
        let now = Group { from: next.to_vec(), names: List::default() };
        let mut before = std::mem::replace(&mut self.now, now);
        if before.names.count > 0 {
            before.names.bytes.shrink_to_fit();
            self.before.push_back(before);
        }
        // A name that is open for long must not hold all that came after it.
        if self.held > FEW + 2 * open {
            self.held -= self.before.iter_mut().map(|group| group.names.retain(&is_open)).sum::<usize>();
            self.before.retain(|group| group.names.count > 0);
        }
        // Else only the oldest group is looked at: the names of each are gone through a few times while it is that.
        while let Some(oldest) = self.before.front_mut() {
            self.held -= oldest.names.retain(&is_open);
            if oldest.names.count > 0 {
                return oldest.from.clone();
            }
            self.before.pop_front();
        }
        next.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// What happens in a partition with one input.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        /// A record of this name, which opens if it is not open.
        Record(u8),
        /// This name ends.
        End(u8),
        Cut,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![(0_u8..6).prop_map(Event::Record), (0_u8..6).prop_map(Event::End), Just(Event::Cut)]
    }

    proptest! {
        /// Every open name can be read again as a whole, and without open names nothing is read again.
        #[test]
        fn all_of_every_open_name_is_behind_its_origin(events in prop::collection::vec(event(), 0..80)) {
            let (mut origins, mut offset) = (Origins::new(vec![0], vec![], vec![0]), 0);
            // Offset of the first record of each open name.
            let mut open: BTreeMap<u8, i64> = BTreeMap::new();
            for event in events {
                match event {
                    Event::Record(name) => {
                        open.entry(name).or_insert_with(|| {
                            origins.add(&[name]);
                            offset
                        });
                        offset += 1;
                    }
                    Event::End(name) => drop(open.remove(&name)),
                    Event::Cut => {
                        let names: BTreeSet<u8> = open.keys().copied().collect();
                        let from = origins.cut(&[offset], names.len(), |name| names.contains(&name[0]))[0];
                        match open.values().min() {
                            Some(first) => prop_assert!(from <= *first),
                            None => prop_assert_eq!(from, offset),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_that_stays_open_holds_the_origin_until_it_ends() {
        let mut origins = Origins::new(vec![0, 0], vec![], vec![0, 0]);
        let (slow, quick) = (Bytes::from("slow"), Bytes::from("quick"));
        origins.add(&slow);
        assert_eq!(origins.cut(&[5, 2], 1, |_| true), [0, 0]);
        origins.add(&quick);
        assert_eq!(origins.cut(&[9, 4], 1, |name| name == slow), [0, 0]);
        assert_eq!(origins.cut(&[9, 4], 0, |_| false), [9, 4]);
        let mut restored = Origins::new(vec![3, 1], vec![slow], vec![9, 4]);
        assert_eq!(restored.cut(&[10, 5], 1, |_| true), [3, 1]);
        assert_eq!(restored.cut(&[10, 6], 0, |_| false), [10, 6]);
    }

    #[test]
    fn a_name_that_stays_open_does_not_hold_those_that_came_after_it() {
        let mut origins = Origins::new(vec![0], vec![], vec![0]);
        let slow = Bytes::from("slow");
        origins.add(&slow);
        for number in 0..20 * FEW {
            origins.add(format!("quick {number}").as_bytes());
            assert_eq!(origins.cut(&[1], 1, |name| name == slow), [0]);
            assert!(origins.held <= 2 * FEW && origins.before.len() <= 2 * FEW, "{}", origins.held);
        }
    }
}
