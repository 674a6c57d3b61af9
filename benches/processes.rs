//! Why: where calls wait for the network, twice the processes are to do nearly twice the work.
//! What: the zone collector alone over a running Kafka, in a lab whose name servers answer after 100 ms, with 64 calls at once
//! in each process; names a second of one process and of two of one group, each with its half of 8 partitions before the
//! first request is written, to the last result.
//! Knobs: NAMES, ROUNDS, CALLS at once, SLOW (how long an answer takes); needs a running Kafka.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::{Duration, Instant};

use on_kafka::lab::Lab;
use on_kafka::{Job, brokers, flow, knob, median, prefix, producer, sum_of};
use rdkafka::producer::{BaseRecord, Producer as _};

const NAMES: usize = 5000;
const ROUNDS: usize = 3;
const CALLS: usize = 64;
const SLOW: &str = "100ms";
const PARTITIONS: usize = 8;
/// What all names of the lab lie in.
const DOMAINS: [&str; 10] = ["com", "cz", "de", "eu", "fr", "info", "io", "net", "org", "uk"];

fn main() {
    let slow = std::env::var("SLOW").unwrap_or(SLOW.to_owned());
    let options: Vec<String> = DOMAINS.iter().map(|domain| format!("--slow={domain}={slow}")).collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let bench = Bench {
        lab: Lab::with(knob("NAMES", NAMES), &options),
        brokers: brokers(),
        calls: knob("CALLS", CALLS),
    };
    println!("processes | names/s | mean time of a call | CPU s per 1,000 names | over one process");
    let mut rates = [vec![], vec![]];
    for round in 0..knob("ROUNDS", ROUNDS) {
        // Who is first in one round is last in the next.
        for turn in [round % 2, (round + 1) % 2] {
            rates[turn].push(bench.measure(turn + 1));
        }
    }
    let [one, two] = rates.map(median);
    println!("1, median | {one:.0} | | | 1.00");
    println!("2, median | {two:.0} | | | {:.2}", two / one);
}

struct Bench {
    lab: Lab,
    brokers: String,
    calls: usize,
}

impl Bench {
    /// Names a second of so many processes.
    fn measure(&self, processes: usize) -> f64 {
        let (topics, calls, names) = (prefix(), self.calls, self.lab.names.len());
        let node = format!(
            "zone: {{ collector: zone, from: to_process_zone, to: processed_zone, concurrency: {calls} }}"
        );
        let spec = flow(&format!("version: 1\nname: node\nnodes:\n  {node}\n"), &topics, &topics);
        let partitions = format!("topics.partitions={PARTITIONS}");
        let settings: Vec<&str> = self.lab.settings.iter().chain([&partitions]).map(String::as_str).collect();
        let jobs = Job::start(&self.brokers, &spec, &settings).and_others(processes);
        for job in &jobs {
            job.wait("its share", |status| {
                status.matches("\"partition\":").count() == PARTITIONS / processes
            });
        }
        let of_all = |key: &str| -> usize {
            jobs.iter().filter_map(|job| job.page("/status")).map(|status| sum_of(&status, key)).sum()
        };
        let cpu = || jobs.iter().map(Job::cpu).sum::<f64>();
        let (start, before, topic) = (Instant::now(), cpu(), format!("{topics}.to_process_zone"));
        let producer = producer(&self.brokers, 1);
        for name in &self.lab.names {
            // Without a value the request is the usual one.
            producer
                .send(BaseRecord::<_, ()>::to(&topic).key(name))
                .map_err(|(error, _)| error)
                .expect("room");
        }
        producer.flush(Duration::from_secs(60)).expect("the brokers take it");
        jobs[0].wait("all names", |_| of_all("done") >= names);
        let rate = names as f64 / start.elapsed().as_secs_f64();
        let mean = of_all("mean_ms") / processes;
        println!("{processes} | {rate:.0} | {mean} ms | {:.3} |", (cpu() - before) * 1e3 / names as f64);
        rate
    }
}
