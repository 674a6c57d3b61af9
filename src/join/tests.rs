//! The rules as cases (numbers M*, I* are those of the reference's behaviour report, in the target reading), and the
//! properties: any order, repeats and restarts give the same final record.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::clock::Millis;
use crate::model::Status;

const NAME: &[u8] = b"ok.cz";

fn ip(address: &str, collector: &str) -> PartId {
    PartId::Ip { address: address.into(), collector: collector.into() }
}

fn arrival(part: PartId, status: i32, time: Millis) -> Arrival<u32> {
    let run = Some(Arc::from("r1"));
    let (attempt, cut, dns, payload) = (time, false, None, time as u32);
    Arrival { part, run, status: Status(status), attempt, time, cut, dns, payload }
}

fn dns(status: i32, time: Millis, addresses: &[&str], tls: bool) -> Arrival<u32> {
    let addresses = addresses.iter().map(|address| Arc::from(*address)).collect();
    let dns = Some(DnsFacts { addresses, tls });
    Arrival { dns, ..arrival(PartId::Dns, status, time) }
}

fn run(run: Option<&str>, arrival: Arrival<u32>) -> Arrival<u32> {
    Arrival { run: run.map(Arc::from), ..arrival }
}

/// A script of arrivals and of time passing, and what leaves.
enum Do {
    Arrive(Arrival<u32>),
    Time(Millis),
}
use Do::{Arrive, Time};

/// One line for each thing that leaves: revision, completeness, parts; or how the entry ended.
fn play(script: impl IntoIterator<Item = Do>) -> Vec<String> {
    let policy = Policy::default();
    let mut names = Names::default();
    let name = Bytes::from_static(NAME);
    let mut out = vec![];
    for event in script {
        match event {
            Arrive(arrival) => {
                names.arrive(&name, arrival, &policy, |entry, step, _| note(&mut out, entry, step))
            }
            Time(now) => names.advance(now, &policy, |_, entry, step| note(&mut out, entry, step)),
        }
    }
    assert_eq!(names.open(), names.iter().count());
    out
}

fn note(out: &mut Vec<String>, entry: &Entry<u32>, step: Step) {
    match step {
        Step::Emit { complete } => {
            let parts: Vec<_> = entry
                .slots()
                .iter()
                .map(|slot| {
                    let part = match &slot.part {
                        PartId::Ip { address, collector } => format!("{address}/{collector}"),
                        other => other.to_string(),
                    };
                    format!("{part}:{}", slot.payload)
                })
                .collect();
            let kind = if complete { "complete" } else { "partial" };
            out.push(format!("{} {kind} {}", entry.revision, parts.join(" ")));
        }
        Step::End(end) => out.push(format!("{end:?}")),
        Step::Kept | Step::Ignored(_) => {}
    }
}

fn z(time: Millis) -> Do {
    Arrive(arrival(PartId::Zone, 0, time))
}
fn r(status: i32, time: Millis) -> Do {
    Arrive(arrival(PartId::Rdap, status, time))
}
fn t(status: i32, time: Millis) -> Do {
    Arrive(arrival(PartId::Tls, status, time))
}
fn d(time: Millis, addresses: &[&str], tls: bool) -> Do {
    Arrive(dns(0, time, addresses, tls))
}
fn i(address: &str, collector: &str, status: i32, time: Millis) -> Do {
    Arrive(arrival(ip(address, collector), status, time))
}
fn all_of(address: &'static str, time: Millis) -> impl Iterator<Item = Do> {
    let collectors = ["geo-asn", "nerd", "rdap-ip", "rtt"];
    collectors.into_iter().zip(time..).map(move |(collector, time)| i(address, collector, 0, time))
}

