//! Names whose results come in any order, twice, late or never, while the job restarts and stands still: no name without its
//! record, and never a worse record after a better one. `JOIN_SECONDS=600` makes it last so long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::*;
use compact_str::CompactString;

/// Worlds of the short form.
const WORLDS: u64 = 100;
/// Names of a world.
const NAMES: usize = 30;
const COLLECTORS: [&str; 4] = ["geo-asn", "nerd", "rdap-ip", "rtt"];

/// Name and run.
type Id = (Bytes, Option<CompactString>);
/// The parts of a record with how good each is.
type Parts = BTreeMap<PartId, (bool, Millis)>;
/// A result, and at which time of the stream it comes.
type Coming = (Millis, Bytes, Arrival<u32>);

/// The results of a world in the order in which they come.
fn results(rng: &mut Rng) -> Vec<Coming> {
    let mut all = vec![];
    // One collector is away for a while: what it has to say comes later, or never.
    let (away, from, until) = (rng.usize(2..12), rng.i64(0..90_000), rng.i64(90_000..400_000));
    let for_ever = rng.bool();
    for number in 0..NAMES {
        for run in 0..rng.usize(1..=2) {
            let name = Bytes::from(format!("n{number}.cz"));
            let addresses = &["192.0.2.1", "::1"][..rng.usize(0..=2)];
            let mut parts = vec![PartId::Zone, PartId::Dns, PartId::Rdap, PartId::Tls];
            parts.extend(addresses.iter().flat_map(|address| COLLECTORS.map(|by| ip(address, by))));
            let start = rng.i64(0..120_000);
            for (index, part) in parts.into_iter().enumerate() {
                // Now and then a result never comes, or there is a later one.
                let (rarely, again) = (rng.usize(0..20) == 0, rng.usize(0..4) == 0);
                let times = if index < 2 { 1 } else { usize::from(!rarely) + usize::from(again) };
                for _ in 0..times {
                    let mut comes = start + rng.i64(0..20_000);
                    if index == away && (from..until).contains(&comes) {
                        if for_ever {
                            continue;
                        }
                        comes = until + rng.i64(0..1000);
                    }
                    let status = if rng.usize(0..4) == 0 && index >= 2 { 11 } else { 0 };
                    let time = comes - rng.i64(0..500);
                    let of = match &part {
                        PartId::Dns => dns(0, time, addresses, true),
                        part => arrival(part.clone(), status, time),
                    };
                    let of = Arrival { run: Some(format!("run-{number}-{run}").into()), ..of };
                    all.push((comes, name.clone(), of.clone()));
                    // A copy of it; of what a record cannot do without it comes at once: both of them long after the
                    // record would open the name anew, since what is done with is not remembered for ever.
                    if rng.usize(0..8) == 0 {
                        let after = if index < 2 { 0 } else { rng.i64(0..4000) };
                        all.push((comes + after, name.clone(), of));
                    }
                }
            }
        }
    }
    all.sort_by_key(|(comes, ..)| *comes);
    all
}

/// What is committed: how far, at which time of the stream, and the outages until then.
#[derive(Clone, Default)]
struct Group {
    position: usize,
    clock: Millis,
    outages: Outages,
}

/// A join that is cut, killed and started again as the job's is (`flow/join`).
struct World {
    policy: Policy,
    names: Names<u32>,
    clock: Millis,
    group: Group,
    /// How far the rows are, and the rows.
    rows: (usize, Vec<(Bytes, Vec<u8>)>),
    /// What was emitted since the last cut, and before.
    pending: Vec<(Id, Parts)>,
    emitted: Vec<(Id, Parts)>,
}

impl World {
    fn take(&mut self, (_, name, arrival): &Coming, muted: bool) {
        let pending = &mut self.pending;
        arrive(&mut self.names, name, arrival.clone(), &self.policy, |entry, step| {
            note(pending, name, entry, step, muted);
        });
    }

    fn time(&mut self, now: Millis, muted: bool) {
        self.clock = self.clock.max(now);
        let pending = &mut self.pending;
        self.names.advance(now, &self.policy, |name, entry, step| note(pending, name, entry, step, muted));
    }

    fn cut(&mut self, position: usize, rows: bool) {
        let outages = self.names.outages(self.clock, &self.policy).clone();
        self.group = Group { position, clock: self.clock, outages };
        self.emitted.append(&mut self.pending);
        if rows {
            let row = |(name, entry): (Bytes, Entry<u32>)| (name, postcard::to_allocvec(&entry).unwrap());
            self.rows = (position, self.names.all().into_iter().map(row).collect());
        }
    }

