//! All open names of one partition: which entry an arrival belongs to, and which entries are due.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use super::{Aggregate, Arrival, Entry, Outages, PartId, Policy, Reading, Step, Window};
use crate::clock::Millis;

/// So much that is not needed is too little to give back.
const FEW: usize = 4096;

/// The open names of a partition.
///
/// Runs of one name are told apart by their run ids. An arrival without one belongs to the newest entry of its name, as
/// in a window; an entry that has none adopts the first that arrives. In the reference reading a name has two windows
/// whatever the runs: the caller answers a [`Step::HandOver`] of the first with [`Names::hand_over`].
pub struct Names<P> {
    entries: HashMap<Bytes, Vec<Entry<P>>>,
    /// At least one time at or before the due time of each entry, with its name. Stale times are harmless while they are few.
    timers: BTreeSet<(Millis, Bytes)>,
    open: usize,
    outages: Outages,
}

impl<P> Default for Names<P> {
    fn default() -> Self {
        Self::new(Outages::default())
    }
}

impl<P> Names<P> {
    /// No names; these outages were before.
    pub fn new(outages: Outages) -> Self {
        Self { entries: HashMap::new(), timers: BTreeSet::new(), open: 0, outages }
    }

    /// The outages that still matter at `now`.
    pub fn outages(&mut self, now: Millis, policy: &Policy) -> &Outages {
        self.outages.forget(now, policy.patience);
        &self.outages
    }

    /// Nobody worked between `from` and `to`, which is now: all that is open waits longer by that.
    pub fn add_outage(&mut self, from: Millis, to: Millis, policy: &Policy) {
        self.outages.add(from, to);
        // The times in `timers` are early now, which is harmless.
        for entry in self.entries.values_mut().flatten() {
            entry.wait(policy, &self.outages);
        }
    }

    /// Takes in a result of `name`; `step` sees the entry after it, and the payload that was not kept.
    pub fn arrive<R>(
        &mut self,
        name: &Bytes,
        arrival: Arrival<P>,
        policy: &Policy,
        step: impl FnOnce(&mut Entry<P>, Step, Option<P>) -> R,
    ) -> R {
        // Most names have one run.
        let runs = self.entries.entry(name.clone()).or_insert_with(|| Vec::with_capacity(1));
        let found = match (policy.reading, &arrival.run) {
            (Reading::Target, None) => runs.len().checked_sub(1),
            (Reading::Target, Some(run)) => {
                let same = |entry: &Entry<P>| entry.run.as_ref() == Some(run);
                runs.iter().position(same).or_else(|| runs.iter().position(|entry| entry.run.is_none()))
            }
            (Reading::Reference, _) => runs.iter().position(|entry| entry.window == stage(&arrival.part)),
        };
        let index = found.unwrap_or_else(|| {
            let window = match policy.reading {
                Reading::Target => Window::Run(arrival.run.clone()),
                Reading::Reference => stage(&arrival.part),
            };
            self.open += 1;
            open(runs, window, arrival.time)
        });
        let entry = &mut runs[index];
        let (what, displaced) = entry.arrive(arrival, policy, &self.outages);
        // In the default reading an emission is the only step that may bring the due time forward.
        if found.is_none() || matches!(what, Step::Emit { .. }) || policy.reading == Reading::Reference {
            self.timers.insert((entry.due, name.clone()));
        }
        step(entry, what, displaced)
    }

    /// What a [`Step::HandOver`] of `name` asked for; `step` sees the window of its addresses afterwards.
    pub fn hand_over<R>(
        &mut self,
        name: &Bytes,
        aggregate: Aggregate<P>,
        policy: &Policy,
        step: impl FnOnce(&mut Entry<P>, Step) -> R,
    ) -> R {
        let runs = self.entries.entry(name.clone()).or_default();
        let found = runs.iter().position(|entry| entry.window == Window::Addresses);
        let index = found.unwrap_or_else(|| {
            self.open += 1;
            open(runs, Window::Addresses, aggregate.time())
        });
        let entry = &mut runs[index];
        let what = entry.take_over(aggregate, policy);
        self.timers.insert((entry.due, name.clone()));
        step(entry, what)
    }

