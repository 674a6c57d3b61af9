//! Which open names differ from their rows, and what a flush writes of them; then payloads may leave memory, and names rest.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;

use super::{EntryRow, Payload, in_memory};
use crate::join::{Entry, Names, PartId, Policy, Window};
use crate::state::{Batch, Family, entry_key, part_key};

/// So many names that ended, or are noted twice, are too few to look for.
pub(super) const FEW: usize = 1024;

/// Which entries of a partition differ from their rows, and which rows are not needed any more.
#[derive(Default)]
pub struct Changes {
    /// Entries that say so of themselves; some of them may have ended.
    pub(super) changed: Vec<Id>,
    /// Entries that ended or have parts replaced, with the parts that have rows: deleted one by one, since a range of
    /// deletions for each name slows every reading and takes memory until it is compacted.
    pub(super) outdated: HashMap<Id, Vec<PartId>>,
    /// Entries with payloads in memory that have rows, oldest first.
    pub(super) spillable: VecDeque<Id>,
}

type Id = (Bytes, Window);

impl Changes {
    /// Notes that an entry changed.
    pub fn change(&mut self, name: &Bytes, entry: &mut Entry<Payload>) {
        if !std::mem::replace(&mut entry.changed, true) {
            self.changed.push((name.clone(), entry.window.clone()));
        }
    }

    /// Notes that an entry ended.
    pub fn end(&mut self, name: &Bytes, entry: &Entry<Payload>) {
        let mut stored = entry.slots().iter().filter(|slot| slot.payload.is_stored()).peekable();
        if stored.peek().is_some() {
            let id = (name.clone(), entry.window.clone());
            self.outdated.entry(id).or_default().extend(stored.map(|slot| slot.part.clone()));
        }
    }

    /// Notes that the row of a part, if it has one, holds what was replaced: should the entry end before it is written
    /// again, nothing else tells of that row.
    pub fn replace(&mut self, name: &Bytes, window: &Window, part: PartId, replaced: &Payload) {
        if replaced.is_stored() {
            self.outdated.entry((name.clone(), window.clone())).or_default().push(part);
        }
    }

    /// Writes what differs to `batch`. Until it is written for good, the payloads stay in memory.
    pub fn flush(&mut self, partition: u32, names: &mut Names<Payload>, policy: &Policy, batch: &mut Batch) {
        for ((name, window), parts) in std::mem::take(&mut self.outdated) {
            delete(batch, &entry_key(partition, &name, window.text()), parts.iter());
        }
        let mut quiet = Vec::new();
        for (name, window) in std::mem::take(&mut self.changed) {
            let Some(entry) = names.awake_mut(&name, &window) else { continue };
            if !std::mem::take(&mut entry.changed) {
                continue;
            }
            let key = entry_key(partition, &name, window.text());
            if in_memory_only(entry, policy) {
                let slots = entry.slots_mut().iter_mut();
                let mut stored =
                    slots.filter_map(|slot| slot.payload.leave_store().then_some(&slot.part)).peekable();
                if stored.peek().is_some() {
                    delete(batch, &key, stored);
                }
                self.spillable.push_back((name, window));
                continue;
            }
            for slot in entry.slots_mut() {
                if let Payload::Memory { bytes, stored: stored @ false } = &mut slot.payload {
                    batch.put(Family::Parts, &part_key(&key, &slot.part.to_string()), bytes);
                    *stored = true;
                }
            }
            let row = EntryRow { name: name.to_vec(), entry: entry.clone() };
            // Plain values always serialize.
            let row = postcard::to_allocvec(&row).expect("an entry serializes");
            batch.put(Family::Entries, &key, &row);
            match in_memory(entry) {
                0 => quiet.push(name),
                _ => self.spillable.push_back((name, window)),
            }
        }
        quiet.iter().for_each(|name| let_rest(names, name));
        // Names that end are not looked for here, and one that changes is here again: they must not add up.
        if self.spillable.len() > FEW + 2 * names.open() {
            let mut seen = HashSet::new();
            self.spillable.retain(|id| names.awake_mut(&id.0, &id.1).is_some() && seen.insert(id.clone()));
            self.spillable.shrink_to(FEW);
        }
    }

    /// Lets go of payloads that have rows, and of names that are done, until `memory` bytes are freed; the bytes that were freed.
    /// To be called only when the last flush is written.
    pub fn spill(&mut self, names: &mut Names<Payload>, policy: &Policy, memory: usize) -> usize {
        let mut freed = 0;
        while freed < memory
            && let Some((name, window)) = self.spillable.pop_front()
        {
            let Some(entry) = names.awake_mut(&name, &window) else { continue };
            if in_memory_only(entry, policy) {
                // A revision within the grace time is worth less than the memory of those that are not done.
                if let Some(entry) = names.end(&name, &window) {
                    freed += in_memory(&entry);
                    self.end(&name, &entry);
                }
                continue;
            }
            for slot in entry.slots_mut() {
                if matches!(slot.payload, Payload::Memory { stored: true, .. }) {
                    freed += slot.payload.in_memory();
                    slot.payload = Payload::Stored;
                }
            }
            let_rest(names, &name);
        }
        if self.spillable.capacity() > FEW + 8 * self.spillable.len() {
            self.spillable.shrink_to(2 * self.spillable.len());
        }
        freed
    }
}

/// Has a name rest of which nothing is in memory only.
fn let_rest(names: &mut Names<Payload>, name: &Bytes) {
    if names.awake(name).iter().all(|entry| in_memory(entry) == 0 && !entry.changed) {
        names.rest(name);
    }
}

/// Whether a name needs no rows: it has had its record, and what is read again after a restart does not make another.
fn in_memory_only(entry: &Entry<Payload>, policy: &Policy) -> bool {
    entry.is_done(policy) && !entry.slots().iter().any(|slot| matches!(slot.payload, Payload::Stored))
}

/// Deletes the rows of an entry and of its parts.
fn delete<'a>(batch: &mut Batch, key: &[u8], parts: impl Iterator<Item = &'a PartId>) {
    batch.delete(Family::Entries, key);
    parts.for_each(|part| batch.delete(Family::Parts, &part_key(key, &part.to_string())));
}
