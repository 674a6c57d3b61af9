//! Why: a process that dies in a backlog is to be back about as soon as its group has missed it, with no name lost or twice;
//! and one that starts on an empty store is to work at once.
//! What: results that lie ready (`on_kafka/results.rs`, JSON). A process is killed (`kill -9`) with a third of them joined and
//! started again at once: from then to the broker's time of the first record after that, and the same beyond the session
//! after which the group gives a dead member's partitions away; names lost and twice among what is committed. And from the
//! start of a process of a new group on an empty store to its first record.
//! Knobs: NAMES, KILLS, STARTS, SET of further settings; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use domainflow::codec::Format;
use on_kafka::backlog::{Backlog, RATE};
use on_kafka::{knob, median, sum_of};

const NAMES: usize = 40_000;
const KILLS: usize = 3;
const STARTS: usize = 5;
const PARTITIONS: usize = 8;
/// Seconds of the session of a member of the group, as shipped.
const SESSION: f64 = 10.0;

fn main() {
    let backlog = Backlog::write(Format::Json, PARTITIONS, knob("NAMES", NAMES), RATE);
    println!("start on an empty store | first record");
    let starts: Vec<f64> = (0..knob("STARTS", STARTS)).map(|round| start(&backlog, round)).collect();
    println!("median | {:.2} s", median(starts));
    println!("killed | first record | beyond the session | whole backlog | lost | twice");
    let kills: Vec<f64> = (0..knob("KILLS", KILLS)).map(|round| kill(&backlog, round)).collect();
    let first = median(kills);
    println!("median | {first:.2} s | {:.2} s | | |", first - SESSION);
}

/// Seconds to the first record.
fn start(backlog: &Backlog, round: usize) -> f64 {
    let output = backlog.output();
    let job = backlog.join(&output);
    let seconds = (backlog.first(&output) - job.started) as f64 / 1e3;
    drop(job);
    on_kafka::delete_topic(&backlog.brokers, &output);
    println!("{} | {seconds:.2} s", round + 1);
    seconds
}

/// Seconds from the second start to the first record after it.
fn kill(backlog: &Backlog, round: usize) -> f64 {
    let output = backlog.output();
    let mut job = backlog.join(&output);
    job.wait("a third", |status| sum_of(status, "complete") >= backlog.names() / 3);
    job.die_and_start();
    let joined = backlog.joined(&output);
    let seconds = |time: &i64| (time - job.started) as f64 / 1e3;
    let first = joined.times.iter().find(|time| **time > job.started).map_or(f64::INFINITY, seconds);
    let last = joined.times.last().map_or(f64::INFINITY, seconds);
    let beyond = first - SESSION;
    let (round, lost, twice) = (round + 1, joined.lost, joined.twice);
    println!("{round} | {first:.2} s | {beyond:.2} s | {last:.1} s | {lost} | {twice}");
    first
}
