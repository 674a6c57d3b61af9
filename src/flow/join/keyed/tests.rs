//! One partition of the join over crashes: whatever is cut when, and whatever is lost, each name is emitted once.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::clock::{ManualClock, SharedClock};
use crate::codec::{FolderRegistry, Format, Part, PartKind, Schemas, Splicer};
use crate::flow::dead_letter::DeadLetters;
use crate::flow::headers::{REVISION, RUN};
use crate::flow::join::feed::Ready;
use crate::flow::join::rows::JoinRows;
use crate::flow::placement::Placement;
use crate::io::{Fetched, Outgoing, RawRecord, Topic, Topics};
use crate::join::Policy;
use crate::model::Status;
use crate::state::{Store, StoreOptions};
use crate::telemetry::Meters;

const INPUTS: [PartKind; 3] = [PartKind::Zone, PartKind::Dns, PartKind::Rdap];
/// Time between two records.
const STEP: Millis = 1000;

/// What happens while the partition is read.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// So many results are read.
    Read(usize),
    Cut,
    /// The process dies; the rows of the last cut may not have been written, or all rows are lost. It is live again so
    /// long after what it last committed.
    Crash(Lost, Millis),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    Nothing,
    LastRows,
    Store,
}

/// When a result comes, the time of its record, and its name.
type Coming = (Millis, Millis, usize);

/// After its zone, how long until the DNS result of a name, after that until its RDAP result, if ever, how much later than its
/// time says that one comes, and how long after its zone there is another zone result, if ever.
type Delays = (Millis, Option<Millis>, Millis, Option<Millis>);

/// A partition, what is committed of it, and where its rows are.
struct World {
    /// The results by input, in the order in which they come.
    logs: [Vec<Coming>; 3],
    group: [Option<Position>; 3],
    emitted: Vec<RawRecord>,
    dir: tempfile::TempDir,
    flush: bool,
}

/// What is running between two crashes.
struct Running {
    join: Join,
    next: [usize; 3],
    live_from: [usize; 3],
    live: bool,
    /// What was emitted since the last cut.
    outputs: Vec<Outgoing>,
    /// Rows of the last cut, not written yet.
    rows: Option<Batch>,
}

impl World {
    fn new(delays: &[Delays], flush: bool) -> Self {
        let mut logs = [vec![], vec![], vec![]];
        for (name, (dns, rdap, late, again)) in delays.iter().enumerate() {
            let zone = STEP * name as Millis;
            let zones = std::iter::once(zone).chain(again.map(|again| zone + again));
            logs[0].extend(zones.map(|zone| (zone, zone, name)));
            logs[1].push((zone + dns, zone + dns, name));
            logs[2].extend(rdap.map(|rdap| zone + dns + rdap).map(|rdap| (rdap + late, rdap, name)));
        }
        logs.iter_mut().for_each(|log| log.sort());
        Self { logs, group: [None, None, None], emitted: vec![], dir: tempfile::tempdir().unwrap(), flush }
    }

