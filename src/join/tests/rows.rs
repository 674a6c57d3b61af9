//! The rows of the behaviour report as data, in both readings: `tests/cases/join/domain.toml` and `ip.toml`.

use compact_str::CompactString;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    does: String,
    target: Vec<String>,
    reference: Vec<String>,
}

/// Plays what happens, line by line; one line for each thing that leaves.
fn play(does: &str, reading: Reading) -> Vec<String> {
    let address_collectors = ["geo", "nerd", "rdap", "rtt"].map(CompactString::from).to_vec();
    let policy = Policy { reading, address_collectors, ..Policy::default() };
    let (mut names, mut out) = (Names::default(), vec![]);
    let name = Bytes::from_static(NAME);
    for line in does.lines() {
        let mut words = line.split(' ');
        let (what, time) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        let note = |entry: &Entry<u32>, step: Step| {
            out.extend(told(entry, step).map(|told| format!("{line}: {told}")))
        };
        if what == "W" {
            advance(&mut names, time, &policy, note);
            continue;
        }
        let mut arrival = arrival(part(what), 0, time);
        let mut facts = DnsFacts::default();
        arrival.run = None;
        for word in words {
            if let Some(status) = word.strip_prefix('!') {
                arrival.status = Status(status.parse().unwrap());
            } else if let Some(run) = word.strip_prefix("run=") {
                arrival.run = Some(run.into());
            } else if let Some(addresses) = word.strip_prefix("ips=") {
                facts.addresses = addresses.split(',').map(CompactString::from).collect();
                facts.addresses.dedup();
            } else {
                assert_eq!(word, "tls", "{line}");
                facts.tls = true;
            }
        }
        arrival.dns = (arrival.part == PartId::Dns).then_some(facts);
        arrive(&mut names, &name, arrival, &policy, note);
    }
    assert_eq!(names.open(), names.all().len());
    out
}

fn part(what: &str) -> PartId {
    match what {
        "Z" => PartId::Zone,
        "D" => PartId::Dns,
        "T" => PartId::Tls,
        "R" => PartId::Rdap,
        pair => pair.split_once('/').map(|(address, collector)| ip(address, collector)).unwrap(),
    }
}

fn told(entry: &Entry<u32>, step: Step) -> Option<String> {
    let what = match step {
        Step::Emit { complete: true } => format!("record {} complete", entry.revision),
        Step::Emit { complete: false } => format!("record {} partial", entry.revision),
        Step::HandOver(_) => "aggregate".to_owned(),
        Step::End(end) => {
            let window = match entry.window {
                Window::Run(_) => "run",
                Window::Domain => "domain",
                Window::Addresses => "addresses",
            };
            return Some(format!("{window} ends {end:?}"));
        }
        Step::Kept | Step::Ignored(_) => return None,
    };
    let parts = entry.slots().iter().map(|slot| match &slot.part {
        PartId::Zone => format!(" Z{}", slot.payload),
        PartId::Dns => format!(" D{}", slot.payload),
        PartId::Tls => format!(" T{}", slot.payload),
        PartId::Rdap => format!(" R{}", slot.payload),
        PartId::Ip { address, collector } => format!(" {address}/{collector}{}", slot.payload),
    });
    Some(what + &parts.collect::<String>())
}

fn check(text: &str, prefix: &str, last: u32) {
    let table: Table = toml::from_str(text).unwrap();
    let mut wrong = vec![];
    for Case { row, does, target, reference } in &table.case {
        for (reading, expected) in [(Reading::Target, target), (Reading::Reference, reference)] {
            let out = play(does, reading);
            if out != *expected {
                wrong.push(format!("{row}, {reading:?}\n   got {out:#?}\n   not {expected:#?}"));
            }
        }
    }
    let rows: Vec<_> = table.case.iter().flat_map(|case| case.row.split([':', ',', ' '])).collect();
    let missing =
        (1..=last).map(|number| format!("{prefix}{number}")).filter(|row| !rows.contains(&row.as_str()));
    wrong.extend(missing.map(|row| format!("{row} has no case")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn domain_stage() {
    check(include_str!("../../../tests/cases/join/domain.toml"), "M", 21);
}

#[test]
fn address_stage() {
    check(include_str!("../../../tests/cases/join/ip.toml"), "I", 15);
}

/// M19 and M20 without the words: two runs, two records.
#[test]
fn runs_are_told_apart() {
    let does = "Z 1000 run=r1\nZ 1010 run=r2\nD 1100 run=r2\nD 1110 run=r1\nR 1200 run=r1\nR 1210 run=r2";
    let records = [
        "R 1200 run=r1: record 1 complete Z1000 D1110 R1200",
        "R 1210 run=r2: record 1 complete Z1010 D1100 R1210",
    ];
    assert_eq!(play(does, Reading::Target), records);
}
