//! Why: what a name costs must not depend on how many others are held.
//! What: a join on Kafka in which some names stay open, with one part of each; memory of the job and size of its store then,
//! and how long other names take from the writing of their last part to the reading of their record by a consumer of
//! committed records, p99 over that of the first number of open names, and processor time of the job.
//! Knobs: OPEN and RATES, each a list, SECONDS of each rate; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::Instant;

use on_kafka::join::{EARLIER, Join, Part};
use on_kafka::{knob, list, sum_of};

const OPEN: &str = "10000 1000000";
const RATES: &str = "50 1000";
const SECONDS: usize = 20;
/// Names that are joined before.
const WARM: usize = 1000;

/// Those open for hours, and what is joined gone soon.
const SETTINGS: [&str; 3] = ["join.patience=12h", "join.grace=1s", "join.max_open=100000000"];

fn main() {
    let (rates, seconds) = (list("RATES", RATES), knob("SECONDS", SECONDS));
    let mut fewest = vec![];
    println!(
        "open names | written in | memory | store | names/s | p50 | p99 | max | p99 over the first | CPU of the job for a name"
    );
    for open in list("OPEN", OPEN) {
        let (join, start) = (Join::start(&SETTINGS), Instant::now());
        join.open(0..open, &[Part::Zone], open);
        let written = start.elapsed().as_secs_f64();
        let reader = join.joined();
        // Caches and connections, before anything is timed.
        let mut next = open..open + WARM;
        join.open(next.clone(), &EARLIER, open + WARM);
        join.complete(next.clone(), WARM, WARM as f64, &reader);
        for (turn, rate) in rates.iter().enumerate() {
            next = next.end..next.end + rate * seconds;
            let names = next.clone();
            join.job.wait("their grace", |status| sum_of(status, "open") == open);
            join.open(names.clone(), &EARLIER, open + names.len());
            let (memory, store) = (join.job.memory(), join.job.store());
            let took = join.complete(names.clone(), names.len(), *rate as f64, &reader);
            let p99 = took.at(99);
            fewest.extend((fewest.len() == turn).then_some(p99));
            println!(
                "{open} | {written:.0} s | {memory:.0} MB | {store:.0} MB | {rate} | {:.0} ms | {p99:.0} ms | {:.0} ms | {:.2} | {:.0} µs",
                took.at(50),
                took.at(100),
                p99 / fewest[turn],
                took.cpu * 1e6,
            );
        }
    }
}
