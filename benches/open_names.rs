//! Why: names whose parts are late stay open; a million of them must fit, and leave nothing behind once they complete.
//! What: memory of the job and size of its store with a million names open, and after their completion, over time.
//! Knobs: NAMES, and FIRST, which came before; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::{Duration, Instant};

use on_kafka::join::{EARLIER, Join, Part};
use on_kafka::sum_of;

const NAMES: usize = 1_000_000;
/// Names before that; FIRST says another number.
const FIRST: usize = 100_000;

fn main() {
    let join = Join::start(&["join.patience=2h", "join.grace=1s"]);
    let before = std::env::var("FIRST").ok().and_then(|names| names.parse().ok()).unwrap_or(FIRST);
    let start = Instant::now();
    let show = |what: &str| {
        let (memory, store) = (join.job.memory(), join.job.store());
        println!("{:4.0} s | {memory:.0} MB | {store:.0} MB | {what}", start.elapsed().as_secs_f64());
    };
    println!("time | memory | store | ");
    // What a job needs that has held some names and written them.
    let first = NAMES..NAMES + before;
    join.open(first.clone(), &EARLIER, before);
    std::thread::sleep(Duration::from_secs(5));
    first.for_each(|name| join.write(name, Part::Dns));
    join.flush();
    let joined = |status: &str, names| sum_of(status, "complete") == names && sum_of(status, "open") == 0;
    join.job.wait("the first names joined", |status| joined(status, before));
    // Until the store of an idle job is settled.
    std::thread::sleep(Duration::from_secs(30));
    show(&format!("{before} names joined"));
    for (what, part) in [("zones", Part::Zone), ("registrations", Part::Rdap)] {
        (0..NAMES).for_each(|name| join.write(name, part));
        join.flush();
        show(&format!("{what} of {NAMES} names written"));
    }
    join.job.wait("all names open", |status| sum_of(status, "open") == NAMES);
    std::thread::sleep(Duration::from_secs(15));
    show("all open");
    (0..NAMES).for_each(|name| join.write(name, Part::Dns));
    join.flush();
    show("the last parts written");
    join.job.wait("all names joined", |status| joined(status, NAMES + before));
    show("all joined");
    for _ in 0..6 {
        std::thread::sleep(Duration::from_secs(10));
        show("");
    }
}
