//! Why: the join is to be nearly as fast as a client that only moves the bytes, with deadlines, exactly-once and state on disk.
//! What: result topics that lie ready (`on_kafka/results.rs`), joined by a process on a running Kafka, gathered by a bare librdkafka
//! loop (`peers/gather.rs`), and joined by bytewax in two processes (`peers/join.py`, JSON only), in turns. From the start of
//! the process to the broker's time of its last record; each must have given every name once. Rounds are told as they end.
//! Knobs: NAMES, ROUNDS, RATE of names a second by the times of their results, FORMATS, SET of further settings, COMPRESSION of
//! all records, BATCH of bytes that results were written in; needs Kafka.

#![expect(clippy::print_stderr, reason = "rounds are told beside the table")]

#[path = "peers/gather.rs"]
mod gather;
mod on_kafka;
mod peers;

use std::process::Command;
use std::time::Duration;

use domainflow::clock::{Clock as _, Millis, SystemClock};
use domainflow::codec::Format;
use on_kafka::backlog::{Backlog, RATE};
use on_kafka::{compression, knob, sum_of};
use peers::Cost;
use peers::paired::in_turns;

const NAMES: usize = 40_000;
const ROUNDS: usize = 3;
const PARTITIONS: usize = 8;

/// Says to a process of this bench that it gathers, and what.
const GATHER: [&str; 3] = ["BENCH_BROKERS", "BENCH_PREFIX", "BENCH_OUTPUT"];

fn main() {
    if let [Ok(brokers), Ok(prefix), Ok(output)] = GATHER.map(std::env::var) {
        return gather::gather(&brokers, &prefix, &output);
    }
    let (names, rounds, rate) = (knob("NAMES", NAMES), knob("ROUNDS", ROUNDS), knob("RATE", RATE));
    let formats = std::env::var("FORMATS").unwrap_or("json avro".to_owned());
    let bytewax = peers::peer("bytewax");
    for format in
        [Format::Json, Format::Avro].into_iter().filter(|format| formats.contains(&format.to_string()))
    {
        let backlog = Backlog::write(format, PARTITIONS, names, rate);
        let bytes = backlog.bytes.iter().sum::<usize>() / names;
        let gather = || std::env::current_exe().map(Command::new).expect("a program");
        let python = || {
            let mut command = Command::new(&bytewax);
            command.args(["-m", "bytewax.testing", "benches/peers/join.py:flow", "-p", "2"]);
            command
        };
        let (mut ours, mut gathers) = (|| ours(&backlog), || other(&backlog, "gather", gather()));
        let mut theirs = || other(&backlog, "bytewax", python());
        let ways: &mut [peers::paired::Way<'_>] =
            &mut [("join", &mut ours), ("gather", &mut gathers), ("bytewax", &mut theirs)];
        let ways = if format == Format::Json { ways } else { &mut ways[..2] };
        in_turns(&format!("{names} names of {bytes} B, {format}"), names, rounds, ways);
    }
}

fn ours(backlog: &Backlog) -> Cost {
    let output = backlog.output();
    let job = backlog.join(&output);
    job.wait("all names joined", |status| sum_of(status, "complete") == backlog.names());
    // The last cut.
    std::thread::sleep(Duration::from_millis(500));
    let cost = Cost { wall: 0.0, processor: job.cpu(), memory: Some(job.peak_memory()) };
    read_back(backlog, "join", &output, job.started, cost)
}

fn other(backlog: &Backlog, what: &str, mut command: Command) -> Cost {
    let (output, started) = (backlog.output(), SystemClock.now());
    command.envs(GATHER.into_iter().zip([&backlog.brokers, &backlog.prefix, &output]));
    command.env("COMPRESSION", compression());
    let cost = peers::watch(command);
    read_back(backlog, what, &output, started, cost)
}

/// Tells what a way took until its last record came, after a look at all of them.
fn read_back(backlog: &Backlog, what: &str, output: &str, started: Millis, cost: Cost) -> Cost {
    let (first, last) = backlog.joined(output).once();
    let seconds = |time: i64| (time - started) as f64 / 1e3;
    eprintln!(
        "{what}: {:.2} s, first record at {:.2} s, {:.2} CPU s, {:.0} MB",
        seconds(last),
        seconds(first),
        cost.processor,
        cost.memory.unwrap_or_default()
    );
    Cost { wall: seconds(last), ..cost }
}
