//! The steps of the reference reading: two stages, each with a window of its own.
//!
//! The first joins what is known of the name and hands it over, again with every result while its window is open; names
//! without addresses are emitted there. The second joins it with the results about its addresses. It takes the first that
//! is handed over, needs every address of which it has heard, and how long it waits depends on what came first. The numbers
//! are those of the behaviour report, sections 3.3 to 3.5.

use super::entry::{Entry, Slot, Step, Window};
use super::{Arrival, DnsFacts, PartId, Policy, Reading};
use crate::clock::Millis;
use compact_str::CompactString;

/// Deadlines are at whole seconds.
const ROUND: Millis = 1000;

/// What the first stage hands over.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate<P> {
    run: Option<CompactString>,
    dns: DnsFacts,
    slots: Vec<Slot<P>>,
    time: Millis,
}

impl<P> Aggregate<P> {
    /// When it was handed over.
    pub(super) fn time(&self) -> Millis {
        self.time
    }
}

impl<P> Entry<P> {
    /// What is handed over at `time`; `copy` gives the payloads of its own.
    pub fn aggregate<E>(
        &self,
        time: Millis,
        mut copy: impl FnMut(&Slot<P>) -> Result<P, E>,
    ) -> Result<Aggregate<P>, E> {
        let copy = |slot: &Slot<P>| {
            let (part, payload) = (slot.part.clone(), copy(slot)?);
            Ok(Slot { part, status: slot.status, attempt: slot.attempt, cut: slot.cut, payload })
        };
        let slots = self.slots.iter().map(copy).collect::<Result<_, E>>()?;
        Ok(Aggregate { run: self.run.clone(), dns: self.dns.clone().unwrap_or_default(), slots, time })
    }

    /// The first stage takes in a result.
    pub(super) fn domain_arrives(&mut self, arrival: Arrival<P>, policy: &Policy) -> (Step, Option<P>) {
        let time = arrival.time;
        // Runs are not told apart; that of the newest result stands for all.
        self.run = arrival.run.clone().or_else(|| self.run.take());
        let (kept, displaced) = self.keep(arrival, Reading::Reference);
        let step = match kept {
            _ if self.awaited_of_name(policy).next().is_none() => {
                let clear = time.saturating_add(policy.grace);
                // The first time that was set for clearing holds.
                self.due = if self.revision == 0 { clear } else { self.due.min(clear) };
                self.leave(time, policy)
            }
            kept => {
                if self.revision == 0 {
                    self.due = whole(time.saturating_add(policy.patience));
                }
                kept.map_or_else(Step::Ignored, |()| Step::Kept)
            }
        };
        (step, displaced)
    }

    /// The second stage takes in a result.
    pub(super) fn address_arrives(&mut self, arrival: Arrival<P>, policy: &Policy) -> (Step, Option<P>) {
        let (time, part) = (arrival.time, arrival.part.clone());
        let (kept, displaced) = self.keep(arrival, Reading::Reference);
        if let Err(ignored) = kept {
            return (Step::Ignored(ignored), displaced);
        }
        self.due = self.due.max(whole(time.saturating_add(policy.windows.after_address)));
        match (&mut self.dns, part) {
            (Some(dns), PartId::Ip { address, .. }) => expect(&mut dns.addresses, &address),
            _ => self.due = self.due.max(time.saturating_add(policy.windows.for_domain)),
        }
        (self.look(time, policy), displaced)
    }

    /// The second stage takes what is known of the name, if it has not before.
    pub(super) fn take_over(&mut self, aggregate: Aggregate<P>, policy: &Policy) -> Step {
        let Aggregate { run, dns, slots, time } = aggregate;
        if self.dns.is_some() {
            return Step::Ignored(super::Ignored::Repeated);
        }
        self.run = run.or_else(|| self.run.take());
        self.slots.extend(slots);
        self.slots.sort_by(|a, b| a.part.cmp(&b.part));
        let mut dns = dns;
        for slot in &self.slots {
            if let PartId::Ip { address, .. } = &slot.part {
                expect(&mut dns.addresses, address);
            }
        }
        self.dns = Some(dns);
        // However long the addresses would have waited.
        self.due = whole(time.saturating_add(policy.windows.after_domain));
        self.look(time, policy)
    }

    /// Whether the second stage has all it needs.
    fn look(&mut self, time: Millis, policy: &Policy) -> Step {
        if self.dns.is_none() || self.awaited_of_addresses(policy).next().is_some() {
            return Step::Kept;
        }
        if self.revision == 0 {
            self.due = whole(time.saturating_add(policy.grace));
        }
        self.leave(time, policy)
    }

    /// Out of the stage: to the next one, or out of the join.
    pub(super) fn leave(&mut self, time: Millis, policy: &Policy) -> Step {
        self.revision += 1;
        match self.window {
            Window::Domain if !self.addresses().is_empty() => Step::HandOver(time),
            _ => Step::Emit { complete: self.awaited(policy).next().is_none() },
        }
    }
}

fn whole(time: Millis) -> Millis {
    time - time.rem_euclid(ROUND)
}

fn expect(addresses: &mut Vec<CompactString>, address: &CompactString) {
    if !addresses.contains(address) {
        addresses.push(address.clone());
    }
}