    fn start(&self, outage: Millis) -> Running {
        let committed = self.group.iter().flatten().map(|position| Committed::read(position).worked).max();
        let clock: SharedClock = Arc::new(ManualClock::at(committed.unwrap_or(1).saturating_add(outage)));
        let topics = Topics::new(["zone", "dns", "rdap", "out", "dead"].map(str::to_owned), 1);
        let options = StoreOptions {
            block_cache: crate::units::Size(1 << 20),
            write_buffer: crate::units::Size(1 << 20),
            ..StoreOptions::default()
        };
        let store = Store::open(&self.dir.path().join("db"), options).unwrap();
        let rows = JoinRows::new(store, "g", topics.clone());
        let meters = Arc::new(Meters::new("f", [], clock.clone()));
        let schemas = Schemas::new(Arc::new(FolderRegistry::open(self.dir.path().join("schemas")).unwrap()));
        let splicer = futures_util::FutureExt::now_or_never(Splicer::new(Format::Json, "out", &schemas));
        let inputs: Vec<_> = INPUTS.into_iter().zip((0..3).map(Topic)).collect();
        let setup = JoinSetup {
            placements: vec![Placement::new("results", 1, &meters); 3],
            name: "join".to_owned(),
            policy: Policy {
                address_collectors: vec![],
                rdap: true,
                tls: false,
                patience: 25 * STEP,
                grace: 2 * STEP,
                ..Policy::default()
            },
            inputs: inputs.clone(),
            to: Topic(3),
            splicer: splicer.unwrap().unwrap(),
            rows: rows.clone(),
            flush_interval: std::time::Duration::from_secs(if self.flush { 0 } else { 3600 }),
            memory: 0,
            max_open: 3,
            dead_letters: DeadLetters::new(topics, Topic(4), meters.clone(), clock.clone()),
            meters,
            clock,
        };
        let of_join: Vec<_> =
            inputs.iter().zip(&self.group).map(|((_, topic), group)| (*topic, group.as_ref())).collect();
        let (starts, live_from, mut opening) = rows.reopen(0, &of_join, Topic(3)).unwrap();
        let from = opening.look_from.map_or(self.emitted.len(), |from| usize::try_from(from).unwrap());
        self.emitted[from..].iter().for_each(|record| opening.last.see(record));
        let next = std::array::from_fn(|input| usize::try_from(starts[input].offset()).unwrap());
        let mut join = Join {
            setup,
            shared: Shared::new(0, crate::flow::waiting::Moving::default()),
            partitions: BTreeMap::new(),
            bytes: 0,
            flushed: Instant::now(),
            out: Vec::new(),
            shown: (0, 0),
        };
        join.step(JoinItem::Open(0, Rc::new(Cell::new(Some(opening))))).unwrap();
        let live_from = std::array::from_fn(|input| usize::try_from(live_from[input]).unwrap());
        Running { join, next, live_from, live: false, outputs: vec![], rows: None }
    }

