//! All open names of one partition: which entry an arrival belongs to, and which entries are due.
//!
//! A name is awake while something is going on with it; what is to rest, the caller says. How names rest: `resting.rs`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use compact_str::CompactString;
use foldhash::fast::RandomState;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::resting::Resting;
use super::{Aggregate, Arrival, Emitted, Entry, Outages, PartId, Policy, Reading, Step, Window};
use crate::clock::Millis;

/// So much that is not needed is too little to give back.
const FEW: usize = 4096;

/// The open names of a partition.
///
/// Runs of one name are told apart by their run ids. An arrival without one belongs to the newest entry of its name, as
/// in a window; an entry that has none adopts the first that arrives. In the reference reading a name has two windows
/// whatever the runs: the caller answers a [`Step::HandOver`] of the first with [`Names::hand_over`].
pub struct Names<P> {
    /// Those that are awake.
    entries: HashMap<Bytes, Vec<Entry<P>>, RandomState>,
    resting: Resting,
    /// At least one time at or before the due time of each entry that is awake, with its name. Stale times are harmless while
    /// they are few.
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
        let (entries, resting, timers) = (HashMap::default(), Resting::default(), BTreeSet::new());
        Self { entries, resting, timers, open: 0, outages }
    }
}

impl<P: Serialize + DeserializeOwned> Names<P> {
    /// The outages that still matter at `now`.
    pub fn outages(&mut self, now: Millis, policy: &Policy) -> &Outages {
        self.outages.forget(now, policy.patience);
        &self.outages
    }

    /// Nobody worked between `from` and `to`, which is now: all that is open waits longer by that.
    pub fn add_outage(&mut self, from: Millis, to: Millis, policy: &Policy) {
        self.outages.add(from, to);
        // The times in `timers` are early now, which is harmless. Who rests is told when it wakes.
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
        let woken = self.wake(name, policy);
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
        let before = entry.due;
        let (what, displaced) = entry.arrive(arrival, policy, &self.outages);
        // A timer that is too early is put off when it is due.
        if found.is_none() || entry.due < before || policy.reading == Reading::Reference {
            self.timers.insert((entry.due, name.clone()));
        }
        let came = step(entry, what, displaced);
        if woken && matches!(what, Step::Ignored(_)) {
            self.rest(name);
        }
        came
    }

