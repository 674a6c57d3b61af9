//! One run of one name: what has arrived, what is awaited, until when. Each arrival and each deadline is one step.
//!
//! Here are the steps of the default reading, and what both readings share. Next: `stages.rs` (the reference reading).

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Arrival, DnsFacts, LeftOut, Outages, PartId, Policy, Reading};
use crate::clock::Millis;
use crate::model::Status;

/// What is known of one run of one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry<P> {
    /// Which of the entries of its name it is.
    pub window: Window,
    /// The run; `None` while no part named one.
    pub run: Option<CompactString>,
    /// How often the joined record was emitted; the next one has this number plus one.
    pub revision: u32,
    /// Record time of the first arrival.
    pub first: Millis,
    /// When something happens to the entry if nothing arrives: emitted as it is, or let go.
    pub due: Millis,
    /// Whether it differs from its rows. The rules do not look at it; who writes rows keeps it.
    #[serde(skip)]
    pub changed: bool,
    /// Greatest record time of the arrivals.
    pub(super) latest: Millis,
    pub(super) dns: Option<DnsFacts>,
    pub(super) slots: Vec<Slot<P>>,
    pub(super) left_out: LeftOut,
}

/// Which of the entries of its name an entry is. It stays what it was when the entry opened, and so do the keys of its
/// rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Window {
    /// That of a run; `None` if its first part named none.
    Run(Option<CompactString>),
    /// In the reference reading: what is known of the name.
    Domain,
    /// In the reference reading: what is known of its addresses, and what was known of the name when it was handed over.
    Addresses,
}

impl Window {
    /// Tells the entries of a name apart, in the keys of rows.
    pub fn text(&self) -> Option<&str> {
        match self {
            Window::Run(run) => run.as_deref(),
            Window::Domain => None,
            Window::Addresses => Some("addresses"),
        }
    }
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot<P> {
    /// Which part.
    pub part: PartId,
    /// Its status.
    pub status: Status,
    /// When its collector finished.
    pub attempt: Millis,
    /// Whether its page is not whole.
    pub cut: bool,
    /// The result.
    pub payload: P,
}

/// What a step means for the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The part is kept; more is awaited.
    Kept,
    /// The arrival changes nothing.
    Ignored(Ignored),
    /// The joined record is to be emitted, with the entry's `revision`.
    Emit {
        /// Whether every needed part is in it.
        complete: bool,
    },
    /// What is known of the name is to be handed over to the window of its addresses, at this time of the stream.
    HandOver(Millis),
    /// The entry is to be let go.
    End(End),
}

/// The last record that was emitted of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Its number, from 1 on.
    pub revision: u32,
    /// Whether every needed part was in it.
    pub complete: bool,
}

/// Why an arrival changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The same attempt has arrived before.
    Repeated,
    /// What is there is better or newer.
    Worse,
}

/// How an entry ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its record was emitted and the time for revisions is over.
    Done,
    /// No zone result arrived in time: nothing is emitted.
    NoZone,
    /// The zone was not found, so no DNS result could follow: nothing is emitted.
    ZoneFailed,
    /// No DNS result arrived in time: nothing is emitted.
    NoDns,
    /// The request asked for no DNS result, without which there is no record, and all else is there.
    NotAsked,
    /// In the reference reading: there were results about addresses, and nothing came about their name.
    NoDomain,
}

/// A part that is needed and has not arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited(pub PartId);

