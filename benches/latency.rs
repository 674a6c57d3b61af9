//! Why: downstream services see a record when its transaction is committed; how often that is, and what it costs, is a choice.
//! What: names joined by a process on Kafka, from the writing of the last part to the reading of the record by a consumer of
//! committed records; cuts a second, and processor time of the job for a name and for a cut.
//! Knobs: the rates of names; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::{Duration, Instant};

use on_kafka::{Join, Part, number_of};
use rdkafka::Message as _;

/// Seconds of each rate.
const SECONDS: usize = 20;

/// How long a rate may take.
const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    println!("names/s | p50 | p99 | max | cuts/s | CPU of the job for a name");
    for rate in [1, 100, 1000, 4000] {
        let names = rate * SECONDS;
        let join = Join::start(&[]);
        let consumer = join.joined();
        // The reader is there before the first record.
        (0..names).for_each(|name| [Part::Zone, Part::Rdap].iter().for_each(|part| join.write(name, *part)));
        join.flush();
        join.job.wait("names", |status| status.contains(&format!("\"open\":{names}")));
        let (cpu, cuts, start) = (join.job.cpu(), join.job.counter("domainflow_cuts_total"), Instant::now());
        let (mut written, mut took) = (vec![start; names], vec![]);
        let mut next = 0;
        while took.len() < names {
            assert!(start.elapsed() < LIMIT, "{} of {names} names were joined", took.len());
            while next < names && start.elapsed() >= Duration::from_secs(1) * next as u32 / rate as u32 {
                written[next] = Instant::now();
                join.write(next, Part::Dns);
                next += 1;
            }
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(1)) {
                took.push(written[number_of(message.key().expect("a key"))].elapsed());
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        took.sort_unstable();
        let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1e3;
        println!(
            "{rate} | {:.0} ms | {:.0} ms | {:.0} ms | {:.1} | {:.0} µs",
            at(50),
            at(99),
            at(100),
            (join.job.counter("domainflow_cuts_total") - cuts) / seconds,
            (join.job.cpu() - cpu) / names as f64 * 1e6,
        );
    }
}
