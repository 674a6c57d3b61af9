//! Another join, made to be read: it knows one name, looks at all it has ever seen with every event, and has no timers. On
//! random input it agrees with the real one, in both readings.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const COLLECTORS: [&str; 4] = ["geo-asn", "nerd", "rdap-ip", "rtt"];
const MINUTE: Millis = 60_000;

/// A result as the model sees it: `zone`, `dns`, `tls`, `rdap-dn`, or `address collector`.
#[derive(Clone, Debug)]
struct Result {
    part: String,
    run: String,
    ok: bool,
    time: Millis,
    /// What a DNS result says: its addresses, and whether TLS follows.
    says: (Vec<&'static str>, bool),
}

#[derive(Clone, Debug)]
enum Event {
    Result(Result),
    Time(Millis),
    /// The name is to rest.
    Rest,
}

/// The results that win, by part.
type Parts = BTreeMap<String, Result>;
/// A record: number, whether it is whole, and the time of each part's result.
type Record = (u32, bool, BTreeMap<String, Millis>);

/// Takes a result in; whether it wins.
fn take(parts: &mut Parts, result: &Result) -> bool {
    let wins = parts.get(&result.part).is_none_or(|old| (result.ok, result.time) > (old.ok, old.time));
    if wins {
        parts.insert(result.part.clone(), result.clone());
    }
    wins
}

fn name_is_whole(parts: &Parts) -> bool {
    let has = |part: &str| parts.contains_key(part);
    has("zone") && has("dns") && has("rdap-dn") && (has("tls") || !parts["dns"].says.1)
}

fn addresses_are_whole<'a>(parts: &Parts, addresses: impl IntoIterator<Item = &'a str>) -> bool {
    let mut all = addresses.into_iter().flat_map(|address| COLLECTORS.map(|by| format!("{address} {by}")));
    all.all(|part| parts.contains_key(&part))
}

fn record(number: u32, whole: bool, parts: &Parts) -> Record {
    (number, whole, parts.iter().map(|(part, result)| (part.clone(), result.time)).collect())
}

/// The default reading: each run by itself.
#[derive(Default)]
struct Target(BTreeMap<String, Run>);

#[derive(Default)]
struct Run {
    parts: Parts,
    /// Greatest time of a result that won.
    latest: Millis,
    records: u32,
    ends: Millis,
}

impl Target {
    fn result(&mut self, result: &Result) -> Option<Record> {
        let run = self.0.entry(result.run.clone()).or_default();
        if !take(&mut run.parts, result) {
            return None;
        }
        run.latest = run.latest.max(result.time);
        let addresses = run.parts.get("dns").map_or(vec![], |dns| dns.says.0.clone());
        let whole = name_is_whole(&run.parts) && addresses_are_whole(&run.parts, addresses);
        let leaves = whole || run.records > 0;
        run.records += u32::from(leaves);
        run.ends = run.latest + if whole { 5000 } else { MINUTE };
        leaves.then(|| record(run.records, whole, &run.parts))
    }

    fn time(&mut self, now: Millis) -> Vec<Record> {
        let mut out = vec![];
        self.0.retain(|_, run| {
            let due = run.ends <= now;
            let partial =
                due && run.records == 0 && run.parts.contains_key("zone") && run.parts.contains_key("dns");
            if partial {
                run.records = 1;
                run.ends = now + MINUTE;
                out.push(record(1, false, &run.parts));
            }
            !due || partial
        });
        out
    }
}

/// The reading of the reference: two windows, whatever the runs.
#[derive(Default)]
struct Reference {
    domain: Option<Domain>,
    addresses: Option<Addresses>,
}

#[derive(Default)]
struct Domain {
    parts: Parts,
    complete: u32,
    ends: Millis,
}

#[derive(Default)]
struct Addresses {
    parts: Parts,
    name: Option<Parts>,
    complete: u32,
    ends: Millis,
}

fn second(time: Millis) -> Millis {
    time.div_euclid(1000) * 1000
}

impl Reference {
    fn result(&mut self, result: &Result) -> Option<Record> {
        if let Some((_, collector)) = result.part.split_once(' ') {
            if !COLLECTORS.contains(&collector) {
                return None;
            }
            let of = self.addresses.get_or_insert_default();
            if !take(&mut of.parts, result) {
                return None;
            }
            of.ends = of.ends.max(second(result.time + MINUTE));
            if of.name.is_none() {
                of.ends = of.ends.max(result.time + MINUTE);
            }
            return of.look(result.time);
        }
        let of = self.domain.get_or_insert_default();
        take(&mut of.parts, result);
        if !name_is_whole(&of.parts) {
            if of.complete == 0 {
                of.ends = second(result.time + MINUTE);
            }
            return None;
        }
        let clear = result.time + 5000;
        of.ends = if of.complete == 0 { clear } else { of.ends.min(clear) };
        of.complete += 1;
        let (number, parts) = (of.complete, of.parts.clone());
        self.aggregate(number, true, parts, result.time)
    }

    /// What the first window gives away: out, or to the second.
    fn aggregate(&mut self, number: u32, whole: bool, parts: Parts, time: Millis) -> Option<Record> {
        if parts["dns"].says.0.is_empty() {
            return Some(record(number, whole, &parts));
        }
        let of = self.addresses.get_or_insert_default();
        if of.name.is_some() {
            return None;
        }
        of.name = Some(parts);
        of.ends = second(time + 10_000);
        of.look(time)
    }

