//! Why: how a flow is divided must not decide what it costs: few partitions or many, one process or several of one group.
//! What: results that lie ready (`on_kafka/results.rs`, JSON), joined by processes that start together; each name must have
//! its record once. Names a second from the start of the processes, and from the first record, to the last.
//! Knobs: NAMES, PARTITIONS (a list), PROCESSES (a list, at 8 partitions), SET of further settings; needs a running Kafka.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use domainflow::codec::Format;
use on_kafka::backlog::{Backlog, RATE};
use on_kafka::{knob, list, sum_of};

const NAMES: usize = 20_000;
/// Of several processes.
const SHARED: usize = 8;

fn main() {
    let names = knob("NAMES", NAMES);
    println!("partitions | processes | names/s | from the first record | CPU s per 1,000 | memory of each");
    for partitions in list("PARTITIONS", "1 8 64") {
        let backlog = Backlog::write(Format::Json, partitions, names, RATE);
        measure(&backlog, 1);
        if partitions == SHARED {
            list("PROCESSES", "2 4").into_iter().for_each(|processes| measure(&backlog, processes));
        }
    }
}

fn measure(backlog: &Backlog, processes: usize) {
    let output = backlog.output();
    let jobs = backlog.join(&output).and_others(processes);
    let complete = |job: &on_kafka::Job| job.page("/status").map_or(0, |status| sum_of(&status, "complete"));
    jobs[0].wait("all names joined", |_| jobs.iter().map(complete).sum::<usize>() >= backlog.names());
    let cpu: f64 = jobs.iter().map(on_kafka::Job::cpu).sum();
    let memory = jobs.iter().map(on_kafka::Job::peak_memory).fold(0.0, f64::max);
    let (first, last) = backlog.joined(&output).once();
    let (names, started) = (backlog.names() as f64, jobs[0].started);
    let a_second = |since: i64| names * 1e3 / (last - since) as f64;
    println!(
        "{} | {processes} | {:.0} | {:.0} | {:.4} | {memory:.0} MB",
        backlog.partitions,
        a_second(started),
        a_second(first),
        cpu * 1e3 / names,
    );
}