    /// Reads the next result: as they come, or again, in the order of their times. Whether there was one.
    fn read(&self, running: &mut Running) -> bool {
        let limit =
            |input: usize| if running.live { self.logs[input].len() } else { running.live_from[input] };
        let heads = (0..3).filter(|&input| running.next[input] < limit(input));
        let Some(input) = heads.min_by_key(|&input| {
            let (comes, time, name) = self.logs[input][running.next[input]];
            (if running.live { comes } else { time }, name)
        }) else {
            if !running.live {
                running.live = true;
                running.join.step(JoinItem::Live(0)).unwrap();
                return true;
            }
            return false;
        };
        let offset = running.next[input];
        let (comes, time, name) = self.logs[input][offset];
        let key = format!("n{name:03}.cz");
        let mut record = RawRecord { key: Some(key.clone().into()), time, ..RawRecord::default() };
        record.headers.push(RUN, format!("run-{name}"));
        let (status, attempt, collector) = (Status::OK, time, None);
        let dns = (INPUTS[input] == PartKind::Dns).then(|| (vec![], false));
        let part = Part { status, attempt, collector, dns, body: r#"{"zone":null}"#.into() };
        let fetched = Fetched { offset: offset as i64, record };
        if running.live {
            running.join.step(JoinItem::Time(0, comes)).unwrap();
        }
        let ready = Box::new(Ready { fetched, part: Ok(part) });
        running.join.step(JoinItem::Part { partition: 0, input, ready }).unwrap();
        running.next[input] = offset + 1;
        true
    }

    fn cut(&mut self, running: &mut Running) {
        if let Some(rows) = running.rows.take() {
            rows.write().unwrap();
        }
        running.join.step(JoinItem::Cut { last: false }).unwrap();
        for out in running.join.out.drain(..) {
            match out {
                Out::Joined(record) => running.outputs.push(record),
                Out::Cut(share) => {
                    let JoinCut { positions, state, .. } = share.take().unwrap();
                    running.rows = state;
                    for position in positions {
                        let input = usize::from(position.topic.0);
                        let before = self.group[input].as_ref().map_or(0, |before| before.offset);
                        assert!(before <= position.offset, "the group goes back");
                        self.group[input] = Some(position);
                    }
                }
                Out::Finished { .. } => unreachable!("the join sends none"),
            }
        }
        self.emitted.extend(running.outputs.drain(..).map(|output| output.record));
        let end = self.emitted.len() as i64;
        running.join.shared.written.note([((Topic(3), 0), end)].into());
    }

    /// The revisions of each name that has any.
    fn revisions(&self) -> Vec<Vec<String>> {
        let mut of: BTreeMap<&[u8], Vec<String>> = BTreeMap::new();
        for record in &self.emitted {
            let revision = record.headers.text(REVISION).unwrap().to_owned();
            of.entry(record.key.as_deref().unwrap()).or_default().push(revision);
        }
        of.into_values().collect()
    }

    fn crash(&mut self, mut running: Running, lost: Lost) {
        let rows = running.rows.take();
        match lost {
            Lost::Nothing => rows.map_or(Ok(()), Batch::write).unwrap(),
            Lost::LastRows => {}
            Lost::Store => {
                // Both hold the database, which writes as long as it is open.
                drop((rows, running));
                std::fs::remove_dir_all(self.dir.path().join("db")).unwrap();
            }
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let lost = prop_oneof![Just(Lost::Nothing), Just(Lost::LastRows), Just(Lost::Store)];
    let event = prop_oneof![
        5 => (1_usize..12).prop_map(Event::Read),
        3 => Just(Event::Cut),
        1 => (lost, 0..60 * STEP).prop_map(|(lost, outage)| Event::Crash(lost, outage)),
    ];
    prop::collection::vec(event, 0..60)
}

/// A partition until the end of time.
fn play(delays: &[Delays], flush: bool, events: Vec<Event>) -> World {
    let mut world = World::new(delays, flush);
    let mut running = world.start(0);
    for event in events {
        match event {
            Event::Read(count) => drop((0..count).take_while(|_| world.read(&mut running)).count()),
            Event::Cut => world.cut(&mut running),
            Event::Crash(lost, outage) => {
                world.crash(running, lost);
                running = world.start(outage);
            }
        }
    }
    while world.read(&mut running) {}
    running.join.step(JoinItem::Time(0, Millis::MAX)).unwrap();
    world.cut(&mut running);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn each_name_is_emitted_once_whatever_is_lost(
        delays in prop::collection::vec(
            (1_i64..20_000, prop::option::weighted(0.9, 1_i64..20_000), Just(0), Just(None)),
            1..50,
        ),
        flush in any::<bool>(),
        events in events(),
    ) {
        let world = play(&delays, flush, events);
        prop_assert_eq!(world.revisions(), vec![vec!["1".to_owned()]; delays.len()]);
    }

    #[test]
    fn no_revision_is_emitted_twice_whatever_comes_late_and_is_lost(
        delays in prop::collection::vec(
            (
                1_i64..20_000,
                prop::option::weighted(0.9, 1_i64..20_000),
                prop_oneof![Just(0), 0..60 * STEP],
                prop::option::weighted(0.3, 20_000_i64..60_000),
            ),
            1..50,
        ),
        flush in any::<bool>(),
        events in events(),
    ) {
        for revisions in play(&delays, flush, events).revisions() {
            let numbers: Vec<_> = (1..=revisions.len()).map(|number| number.to_string()).collect();
            prop_assert_eq!(&revisions, &numbers);
            prop_assert!((1..=3).contains(&numbers.len()));
        }
    }
}

/// A name is given up, then a result comes that makes a revision and leaves it incomplete: neither is forgotten.
#[test]
fn a_name_that_was_given_up_does_not_leave_anew() {
    for lost in [Lost::Nothing, Lost::LastRows, Lost::Store] {
        // The second name lets the time pass in which the first is given up.
        let delays = [(1, None, 0, Some(45 * STEP)), (20 * STEP, Some(20 * STEP), 0, None)];
        // Going live counts as a read.
        let events = [Event::Read(6), Event::Cut, Event::Read(1), Event::Cut, Event::Crash(lost, 0)];
        let revisions = play(&delays, false, events.to_vec()).revisions();
        assert_eq!(revisions, [vec!["1", "2"], vec!["1"]], "{lost:?}");
    }
}

/// The rows know more than what was committed of a name that was given up, and are lost later: it is still known.
#[test]
fn a_name_that_was_given_up_is_known_after_two_crashes() {
    let late = |rdap| (20 * STEP, Some(rdap * STEP), 0, None);
    let delays = [(1, None, 0, Some(45 * STEP)), late(20), late(24), late(24)];
    let read = |count| [Event::Read(count), Event::Cut];
    // The first name is given up and revised; others are joined meanwhile, so that rows are written that know of it.
    let (revised, known) = ([read(10), read(2)].concat(), read(1));
    let crashes = [Event::Crash(Lost::Nothing, 0), Event::Read(1), Event::Cut, Event::Crash(Lost::Store, 0)];
    let revisions = play(&delays, true, [&revised[..], &known, &crashes].concat()).revisions();
    assert_eq!(revisions, [vec!["1", "2"], vec!["1"], vec!["1"], vec!["1"]]);
}

/// Rows are lost, and what is read again begins in the middle of a name that was done: it does not leave anew, though another
/// zone result makes it whole. Nor if the process dies again before it has read anything.
#[test]
fn a_name_that_is_read_again_by_half_does_not_leave_anew() {
    let delays = [(5 * STEP, Some(5 * STEP), 0, Some(20 * STEP)), (14 * STEP, None, 0, None)];
    // The first name's zone comes before all that is read again, which the second name is open for.
    let events = [Event::Read(2), Event::Cut, Event::Read(4), Event::Cut, Event::Crash(Lost::Store, 0)];
    for again in [None, Some(Event::Crash(Lost::Nothing, 0))] {
        let events = events.into_iter().chain(again).collect();
        assert_eq!(play(&delays, false, events).revisions(), [["1"], ["1"]], "{again:?}");
    }
}

/// A partition that comes back before it is closed here: what was reopened is not swept away as rows of another process.
#[test]
fn a_partition_that_comes_back_fast_keeps_its_rows() {
    let mut world = World::new(&[(1, None, 0, None)], true);
    let mut running = world.start(0);
    let rows = running.join.setup.rows.clone();
    let inputs = [0, 1, 2].map(|input| (Topic(input), None));
    let (_, _, opening) = rows.reopen(0, &inputs, Topic(3)).unwrap();
    running.join.step(JoinItem::Close(0)).unwrap();
    world.cut(&mut running);
    running.join.step(JoinItem::Open(0, Rc::new(Cell::new(Some(opening))))).unwrap();
    rows.sweep(Instant::now() + std::time::Duration::from_secs(86_400)).unwrap();
    assert_eq!(rows.position(Topic(0), 0).unwrap(), Some(0));
}

#[test]
fn a_full_join_holds_new_names_back_until_one_is_joined() {
    // The zones of four names come first, then the other parts of each.
    let world = World::new(&[(10 * STEP, Some(STEP), 0, None); 4], false);
    let mut running = world.start(0);
    let mut full = vec![];
    while world.read(&mut running) {
        running.join.show();
        full.push((
            running.join.setup.meters.join.open.load(Ordering::Relaxed),
            running.join.shared.join_full.get(),
        ));
    }
    assert!(full.iter().all(|(open, full)| *full == (*open >= 3)), "{full:?}");
    assert!(full.contains(&(4, true)) && full.contains(&(2, false)), "{full:?}");
}

/// Nothing may come for long: what was not written with the last cut has a time at which it is.
#[test]
fn rows_that_a_cut_leaves_unwritten_are_due() {
    for flush in [true, false] {
        let mut world = World::new(&[(1, None, 0, None)], flush);
        let mut running = world.start(0);
        assert_eq!(running.join.shared.rows_due.get(), None);
        while world.read(&mut running) {}
        world.cut(&mut running);
        let due = running.join.shared.rows_due.get();
        assert_eq!(due.is_some(), !flush);
        assert!(due.is_none_or(|due| due > Instant::now()));
        running.join.setup.flush_interval = std::time::Duration::ZERO;
        world.cut(&mut running);
        assert_eq!(running.join.shared.rows_due.get(), None);
        assert!(running.rows.is_some_and(|rows| !rows.is_empty()) || flush);
    }
}
