//! Why: a collector is only as fast as what is around it: requests from Kafka, results and follow-ups to Kafka, exactly once.
//! What: names a second and processor time of a process that runs one collector of the lab over a running Kafka, results
//! committed; zone, then DNS with the requests that zone made, then TLS and page with those that DNS made.
//! Knobs: NAMES; needs a running Kafka (`scripts/servers/servers.sh up`).

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

mod on_kafka;

use std::time::{Duration, Instant};

use on_kafka::lab::Lab;
use on_kafka::{Job, brokers, flow, prefix, producer, sum_of};
use rdkafka::producer::{BaseRecord, Producer as _};

/// Names of the lab; NAMES says another number.
const NAMES: usize = 20_000;

/// The nodes one by one; the results of each make the requests of those after it.
const NODES: [&str; 3] = [
    "zone: { collector: zone, from: to_process_zone, to: processed_zone, \
     follow_ups: { dns: to_process_DNS, rdap-dn: to_process_RDAP_DN } }",
    "dns: { collector: dns, from: to_process_DNS, to: processed_DNS, \
     follow_ups: { tls: to_process_TLS, ip: to_process_IP } }",
    "tls: { collector: tls, from: to_process_TLS, to: processed_TLS }",
];

fn main() {
    let names = std::env::var("NAMES").ok().and_then(|names| names.parse().ok()).unwrap_or(NAMES);
    let (lab, brokers, topics) = (Lab::start(names), brokers(), prefix());
    let settings: Vec<&str> = lab.settings.iter().map(String::as_str).collect();
    println!("node | names | names/s | processor time of 1,000 | peak memory");
    for (turn, node) in NODES.iter().enumerate() {
        let text = format!("version: 1\nname: node\nnodes:\n  {node}\n");
        let job = Job::start(&brokers, &flow(&text, &format!("{topics}-{turn}"), &topics), &settings);
        let (start, cpu) = (Instant::now(), job.cpu());
        if turn == 0 {
            let producer = producer(&brokers, 1);
            let topic = format!("{topics}.to_process_zone");
            for name in &lab.names {
                // Without a value the request is the usual one.
                producer
                    .send(BaseRecord::<_, ()>::to(&topic).key(name))
                    .map_err(|(error, _)| error)
                    .expect("room");
            }
            producer.flush(Duration::from_secs(60)).expect("the brokers take it");
        }
        let (mut done, mut last) = (0, start);
        job.wait("requests", |status| {
            let now = sum_of(status, "done");
            if now != done {
                (done, last) = (now, Instant::now());
            }
            // How many requests there are is not known: it is over when nothing is left and nothing comes.
            sum_of(status, "lag") == 0 && done > names / 2 && last.elapsed() > Duration::from_secs(3)
        });
        let seconds = (last - start).as_secs_f64();
        let name = node.split(':').next().unwrap_or_default();
        let cpu = (job.cpu() - cpu) * 1e3 / done as f64;
        println!("{name} | {done} | {:.0} | {cpu:.2} s | {:.0} MB", done as f64 / seconds, job.peak_memory());
    }
}