    /// Lets time pass to `now`; `step` sees each entry that is emitted or ends. An entry that ends is gone afterwards. After
    /// a [`Step::HandOver`] the name is left as it is: time has to pass again when its answer was given.
    pub fn advance(
        &mut self,
        now: Millis,
        policy: &Policy,
        mut step: impl FnMut(&Bytes, &mut Entry<P>, Step),
    ) {
        let (mut times, mut later, mut left) = (Vec::new(), Vec::new(), BTreeSet::new());
        while let Some((time, name)) = self.timers.pop_first() {
            if time > now {
                self.timers.insert((time, name));
                break;
            }
            if left.contains(&name) {
                continue;
            }
            let Some(runs) = self.entries.get_mut(&name) else { continue };
            let before = runs.len();
            let mut handed_over = false;
            runs.retain_mut(|entry| {
                let ends = entry.due <= now && !handed_over && {
                    let what = entry.fire(now, policy);
                    step(&name, entry, what);
                    handed_over = matches!(what, Step::HandOver(_));
                    matches!(what, Step::End(_))
                };
                if !ends {
                    times.push((entry.due, name.clone()));
                }
                !ends
            });
            self.open -= before - runs.len();
            if runs.is_empty() {
                self.entries.remove(&name);
            }
            if handed_over {
                left.insert(name);
                later.append(&mut times);
            } else {
                self.timers.extend(times.drain(..));
            }
        }
        self.timers.extend(later);
        self.compact();
    }

    /// Gives back the memory of what was open once: times of names that are gone, places for names that are not there.
    fn compact(&mut self) {
        if self.timers.len() > FEW + 2 * self.open {
            let times = |(name, runs): (&Bytes, &Vec<Entry<P>>)| -> Vec<_> {
                runs.iter().map(|entry| (entry.due, name.clone())).collect()
            };
            self.timers = self.entries.iter().flat_map(times).collect();
        }
        if self.entries.capacity() > FEW + 8 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Puts back an entry that was read from disk.
    pub fn restore(&mut self, name: Bytes, mut entry: Entry<P>, policy: &Policy) {
        // It may have been written before the last outage.
        entry.wait(policy, &self.outages);
        self.timers.insert((entry.due, name.clone()));
        let runs = self.entries.entry(name).or_insert_with(|| Vec::with_capacity(1));
        runs.insert(place(runs, &entry.window), entry);
        self.open += 1;
    }

    /// The earliest time at which something may be due.
    pub fn next_due(&self) -> Option<Millis> {
        self.timers.first().map(|(time, _)| *time)
    }

    /// The number of open entries.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The name as it is kept here while it is open.
    pub fn kept(&self, name: &[u8]) -> Option<&Bytes> {
        self.entries.get_key_value(name).map(|(kept, _)| kept)
    }

    /// The entries of a name, oldest first.
    pub fn get(&self, name: &[u8]) -> &[Entry<P>] {
        self.entries.get(name).map_or(&[], Vec::as_slice)
    }

    /// An entry of a name.
    pub fn get_mut(&mut self, name: &[u8], window: &Window) -> Option<&mut Entry<P>> {
        self.entries.get_mut(name)?.iter_mut().find(|entry| entry.window == *window)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Entry<P>)> {
        self.entries.iter().flat_map(|(name, runs)| runs.iter().map(move |entry| (name, entry)))
    }
}

/// The window of the reference reading that a part belongs to.
fn stage(part: &PartId) -> Window {
    match part {
        PartId::Ip { .. } => Window::Addresses,
        _ => Window::Domain,
    }
}

/// Opens an entry; its index.
fn open<P>(runs: &mut Vec<Entry<P>>, window: Window, now: Millis) -> usize {
    let index = place(runs, &window);
    runs.insert(index, Entry::new(window, now));
    index
}

/// Where an entry stands among those of its name: the newest run last, and of the two stages the first first, so that time
/// passes for it first.
fn place<P>(runs: &[Entry<P>], window: &Window) -> usize {
    if *window == Window::Domain { 0 } else { runs.len() }
}