impl<P> Entry<P> {
    /// An entry in which nothing has arrived.
    pub fn new(window: Window, now: Millis) -> Self {
        Self {
            window,
            run: None,
            revision: 0,
            first: now,
            due: now,
            changed: false,
            latest: now,
            dns: None,
            slots: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// The parts that have arrived, in the order of their ids.
    pub fn slots(&self) -> &[Slot<P>] {
        &self.slots
    }

    /// The parts that have arrived, to move their payloads between memory and disk.
    pub fn slots_mut(&mut self) -> &mut [Slot<P>] {
        &mut self.slots
    }

    /// A part, if it has arrived.
    pub fn slot(&self, part: &PartId) -> Option<&Slot<P>> {
        self.position(part).ok().map(|index| &self.slots[index])
    }

    /// The addresses of the DNS result; empty while there is none.
    pub fn addresses(&self) -> &[CompactString] {
        self.dns.as_ref().map_or(&[], |dns| &dns.addresses)
    }

    /// Takes in a result. Of two payloads of one part, the one that is not kept is given back.
    pub fn arrive(&mut self, arrival: Arrival<P>, policy: &Policy, outages: &Outages) -> (Step, Option<P>) {
        match self.window {
            Window::Run(_) => {}
            Window::Domain => return self.domain_arrives(arrival, policy),
            Window::Addresses => return self.address_arrives(arrival, policy),
        }
        let (kept, displaced) = self.keep(arrival, Reading::Target);
        if let Err(ignored) = kept {
            return (Step::Ignored(ignored), displaced);
        }
        let complete = self.complete(policy);
        if complete || self.revision > 0 {
            (self.emit(complete, self.latest, policy), displaced)
        } else {
            self.wait(policy, outages);
            (Step::Kept, displaced)
        }
    }

    /// Keeps the better of a result and the one before it; the other is given back.
    pub(super) fn keep(&mut self, arrival: Arrival<P>, reading: Reading) -> (Result<(), Ignored>, Option<P>) {
        if self.run.is_none() {
            self.run = arrival.run;
        }
        if let Some(left_out) = arrival.left_out.filter(|_| reading == Reading::Target) {
            self.left_out.parts.extend(left_out.parts);
            self.left_out.only = left_out.only.or_else(|| self.left_out.only.take());
        }
        let time = arrival.time;
        let slot = Slot {
            part: arrival.part,
            status: arrival.status,
            // The reference knows no other time than that of the record.
            attempt: if reading == Reading::Reference { arrival.time } else { arrival.attempt },
            cut: arrival.cut,
            payload: arrival.payload,
        };
        let displaced = match self.position(&slot.part) {
            Ok(index) => {
                let (old, new) = (fitness(&self.slots[index]), fitness(&slot));
                if new == old {
                    return (Err(Ignored::Repeated), Some(slot.payload));
                }
                if new < old {
                    return (Err(Ignored::Worse), Some(slot.payload));
                }
                Some(std::mem::replace(&mut self.slots[index], slot).payload)
            }
            Err(index) => {
                self.slots.insert(index, slot);
                None
            }
        };
        // What changes nothing does not lengthen the wait either.
        self.first = self.first.min(time);
        self.latest = self.latest.max(time);
        if let Some(dns) = arrival.dns {
            self.dns = Some(dns);
        }
        (Ok(()), displaced)
    }

    /// Sets when it is given up if nothing arrives any more: after the patience, outages left out. Nothing changes once its
    /// record was emitted. If there will be none, since nobody asked for a DNS result, it ends with the last part.
    pub fn wait(&mut self, policy: &Policy, outages: &Outages) {
        if self.revision == 0 && matches!(self.window, Window::Run(_)) {
            let no_record = self.left_out.has(&PartId::Dns) && self.position(&PartId::Dns).is_err();
            self.due = match no_record && self.awaited_of_name(policy).next().is_none() {
                true => self.latest,
                false => outages.after(self.latest, policy.patience),
            };
        }
    }

    /// Lets time pass to `now`, which is at or after `due`.
    pub fn fire(&mut self, now: Millis, policy: &Policy) -> Step {
        if self.revision > 0 {
            return Step::End(End::Done);
        }
        match self.window {
            Window::Addresses if self.dns.is_none() => return Step::End(End::NoDomain),
            Window::Addresses => return self.leave(self.due, policy),
            Window::Run(_) | Window::Domain => {}
        }
        match (self.slot(&PartId::Zone), self.slot(&PartId::Dns)) {
            (Some(_), Some(_)) if self.window == Window::Domain => self.leave(self.due, policy),
            (Some(_), Some(_)) => self.emit(false, now, policy),
            (None, _) => Step::End(End::NoZone),
            (Some(zone), None) if !zone.status.ok() => Step::End(End::ZoneFailed),
            (Some(_), None) if self.left_out.has(&PartId::Dns) => Step::End(End::NotAsked),
            (Some(_), None) => Step::End(End::NoDns),
        }
    }

    /// What is needed and has not arrived. While the DNS result is missing, what it would ask for is not known.
    pub fn awaited<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Awaited> + 'a {
        self.awaited_of_name(policy).chain(self.awaited_of_addresses(policy))
    }

    pub(super) fn awaited_of_name<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Awaited> + 'a {
        let tls = policy.tls && self.dns.as_ref().is_some_and(|dns| dns.tls);
        let of_name =
            [(true, PartId::Zone), (true, PartId::Dns), (policy.rdap, PartId::Rdap), (tls, PartId::Tls)];
        let needed = of_name.into_iter().filter(|(needed, part)| *needed && !self.left_out.has(part));
        needed.map(|(_, part)| part).filter(|part| self.position(part).is_err()).map(Awaited)
    }