#[test]
fn domain_stage() {
    for (case, script, expected) in [
        (
            "M1",
            vec![z(1000), d(2000, &[], true), r(0, 3000), t(0, 4000)],
            vec!["1 complete zone:1000 dns:2000 tls:4000 rdap-dn:3000"],
        ),
        (
            "M2",
            vec![z(1000), d(2000, &[], true), r(0, 3000), t(0, 4000), r(0, 5000), t(11, 6000)],
            vec![
                "1 complete zone:1000 dns:2000 tls:4000 rdap-dn:3000",
                "2 complete zone:1000 dns:2000 tls:4000 rdap-dn:5000",
            ],
        ),
        (
            "M3",
            vec![z(1000), d(2000, &[], false), r(0, 4000), Time(8999), Time(9000)],
            vec!["1 complete zone:1000 dns:2000 rdap-dn:4000", "Done"],
        ),
        (
            "M4",
            vec![z(1500), d(2500, &[], true), r(0, 3700), Time(63_699), Time(63_700)],
            vec!["1 partial zone:1500 dns:2500 rdap-dn:3700"],
        ),
        ("M5", vec![Arrive(arrival(PartId::Zone, 12, 1000)), Time(61_000)], vec!["ZoneFailed"]),
        (
            "M6",
            vec![z(1000), r(0, 1500), d(2000, &[], false)],
            vec!["1 complete zone:1000 dns:2000 rdap-dn:1500"],
        ),
        (
            "M7",
            vec![z(1000), Arrive(dns(20, 2000, &[], false)), r(0, 2100)],
            vec!["1 complete zone:1000 dns:2000 rdap-dn:2100"],
        ),
        (
            "M8",
            vec![z(1000), Arrive(dns(11, 2000, &[], false)), r(0, 2100)],
            vec!["1 complete zone:1000 dns:2000 rdap-dn:2100"],
        ),
        ("M9", vec![z(1000), d(2000, &[], false), Time(62_000)], vec!["1 partial zone:1000 dns:2000"]),
        ("M10", vec![d(1000, &[], false), r(0, 2000), Time(70_000)], vec!["NoZone"]),
        (
            "M11",
            vec![z(1000), d(2000, &[], true), r(0, 3000), t(11, 4000)],
            vec!["1 complete zone:1000 dns:2000 tls:4000 rdap-dn:3000"],
        ),
        (
            "M15",
            vec![
                d(1000, &[], false),
                Arrive(dns(11, 2000, &[], false)),
                d(500, &[], false),
                z(2100),
                r(0, 2200),
            ],
            vec!["1 complete zone:2100 dns:1000 rdap-dn:2200"],
        ),
        (
            "M16",
            vec![Arrive(arrival(PartId::Zone, 12, 3000)), z(1000), d(1100, &[], false), r(0, 1200)],
            vec!["1 complete zone:1000 dns:1100 rdap-dn:1200"],
        ),
        (
            "M17",
            vec![r(11, 1000), r(10, 900), r(12, 1100), z(1200), d(1300, &[], false)],
            vec!["1 complete zone:1200 dns:1300 rdap-dn:1100"],
        ),
        (
            "late TLS gives a revision",
            vec![z(1000), d(2000, &[], true), r(0, 3000), Time(63_000), t(0, 64_000), Time(69_000)],
            vec![
                "1 partial zone:1000 dns:2000 rdap-dn:3000",
                "2 complete zone:1000 dns:2000 tls:64000 rdap-dn:3000",
                "Done",
            ],
        ),
        ("no DNS", vec![z(1000), r(0, 1100), Time(61_100)], vec!["NoDns"]),
    ] {
        assert_eq!(play(script), expected, "{case}");
    }
}

#[test]
fn runs_are_told_apart() {
    let of = |name: Option<&'static str>, part: Do| match part {
        Arrive(arrival) => Arrive(run(name, arrival)),
        time => time,
    };
    // M19, M20: two runs, two records; the second needs TLS and arrives in the grace of the first.
    let script = vec![
        z(1000),
        d(1100, &[], false),
        r(0, 1200),
        of(Some("r2"), z(2000)),
        of(Some("r2"), d(2100, &[], true)),
        of(Some("r2"), r(0, 2200)),
        Time(6200),
        of(Some("r2"), t(0, 7000)),
    ];
    assert_eq!(
        play(script),
        [
            "1 complete zone:1000 dns:1100 rdap-dn:1200",
            "Done",
            "1 complete zone:2000 dns:2100 tls:7000 rdap-dn:2200",
        ]
    );
    // A foreign collector that drops the run: its result joins the open entry; one that comes first is adopted.
    let script = vec![of(None, r(0, 900)), z(1000), d(1100, &[], true), of(None, t(0, 1200))];
    assert_eq!(play(script), ["1 complete zone:1000 dns:1100 tls:1200 rdap-dn:900"]);
}