    /// What a [`Step::HandOver`] of `name` asked for; `step` sees the window of its addresses afterwards.
    pub fn hand_over<R>(
        &mut self,
        name: &Bytes,
        aggregate: Aggregate<P>,
        policy: &Policy,
        step: impl FnOnce(&mut Entry<P>, Step) -> R,
    ) -> R {
        let woken = self.wake(name, policy);
        let runs = self.entries.entry(name.clone()).or_default();
        let found = runs.iter().position(|entry| entry.window == Window::Addresses);
        let index = found.unwrap_or_else(|| {
            self.open += 1;
            open(runs, Window::Addresses, aggregate.time())
        });
        let entry = &mut runs[index];
        let what = entry.take_over(aggregate, policy);
        self.timers.insert((entry.due, name.clone()));
        let came = step(entry, what);
        if woken && matches!(what, Step::Ignored(_)) {
            self.rest(name);
        }
        came
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
        loop {
            self.wake_due(now, policy);
            let Some((time, name)) = self.timers.pop_first() else { break };
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
        if self.timers.len() > FEW + 2 * (self.open - self.resting.open()) {
            let times = |(name, runs): (&Bytes, &Vec<Entry<P>>)| -> Vec<_> {
                runs.iter().map(|entry| (entry.due, name.clone())).collect()
            };
            self.timers = self.entries.iter().flat_map(times).collect();
        }
        if self.entries.capacity() > FEW + 8 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    /// Has a name rest until there is something for it, or it is due. Of its payloads comes back what they serialize to.
    pub fn rest(&mut self, name: &Bytes) {
        let Some(runs) = self.entries.remove(name) else { return };
        for entry in &runs {
            self.timers.remove(&(entry.due, name.clone()));
        }
        self.resting.put(name, runs);
        self.compact();
    }

    /// Wakes a name if it rests; whether it did.
    fn wake(&mut self, name: &Bytes, policy: &Policy) -> bool {
        if self.resting.open() == 0 || self.entries.contains_key(name) {
            return false;
        }
        let Some(runs) = self.resting.take(name) else { return false };
        self.wake_up(name.clone(), self.waited(runs, policy));
        true
    }

    /// Wakes those of the resting that are due before all that are awake.
    fn wake_due(&mut self, now: Millis, policy: &Policy) {
        while let Some(due) = self.resting.next_due().filter(|due| *due <= now)
            && self.timers.first().is_none_or(|(first, _)| due <= *first)
        {
            for name in self.resting.take_due::<P>() {
                let Some(runs) = self.resting.take(&name) else { continue };
                let runs = self.waited(runs, policy);
                if runs.iter().any(|entry| entry.due <= now) {
                    self.wake_up(name, runs);
                } else {
                    self.resting.put(&name, runs);
                }
            }
        }
    }

    /// The entries of a name that rested or was on disk, with the outages since.
    fn waited(&self, mut runs: Vec<Entry<P>>, policy: &Policy) -> Vec<Entry<P>> {
        runs.iter_mut().for_each(|entry| entry.wait(policy, &self.outages));
        runs
    }

    fn wake_up(&mut self, name: Bytes, runs: Vec<Entry<P>>) {
        self.timers.extend(runs.iter().map(|entry| (entry.due, name.clone())));
        self.entries.insert(name, runs);
    }

    /// Puts back an entry that was read from disk.
    pub fn restore(&mut self, name: Bytes, mut entry: Entry<P>, policy: &Policy) {
        self.wake(&name, policy);
        // It may have been written before the last outage.
        entry.wait(policy, &self.outages);
        self.timers.insert((entry.due, name.clone()));
        let runs = self.entries.entry(name).or_insert_with(|| Vec::with_capacity(1));
        runs.insert(place(runs, &entry.window), entry);
        self.open += 1;
    }

    /// A run was emitted before, which a replay could not tell: it does not know when it was given up, and may have begun in
    /// the middle of it. The window of its entry, if that is another now.
    pub fn emitted(
        &mut self,
        name: &Bytes,
        run: Option<&CompactString>,
        emitted: Emitted,
        policy: &Policy,
    ) -> Option<Window> {
        let woken = self.wake(name, policy);
        let same =
            |entry: &&mut Entry<P>| matches!(entry.window, Window::Run(_)) && entry.run.as_ref() == run;
        let entry = self.entries.get_mut(name)?.iter_mut().find(same);
        match entry.filter(|entry| entry.revision < emitted.revision) {
            Some(entry) => {
                entry.emitted(emitted, policy, &self.outages);
                self.timers.insert((entry.due, name.clone()));
                Some(entry.window.clone())
            }
            None => {
                if woken {
                    self.rest(name);
                }
                None
            }
        }
    }

    /// The earliest time at which something may be due.
    pub fn next_due(&self) -> Option<Millis> {
        self.timers.first().map(|(time, _)| *time).into_iter().chain(self.resting.next_due()).min()
    }

    /// The number of open entries.
    pub fn open(&self) -> usize {
        self.open
    }

    /// The name as it is kept here while it is awake.
    pub fn kept(&self, name: &[u8]) -> Option<&Bytes> {
        self.entries.get_key_value(name).map(|(kept, _)| kept)
    }

    /// Whether something is known of a name.
    pub fn is_open(&self, name: &[u8]) -> bool {
        self.entries.contains_key(name) || self.resting.has::<P>(name)
    }

    /// The entries of a name, oldest first.
    pub fn get(&self, name: &[u8]) -> Cow<'_, [Entry<P>]>
    where
        P: Clone,
    {
        match self.entries.get(name) {
            Some(runs) => runs.into(),
            None => self.resting.get(name).unwrap_or_default().into(),
        }
    }

    /// The entries of a name that is awake.
    pub fn awake(&self, name: &[u8]) -> &[Entry<P>] {
        self.entries.get(name).map_or(&[], Vec::as_slice)
    }

    /// An entry of a name that is awake.
    pub fn awake_mut(&mut self, name: &[u8], window: &Window) -> Option<&mut Entry<P>> {
        self.entries.get_mut(name)?.iter_mut().find(|entry| entry.window == *window)
    }

    /// Lets an entry of a name that is awake go before its time.
    pub fn end(&mut self, name: &[u8], window: &Window) -> Option<Entry<P>> {
        let runs = self.entries.get_mut(name)?;
        let entry = runs.remove(runs.iter().position(|entry| entry.window == *window)?);
        if runs.is_empty() {
            self.entries.remove(name);
        }
        self.open -= 1;
        Some(entry)
    }

    /// All entries, in no order.
    #[cfg(test)]
    pub fn all(&self) -> Vec<(Bytes, Entry<P>)>
    where
        P: Clone,
    {
        let awake = self.entries.iter().map(|(name, runs)| (name.clone(), runs.clone()));
        let all = awake.chain(self.resting.iter());
        all.flat_map(|(name, runs)| runs.into_iter().map(move |entry| (name.clone(), entry))).collect()
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