    pub(super) fn awaited_of_addresses<'a>(
        &'a self,
        policy: &'a Policy,
    ) -> impl Iterator<Item = Awaited> + 'a {
        let needed = self.parts_of_addresses(policy).filter(|part| !self.left_out.has(part));
        needed.filter(|part| self.position(part).is_err()).map(Awaited)
    }

    /// A part for each address and each collector that addresses need.
    pub(super) fn parts_of_addresses<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = PartId> + 'a {
        self.addresses().iter().flat_map(move |address| {
            let part = |collector: &CompactString| PartId::Ip {
                address: address.clone(),
                collector: collector.clone(),
            };
            policy.address_collectors.iter().map(part)
        })
    }

    pub(super) fn complete(&self, policy: &Policy) -> bool {
        // The cheap bound first: most arrivals of a name leave it incomplete.
        let least = match self.left_out.only {
            None => 2 + self.addresses().len() * policy.address_collectors.len(),
            Some(_) => 2,
        };
        // There is no record without a DNS result, though nobody may have asked for one.
        self.slots.len() >= least && self.dns.is_some() && self.awaited(policy).next().is_none()
    }

    /// Whether it is whole and was emitted: it is kept for revisions only. In the reference reading more is to come.
    pub fn is_done(&self, policy: &Policy) -> bool {
        self.revision > 0 && matches!(self.window, Window::Run(_)) && self.complete(policy)
    }

    fn emit(&mut self, complete: bool, now: Millis, policy: &Policy) -> Step {
        self.revision += 1;
        self.due = now.saturating_add(if complete { policy.grace } else { policy.patience });
        Step::Emit { complete }
    }

    /// It was emitted before, with all that has arrived.
    pub(super) fn emitted(&mut self, emitted: Emitted, policy: &Policy, outages: &Outages) {
        let since = match emitted {
            // Only time emits a first record that is not complete.
            Emitted { revision: ..=1, complete: false } => outages.after(self.latest, policy.patience),
            _ => self.latest,
        };
        self.revision = emitted.revision - 1;
        self.emit(emitted.complete, since, policy);
    }

    pub(super) fn position(&self, part: &PartId) -> Result<usize, usize> {
        self.slots.binary_search_by(|slot| slot.part.cmp(part))
    }
}

/// Which of two results of a part wins: a success over a failure, then the later attempt. The order is total, so that
/// the order of arrival does not matter.
fn fitness<P>(slot: &Slot<P>) -> (bool, Millis) {
    (slot.status.ok(), slot.attempt)
}
