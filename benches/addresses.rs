//! Why: the same addresses are behind many names: each is to be asked about once, and what is local is to be fast.
//! What: 100,000 names on 5,000 addresses, for each collector of addresses alone over a running Kafka, results committed:
//! addresses a second, processor time, and how many were asked about at all.
//! Knobs: NAMES; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::{Duration, Instant};

use on_kafka::lab::Lab;
use on_kafka::{Job, brokers, flow, name_of, prefix, producer, sum_of};
use rdkafka::producer::{BaseRecord, Producer as _};

const NAMES: usize = 100_000;
const ADDRESSES: usize = 5000;

fn main() {
    let names = std::env::var("NAMES").ok().and_then(|names| names.parse().ok()).unwrap_or(NAMES);
    let (lab, brokers, topics) = (Lab::start(0), brokers(), prefix());
    let settings: Vec<&str> = lab.settings.iter().map(String::as_str).collect();
    println!("node | addresses of names | asked about | addresses/s | processor time of 1,000 | peak memory");
    for (turn, node) in ["geo-asn", "rdap-ip", "nerd", "rtt"].into_iter().enumerate() {
        let line = format!("{node}: {{ collector: {node}, from: to_process_IP, to: collected_IP_data }}");
        let text = format!("version: 1\nname: node\nnodes:\n  {line}\n");
        let spec = flow(&text, &format!("{topics}-{turn}"), &topics);
        if turn == 0 {
            // The first job makes the topics; the requests are all there before one is read.
            drop(Job::start(&brokers, &spec, &settings));
            let producer = producer(&brokers, 1);
            for name in 0..names {
                let (name, address) = (name_of(name), name.wrapping_mul(2_654_435_761) % ADDRESSES);
                let address = format!("127.80.{}.{}", address / 250, address % 250 + 1);
                let topic = format!("{topics}.to_process_IP");
                let key = format!(r#"{{"dn":"{name}","ip":"{address}"}}"#);
                producer
                    .send(BaseRecord::<_, ()>::to(&topic).key(&key))
                    .map_err(|(error, _)| error)
                    .expect("room");
            }
            producer.flush(Duration::from_secs(60)).expect("the brokers take it");
        }
        let start = Instant::now();
        let job = Job::start(&brokers, &spec, &settings);
        let mut reused = 0;
        job.wait("requests", |status| {
            reused = sum_of(status, "reused");
            sum_of(status, "done") >= names
        });
        // From the start of the process, which is about a second of it.
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{node} | {names} | {} | {:.0} | {:.3} s | {:.0} MB",
            names - reused,
            names as f64 / seconds,
            job.cpu() * 1e3 / names as f64,
            job.peak_memory()
        );
    }
}
