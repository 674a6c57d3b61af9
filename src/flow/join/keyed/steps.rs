//! What a result or the time does to the join of a partition: the entry takes it in, what leaves is emitted, and what
//! differs from the rows is noted. The rules are in `crate::join`, the record that is emitted in `../emit.rs`.

use bytes::Bytes;

use super::super::arrivals::{arrival, subject};
use super::super::emit::emit;
use super::super::feed::Ready;
use super::super::rows::{Payload, in_memory};
use super::super::setup::JoinSetup;
use super::Join;
use crate::clock::Millis;
use crate::flow::dead_letter::Place;
use crate::flow::deliver::Out;
use crate::io::Fetched;
use crate::join::{Aggregate, End, Entry, Ignored, PartId, Reading, Step, Window};
use crate::state::StateError;

impl Join {
    pub(super) fn take(
        &mut self,
        partition: u32,
        input: usize,
        Ready { fetched, part }: Ready,
    ) -> Result<(), StateError> {
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let Fetched { offset, record } = fetched;
        of.next[input] = offset + 1;
        (of.moved, of.unwritten) = (true, true);
        let (kind, topic) = self.setup.inputs[input];
        let place = Place { topic, partition, offset };
        let read = subject(kind, record.key.as_ref());
        let (name, address) = match read {
            Ok(read) => read,
            Err(error) => {
                if !of.muted {
                    let letter = self.setup.dead_letters.key(&self.setup.name, place, record, &error);
                    self.out.push(Out::Joined(letter));
                }
                return Ok(());
            }
        };
        if !of.muted {
            self.setup.placements[input].see(record.key.as_ref(), &name, partition);
        }
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                if !of.muted {
                    let letter = self.setup.dead_letters.value(&self.setup.name, place, record, &error);
                    self.out.push(Out::Joined(letter));
                }
                return Ok(());
            }
        };
        // The key of a record shares its memory with the value, which is not to stay as long as the name.
        let name = of.names.kept(&name).cloned().unwrap_or_else(|| Bytes::copy_from_slice(&name));
        let arrival = arrival(kind, address, &record, part);
        let arrived = arrival.payload.in_memory();
        if let PartId::Ip { collector, .. } = &arrival.part
            && !self.setup.policy.takes(collector)
        {
            self.setup.meters.join.ignore("not-needed");
            return Ok(());
        }
        if of.muted && self.setup.policy.reading == Reading::Reference {
            // Its windows depend on the order of results and deadlines, which has to be what it was.
            self.advance(partition, record.time)?;
        }
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let (open, muted, id) = (of.names.open(), of.muted, arrival.part.clone());
        let (setup, out, changes) = (&self.setup, &mut self.out, &mut of.changes);
        let (displaced, aggregate) =
            of.names.arrive(&name, arrival, &setup.policy, |entry, step, displaced| {
                let ignored = match step {
                    Step::Ignored(Ignored::Repeated) => Some("repeated"),
                    Step::Ignored(Ignored::Worse) => Some("worse"),
                    Step::Kept | Step::HandOver(_) | Step::Emit { .. } => None,
                    Step::End(_) => unreachable!("only time ends an entry"),
                };
                if let Some(why) = ignored {
                    setup.meters.join.ignore(why);
                    return Ok((displaced, None));
                }
                if let (Step::Emit { complete }, false) = (step, muted) {
                    out.push(Out::Joined(emit(setup, partition, &name, entry, complete)?));
                }
                if let Some(replaced) = &displaced {
                    changes.replace(&name, &entry.window, id, replaced);
                }
                changes.change(&name, entry);
                let aggregate = aggregate(setup, partition, &name, entry, step).transpose()?;
                Ok::<_, StateError>((displaced, aggregate))
            })?;
        if of.names.open() > open {
            of.origins.add(&name);
        }
        let refused = displaced.as_ref().map_or(0, Payload::in_memory);
        self.bytes = (self.bytes + arrived).saturating_sub(refused);
        match aggregate {
            Some(aggregate) => self.hand_over(partition, &name, aggregate),
            None => Ok(()),
        }
    }

    /// Brings what is known of a name to the window of its addresses.
    fn hand_over(
        &mut self,
        partition: u32,
        name: &Bytes,
        aggregate: Aggregate<Payload>,
    ) -> Result<(), StateError> {
        let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
        let (setup, muted, changes) = (&self.setup, of.muted, &mut of.changes);
        let (out, bytes, open) = (&mut self.out, &mut self.bytes, of.names.open());
        of.names.hand_over(name, aggregate, &setup.policy, |entry, step| {
            if matches!(step, Step::Ignored(_)) {
                return Ok(());
            }
            let of_name = entry.slots().iter().filter(|slot| !matches!(slot.part, PartId::Ip { .. }));
            *bytes += of_name.map(|slot| slot.payload.in_memory()).sum::<usize>();
            changes.change(name, entry);
            if let (Step::Emit { complete }, false) = (step, muted) {
                out.push(Out::Joined(emit(setup, partition, name, entry, complete)?));
            }
            Ok(())
        })?;
        if of.names.open() > open {
            of.origins.add(name);
        }
        Ok(())
    }

    /// Lets the time of a partition pass.
    pub(super) fn advance(&mut self, partition: u32, time: Millis) -> Result<(), StateError> {
        loop {
            let Some(of) = self.partitions.get_mut(&partition) else { return Ok(()) };
            of.clock = of.clock.max(time);
            let (setup, muted, changes) = (&self.setup, of.muted, &mut of.changes);
            let (out, bytes, mut result) = (&mut self.out, &mut self.bytes, Ok(()));
            let (given_up, written) = (&mut of.given_up, of.next.last().copied().unwrap_or(0));
            let mut handed_over = Vec::new();
            of.names.advance(time, &setup.policy, |name, entry, step| match step {
                Step::Emit { complete } => {
                    changes.change(name, entry);
                    if !muted {
                        // The reference's repetitions are not told apart.
                        if let Window::Run(_) = entry.window {
                            given_up.note(written);
                        }
                        match emit(setup, partition, name, entry, complete) {
                            Ok(record) => out.push(Out::Joined(record)),
                            Err(error) => result = Err(error),
                        }
                    }
                }
                Step::HandOver(_) => {
                    changes.change(name, entry);
                    let aggregate = aggregate(setup, partition, name, entry, step);
                    handed_over.extend(aggregate.map(|aggregate| (name.clone(), aggregate)));
                }
                Step::End(end) => {
                    changes.end(name, entry);
                    *bytes = bytes.saturating_sub(in_memory(entry));
                    let reason = match end {
                        End::Done => return,
                        End::NoZone => "no-zone",
                        End::ZoneFailed => "zone-failed",
                        End::NoDns => "no-dns",
                        End::NotAsked => "not-asked",
                        End::NoDomain => "no-domain",
                    };
                    if !muted {
                        setup.meters.join.end(reason);
                    }
                }
                Step::Kept | Step::Ignored(_) => {}
            });
            (of.moved, of.unwritten) = (true, true);
            result?;
            if handed_over.is_empty() {
                return Ok(());
            }
            for (name, aggregate) in handed_over {
                self.hand_over(partition, &name, aggregate?)?;
            }
        }
    }
}

/// What a step hands over, with payloads of its own.
fn aggregate(
    setup: &JoinSetup,
    partition: u32,
    name: &Bytes,
    entry: &Entry<Payload>,
    step: Step,
) -> Option<Result<Aggregate<Payload>, StateError>> {
    let Step::HandOver(time) = step else { return None };
    Some(entry.aggregate(time, |slot| {
        let bytes = setup.rows.payload(partition, name, entry.window.text(), &slot.part, &slot.payload)?;
        Ok(Payload::Memory { bytes, stored: false })
    }))
}