#[test]
fn address_stage() {
    let a = "192.0.2.1";
    let start = || vec![z(1000), r(0, 1000)];
    let with = |more: Vec<Do>| start().into_iter().chain(more);
    let parts = |nerd: u32| {
        format!(
            "zone:1000 dns:1000 rdap-dn:1000 {a}/geo-asn:2000 {a}/nerd:{nerd} {a}/rdap-ip:2200 {a}/rtt:2300"
        )
    };
    let failing = || {
        vec![
            d(1000, &[a], false),
            i(a, "geo-asn", 0, 2000),
            i(a, "nerd", 6, 2100),
            i(a, "rdap-ip", 13, 2200),
            i(a, "rtt", 0, 2300),
        ]
    };
    assert_eq!(play(with(failing())), [format!("1 complete {}", parts(2100))], "I1");
    let mut better = failing();
    better.extend([i(a, "nerd", 0, 2500), i(a, "nerd", 11, 2600)]);
    assert_eq!(
        play(with(better)),
        [format!("1 complete {}", parts(2100)), format!("2 complete {}", parts(2500))],
        "I2, I3"
    );
    assert_eq!(
        play(with(vec![d(1234, &[a], false), Time(61_233), Time(61_234)])),
        ["1 partial zone:1000 dns:1234 rdap-dn:1000"],
        "I5"
    );
    let first: Vec<Do> = all_of(a, 500).chain(start()).chain([d(1000, &[a], false)]).collect();
    assert_eq!(play(first).len(), 1, "I6");
    assert_eq!(play(vec![i(a, "rtt", 0, 1000), Time(60_999), Time(61_000)]), ["NoZone"], "I7");
    let unexpected = [i("192.0.2.9", "rtt", 0, 900)].into_iter().chain(start()).chain([d(1000, &[a], false)]);
    let unexpected: Vec<Do> = unexpected.chain(all_of(a, 2000)).collect();
    assert!(play(unexpected)[0].starts_with("1 complete"), "I8");
    // I10: an address result that comes first does not shorten the patience for the others.
    let early =
        vec![i(a, "geo-asn", 0, 1000), z(1500), r(0, 1600), d(2000, &[a], false), Time(61_999), Time(62_000)];
    assert_eq!(play(early).len(), 1, "I10");
}

#[test]
fn awaited_parts_have_names() {
    let policy = Policy::default();
    let mut entry = Entry::new(None, 0);
    entry.arrive(dns(0, 1, &["::1"], true), &policy, &Outages::default());
    entry.arrive(arrival(ip("::1", "nerd"), 0, 2), &policy, &Outages::default());
    let awaited: Vec<_> = entry.awaited(&policy).map(|awaited| awaited.0.to_string()).collect();
    assert_eq!(awaited, ["zone", "rdap-dn", "tls", "geo-asn of ::1", "rdap-ip of ::1", "rtt of ::1"]);
}

/// Everything one run may bring, some of it twice with other statuses and attempts.
fn arrivals() -> impl Strategy<Value = Vec<Arrival<u32>>> {
    let extra = (0_usize..12, prop_oneof![Just(0), Just(11)], 0_i64..1000);
    (1_usize..3, any::<bool>(), prop::collection::vec(extra, 0..12)).prop_map(|(addresses, tls, extra)| {
        let all = ["192.0.2.1", "192.0.2.2"];
        let mut parts = vec![PartId::Zone, PartId::Dns, PartId::Rdap, PartId::Tls];
        for address in &all[..addresses] {
            parts.extend(["geo-asn", "nerd", "rdap-ip", "rtt"].map(|collector| ip(address, collector)));
        }
        let make = |part: PartId, status: i32, time: Millis| match part {
            PartId::Dns => dns(0, time, &all[..addresses], tls),
            part => arrival(part, status, time),
        };
        let mut arrivals: Vec<_> = parts.iter().map(|part| make(part.clone(), 0, 1000)).collect();
        for (part, status, time) in extra {
            arrivals.push(make(parts[part % parts.len()].clone(), status, 1000 + time));
        }
        arrivals
    })
}

