//! Open names that rest: nothing is going on with them. Each is a few bytes and not what the rules work on; who has
//! something for it takes it out.
//!
//! Decides how they are kept, nothing else: `names.rs` says who rests.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Slot, Window};
use super::{DnsFacts, LeftOut, PartId};
use crate::clock::Millis;
use crate::model::Status;

/// So much room that is not needed is too little to give back.
const FEW: usize = 4096;

/// The bits of hashes that count; few in tests, where names share them.
const BITS: u64 = if cfg!(test) { 3 } else { u64::MAX };

#[derive(Default)]
pub(super) struct Resting {
    hasher: RandomState,
    /// By the hash of their names: one after the other, where several share it.
    names: HashMap<u64, Box<[u8]>>,
    /// When something may be due for a name with this hash. Of names that share one, times may be left over.
    due: BTreeSet<(Millis, u64)>,
    open: usize,
}

/// An entry at rest. Times are told from its first, so that they are short.
#[derive(Serialize, Deserialize)]
struct Row<P> {
    /// `None`: that of its run.
    window: Option<Window>,
    run: Option<CompactString>,
    revision: u32,
    first: Millis,
    due: Millis,
    latest: Millis,
    dns: Option<DnsFacts>,
    slots: Vec<(PartId, Status, Millis, bool, P)>,
    left_out: Option<LeftOut>,
}

impl<P> From<Entry<P>> for Row<P> {
    fn from(entry: Entry<P>) -> Self {
        // One that differs from its rows does not rest.
        let Entry { window, run, revision, first, due, changed: _, latest, dns, slots, left_out } = entry;
        let of_run = matches!(&window, Window::Run(of) if *of == run);
        let slot = |slot: Slot<P>| {
            (slot.part, slot.status, slot.attempt.wrapping_sub(first), slot.cut, slot.payload)
        };
        Self {
            window: (!of_run).then_some(window),
            run,
            revision,
            first,
            due: due.wrapping_sub(first),
            latest: latest.wrapping_sub(first),
            dns,
            slots: slots.into_iter().map(slot).collect(),
            left_out: Some(left_out).filter(|left_out| *left_out != LeftOut::default()),
        }
    }
}

impl<P> From<Row<P>> for Entry<P> {
    fn from(row: Row<P>) -> Self {
        let Row { window, run, revision, first, due, latest, dns, slots, left_out } = row;
        let slot = |(part, status, attempt, cut, payload): (_, _, Millis, _, _)| Slot {
            part,
            status,
            attempt: attempt.wrapping_add(first),
            cut,
            payload,
        };
        Self {
            window: window.unwrap_or_else(|| Window::Run(run.clone())),
            run,
            revision,
            first,
            due: due.wrapping_add(first),
            changed: false,
            latest: latest.wrapping_add(first),
            dns,
            slots: slots.into_iter().map(slot).collect(),
            left_out: left_out.unwrap_or_default(),
        }
    }
}

/// A name with its entries, as they rest.
type Name<'a, P> = (&'a [u8], Vec<Row<P>>);

impl Resting {
    /// The number of entries.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Has a name rest that does not yet.
    pub fn put<P: Serialize>(&mut self, name: &[u8], runs: Vec<Entry<P>>) {
        let hash = self.hash(name);
        self.open += runs.len();
        self.due.extend(runs.iter().map(|entry| entry.due).min().map(|due| (due, hash)));
        let runs: Vec<Row<P>> = runs.into_iter().map(Row::from).collect();
        let others = self.names.remove(&hash).map(Vec::from).unwrap_or_default();
        // Plain values always serialize.
        let all = postcard::to_extend(&(name, runs), others).expect("an entry serializes");
        self.names.insert(hash, all.into());
    }

    /// Takes a name out, if it is here.
    pub fn take<P: DeserializeOwned>(&mut self, name: &[u8]) -> Option<Vec<Entry<P>>> {
        let hash = self.hash(name);
        let all = self.names.get(&hash)?;
        let (start, end, (_, runs)) = read::<P>(all).find(|(_, _, (found, _))| *found == name)?;
        let others = [&all[..start], &all[end..]].concat();
        let runs: Vec<Entry<P>> = runs.into_iter().map(Entry::from).collect();
        self.open -= runs.len();
        if others.is_empty() {
            self.names.remove(&hash);
            let due = runs.iter().map(|entry| entry.due).min();
            due.map(|due| self.due.remove(&(due, hash)));
        } else {
            self.names.insert(hash, others.into());
        }
        if self.names.capacity() > FEW + 8 * self.names.len() {
            self.names.shrink_to(2 * self.names.len());
        }
        Some(runs)
    }

    /// Whether a name is here.
    pub fn has<P: DeserializeOwned>(&self, name: &[u8]) -> bool {
        let all = self.names.get(&self.hash(name));
        all.is_some_and(|all| read::<P>(all).any(|(_, _, (found, _))| found == name))
    }

    /// The entries of a name, if it is here.
    pub fn get<P: DeserializeOwned>(&self, name: &[u8]) -> Option<Vec<Entry<P>>> {
        let mut all = read::<P>(self.names.get(&self.hash(name))?);
        let (_, _, (_, runs)) = all.find(|(_, _, (found, _))| *found == name)?;
        Some(runs.into_iter().map(Entry::from).collect())
    }

    /// The earliest time at which something may be due.
    pub fn next_due(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The names for which something may be due first. They rest on, but are not told of again until they are put again.
    pub fn take_due<P: DeserializeOwned>(&mut self) -> Vec<Bytes> {
        let all = self.due.pop_first().and_then(|(_, hash)| self.names.get(&hash));
        let names = all.into_iter().flat_map(|all| read::<P>(all));
        names.map(|(_, _, (name, _))| Bytes::copy_from_slice(name)).collect()
    }

    /// All names, in no order.
    #[cfg(test)]
    pub fn iter<P: DeserializeOwned>(&self) -> impl Iterator<Item = (Bytes, Vec<Entry<P>>)> {
        let names = self.names.values().flat_map(|all| read::<P>(all));
        names.map(|(_, _, (name, runs))| {
            (Bytes::copy_from_slice(name), runs.into_iter().map(Entry::from).collect())
        })
    }

    fn hash(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name) & BITS
    }
}

/// The names in `all`, each with where it starts and ends.
fn read<P: DeserializeOwned>(all: &[u8]) -> impl Iterator<Item = (usize, usize, Name<'_, P>)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == all.len() {
            return None;
        }
        // Nobody but `put` writes it.
        let (name, rest) =
            postcard::take_from_bytes::<Name<'_, P>>(&all[start..]).expect("what rests is read");
        let (from, to) = (start, all.len() - rest.len());
        start = to;
        Some((from, to, name))
    })
}