    fn time(&mut self, now: Millis) -> Vec<Record> {
        let mut out = vec![];
        if let Some(of) = self.domain.take_if(|of| of.ends <= now)
            && of.complete == 0
            && of.parts.contains_key("zone")
            && of.parts.contains_key("dns")
        {
            let whole = name_is_whole(&of.parts);
            out.extend(self.aggregate(1, whole, of.parts, of.ends));
        }
        if let Some(of) = self.addresses.take_if(|of| of.ends <= now)
            && of.complete == 0
            && of.name.is_some()
        {
            out.push(of.record(1));
        }
        out
    }
}

impl Addresses {
    fn expected(&self) -> BTreeSet<String> {
        let of_name =
            self.name.iter().flat_map(|name| name["dns"].says.0.iter().map(|address| (*address).to_owned()));
        of_name.chain(self.parts.keys().map(|part| part.split(' ').next().unwrap().to_owned())).collect()
    }

    fn look(&mut self, time: Millis) -> Option<Record> {
        let expected = self.expected();
        if self.name.is_none() || !addresses_are_whole(&self.parts, expected.iter().map(String::as_str)) {
            return None;
        }
        self.complete += 1;
        if self.complete == 1 {
            self.ends = second(time + 5000);
        }
        Some(self.record(self.complete))
    }

    fn record(&self, number: u32) -> Record {
        let name = self.name.clone().unwrap();
        let expected = self.expected();
        let whole =
            name_is_whole(&name) && addresses_are_whole(&self.parts, expected.iter().map(String::as_str));
        let all = name.into_iter().chain(self.parts.clone()).collect();
        record(number, whole, &all)
    }
}

/// The real join's records of one event.
fn real(names: &mut Names<u32>, policy: &Policy, event: &Event) -> Vec<Record> {
    let mut out = vec![];
    let note = |entry: &Entry<u32>, step: Step| {
        if let Step::Emit { complete } = step {
            let part = |slot: &Slot<u32>| match &slot.part {
                PartId::Ip { address, collector } => {
                    (format!("{address} {collector}"), Millis::from(slot.payload))
                }
                part => (part.to_string(), Millis::from(slot.payload)),
            };
            out.push((entry.revision, complete, entry.slots().iter().map(part).collect()));
        }
    };
    match event {
        Event::Time(now) => advance(names, *now, policy, note),
        Event::Rest => names.rest(&Bytes::from_static(NAME)),
        Event::Result(result) => {
            let part = match result.part.as_str() {
                "zone" => PartId::Zone,
                "dns" => PartId::Dns,
                "tls" => PartId::Tls,
                "rdap-dn" => PartId::Rdap,
                pair => pair.split_once(' ').map(|(address, collector)| ip(address, collector)).unwrap(),
            };
            let status = if result.ok { 0 } else { 11 };
            let arrival = match part {
                PartId::Dns => dns(status, result.time, &result.says.0, result.says.1),
                part => arrival(part, status, result.time),
            };
            let arrival = Arrival { run: Some(result.run.as_str().into()), ..arrival };
            arrive(names, &Bytes::from_static(NAME), arrival, policy, note);
        }
    }
    out
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let part = prop_oneof![
        3 => Just("zone".to_owned()),
        3 => Just("dns".to_owned()),
        3 => Just("rdap-dn".to_owned()),
        2 => Just("tls".to_owned()),
        12 => (prop::sample::select(vec!["a", "b"]), prop::sample::select(COLLECTORS.to_vec()))
            .prop_map(|(address, by)| format!("{address} {by}")),
        1 => Just("a qradar".to_owned()),
    ];
    let says = prop::sample::select(vec![
        (vec![], false),
        (vec![], true),
        (vec!["a"], false),
        (vec!["a"], true),
        (vec!["a", "b"], false),
    ]);
    let run = prop_oneof![5 => Just("r1".to_owned()), 1 => Just("r2".to_owned())];
    let step = (prop_oneof![8 => 0_i64..2000, 1 => 0_i64..20_000], 0_i64..3000, any::<u8>());
    let event = (part, run, prop::bool::weighted(0.8), says, step);
    prop::collection::vec(event, 0..60).prop_map(|events| {
        let (mut now, mut out) = (100_000, vec![]);
        for (part, run, ok, says, (passes, late, kind)) in events {
            now += passes;
            if kind < 40 {
                out.push(Event::Time(now));
            } else {
                out.push(Event::Result(Result { part, run, ok, time: now - late, says }));
            }
            if kind % 2 == 1 {
                out.push(Event::Rest);
            }
        }
        out.extend([Event::Time(now + 2 * MINUTE), Event::Time(now + 5 * MINUTE)]);
        out
    })
}

proptest! {
    #[test]
    fn the_join_agrees_with_a_simple_one(events in events()) {
        let policy = Policy::default();
        let (mut names, mut model) = (Names::default(), Target::default());
        for event in &events {
            let mut expected = match event {
                Event::Result(result) => model.result(result).into_iter().collect(),
                Event::Time(now) => model.time(*now),
                Event::Rest => vec![],
            };
            let mut records = real(&mut names, &policy, event);
            // Two runs may be due at once.
            expected.sort();
            records.sort();
            prop_assert_eq!(records, expected, "{:?}", event);
        }
        prop_assert_eq!(names.open(), model.0.len());
    }

    #[test]
    fn the_reading_of_the_reference_agrees_with_a_simple_one(events in events()) {
        let policy = Policy { reading: Reading::Reference, ..Policy::default() };
        let (mut names, mut model) = (Names::default(), Reference::default());
        for event in &events {
            let expected: Vec<_> = match event {
                Event::Result(result) => model.result(result).into_iter().collect(),
                Event::Time(now) => model.time(*now),
                Event::Rest => vec![],
            };
            prop_assert_eq!(real(&mut names, &policy, event), expected, "{:?}", event);
        }
        prop_assert_eq!(names.open(), usize::from(model.domain.is_some()) + usize::from(model.addresses.is_some()));
    }
}
