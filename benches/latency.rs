//! Why: downstream services see a record when its transaction is committed; how often that is, and what it costs, is a choice.
//! What: names joined by a process on Kafka, from the writing of the last part to the reading of the record by a consumer of
//! committed records; cuts a second, and processor time of the job for a name. At first how many come through when all parts
//! of all names are written at once; then a few rates, with all but the last part some seconds before; then half of what came
//! through, with the parts of a name together again.
//! Knobs: RATES of names a second, SECONDS of each; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use on_kafka::join::{EARLIER, Join, Latency};

const RATES: &str = "1 50 1000";
const SECONDS: f64 = 20.0;

/// Seconds by which first parts come before the last.
const AHEAD: f64 = 5.0;

/// Names that are written at once.
const AT_ONCE: usize = 100_000;

fn main() {
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let rates = std::env::var("RATES").unwrap_or(RATES.to_owned());
    println!("names/s | p50 | p99 | max | cuts/s | CPU of the job for a name");
    let most = AT_ONCE as f64 / measure("at once", AT_ONCE, 0, f64::INFINITY).seconds;
    println!("{most:.0} | the most");
    for rate in rates.split_whitespace().map(|rate| rate.parse().expect("names a second")) {
        measure(&format!("{rate:.0}"), (rate * seconds) as usize, (rate * AHEAD) as usize, rate);
    }
    let half = most / 2.0;
    measure(&format!("{half:.0}"), (half * seconds) as usize, 0, half);
}

/// So many names, of which some are open before the first is complete.
fn measure(what: &str, names: usize, open: usize, rate: f64) -> Latency {
    let join = Join::start(&["join.patience=2h"]);
    // The reader is there before the first record.
    let reader = join.joined();
    join.open(0..open, &EARLIER, open);
    let took = join.complete(0..names, open, rate, &reader);
    println!(
        "{what} | {:.0} ms | {:.0} ms | {:.0} ms | {:.1} | {:.0} µs",
        took.at(50),
        took.at(99),
        took.at(100),
        took.cuts,
        took.cpu * 1e6,
    );
    took
}