/// The record that was emitted last, as part -> payload.
fn last_record(
    names: &mut Names<u32>,
    policy: &Policy,
    arrivals: &[Arrival<u32>],
) -> (u32, BTreeMap<PartId, u32>) {
    let name = Bytes::from_static(NAME);
    let (mut last, mut emitted) = (BTreeMap::new(), 0);
    for arrival in arrivals {
        names.arrive(&name, arrival.clone(), policy, |entry, step, _| {
            if matches!(step, Step::Emit { .. }) {
                emitted += 1;
                last = entry.slots().iter().map(|slot| (slot.part.clone(), slot.payload)).collect();
            }
        });
    }
    names.advance(Millis::MAX, policy, |_, _, _| {});
    assert_eq!(names.open(), 0);
    (emitted, last)
}

proptest! {
    #[test]
    fn order_and_repeats_do_not_matter(
        (in_order, shuffled) in arrivals().prop_flat_map(|arrivals| {
            let repeated: Vec<_> = arrivals.iter().chain(&arrivals).cloned().collect();
            (Just(arrivals), Just(repeated).prop_shuffle())
        }),
    ) {
        let policy = Policy::default();
        let (emitted, record) = last_record(&mut Names::default(), &policy, &in_order);
        let (_, again) = last_record(&mut Names::default(), &policy, &shuffled);
        prop_assert!(emitted >= 1);
        prop_assert_eq!(record, again);
    }

    /// A restart goes on from the rows of some point and sees some of what came before it again.
    #[test]
    fn restarts_do_not_matter(
        arrivals in arrivals().prop_shuffle(),
        kept in 0.0..1.0,
        replayed in 0.0..1.0,
    ) {
        let policy = Policy::default();
        let (_, record) = last_record(&mut Names::default(), &policy, &arrivals);
        let kept = (arrivals.len() as f64 * kept) as usize;
        let replayed = (kept as f64 * replayed) as usize;
        let mut before = Names::default();
        let name = Bytes::from_static(NAME);
        let mut emitted = None;
        for arrival in &arrivals[..kept] {
            before.arrive(&name, arrival.clone(), &policy, |entry, step, _| {
                if matches!(step, Step::Emit { .. }) {
                    emitted = Some(entry.slots().iter().map(|slot| (slot.part.clone(), slot.payload)).collect());
                }
            });
        }
        let mut after = Names::default();
        for (name, entry) in before.iter() {
            let row = postcard::to_allocvec(entry).unwrap();
            after.restore(name.clone(), postcard::from_bytes(&row).unwrap(), &policy);
        }
        let (count, last) = last_record(&mut after, &policy, &arrivals[replayed..]);
        prop_assert_eq!(if count > 0 { last } else { emitted.unwrap() }, record);
    }
}

#[test]
fn an_outage_lengthens_what_is_open_and_nothing_else() {
    let policy = Policy { patience: 60, ..Policy::default() };
    let name = Bytes::from_static(b"a.cz");
    let mut names = Names::default();
    names.arrive(&name, arrival(PartId::Zone, 0, 100), &policy, |_, _, _| ());
    names.add_outage(120, 500, &policy);
    let fired = |names: &mut Names<_>, now| {
        let mut steps = vec![];
        names.advance(now, &policy, |_, _, step| steps.push(step));
        steps
    };
    assert_eq!(fired(&mut names, 539), []);
    // What arrives afterwards has its patience, no more.
    names.arrive(&name, dns(0, 520, &[], false), &policy, |_, _, _| ());
    assert_eq!(fired(&mut names, 579), []);
    assert_eq!(fired(&mut names, 580), [Step::Emit { complete: false }]);
    assert_eq!(names.outages(580, &policy).to_string(), "");
}