    /// The process dies and is live again at `now`; the position from which it goes on.
    fn crash(&mut self, all: &[Coming], now: Millis) -> usize {
        let Group { position, clock, outages } = self.group.clone();
        self.pending.clear();
        self.names = Names::new(outages);
        let mut rows: Vec<Entry<u32>> = vec![];
        for (name, row) in &self.rows.1 {
            rows.push(postcard::from_bytes(row).unwrap());
            self.names.restore(name.clone(), rows.pop().unwrap(), &self.policy);
            self.names.rest(name);
        }
        for coming in &all[self.rows.0..position] {
            self.take(coming, true);
        }
        self.time(clock, true);
        self.clock = clock;
        self.names.add_outage(clock, now, &self.policy);
        position
    }
}

fn note(pending: &mut Vec<(Id, Parts)>, name: &Bytes, entry: &Entry<u32>, step: Step, muted: bool) {
    if matches!(step, Step::Emit { .. }) && !muted {
        let part = |slot: &Slot<u32>| (slot.part.clone(), (slot.status.ok(), slot.attempt));
        pending.push(((name.clone(), entry.run.clone()), entry.slots().iter().map(part).collect()));
    }
}

/// Plays a world; how many names were joined and how many records there were, or what was wrong.
fn play(seed: u64) -> Result<(usize, usize), String> {
    let mut rng = Rng::with_seed(seed);
    let all = results(&mut rng);
    let mut world = World {
        policy: Policy::default(),
        names: Names::default(),
        clock: 0,
        group: Group::default(),
        rows: Default::default(),
        pending: vec![],
        emitted: vec![],
    };
    // What is in the topics. Nothing is written to them while the job stands still: all that comes later is later by that.
    let (mut log, mut position): (Vec<Coming>, usize) = (vec![], 0);
    let (mut later, mut now): (Millis, Millis) = (0, 0);
    while position < all.len() {
        if position == log.len() {
            let (comes, name, arrival) = &all[position];
            let time = arrival.time + later;
            log.push((comes + later, name.clone(), Arrival { time, ..arrival.clone() }));
        }
        let coming = &log[position];
        world.time(coming.0, false);
        world.take(coming, false);
        if rng.bool() {
            world.names.rest(&coming.1);
        }
        position += 1;
        match rng.usize(0..100) {
            0..20 => world.cut(position, rng.bool()),
            20 => {
                let outage = if rng.bool() { rng.i64(0..200_000) } else { 0 };
                // Without a cut since the last start, it has stood still since before that.
                now = now.max(world.clock) + outage;
                later += outage;
                position = world.crash(&log, now);
            }
            _ => {}
        }
    }
    world.time(Millis::MAX, false);
    world.cut(position, false);
    let wanted: BTreeSet<Id> = all.iter().map(|(_, name, of)| (name.clone(), of.run.clone())).collect();
    let mut last: BTreeMap<&Id, &Parts> = BTreeMap::new();
    for (id, parts) in &world.emitted {
        let before = last.insert(id, parts);
        for (part, good) in before.into_iter().flatten() {
            if parts.get(part).is_none_or(|now| now < good) {
                return Err(format!("{id:?}: {part} was {good:?}, then {:?}", parts.get(part)));
            }
        }
    }
    match wanted.iter().find(|id| !last.contains_key(id)) {
        Some(missing) => Err(format!("{missing:?} has no record")),
        None => Ok((wanted.len(), world.emitted.len())),
    }
}

#[test]
fn no_name_is_without_its_record_and_none_gets_worse() {
    let long = std::env::var("JOIN_SECONDS").ok().map(|text| Duration::from_secs(text.parse().unwrap()));
    let (started, mut names, mut records) = (Instant::now(), 0, 0);
    let mut seed = if long.is_some() { fastrand::u64(..) } else { 0 };
    let first = seed;
    while match long {
        Some(long) => started.elapsed() < long,
        None => seed < WORLDS,
    } {
        let (of_names, of_records) = play(seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        names += of_names;
        records += of_records;
        seed = seed.wrapping_add(1);
    }
    assert!(records >= names);
    eprintln!("{} worlds, {names} names, {records} records", seed.wrapping_sub(first));
}
