//! Why: round-trip times of many addresses are to be several times as fast as with the program that people use now, and cheaper.
//! What: five echoes to each address of the loopback by the rtt collector and by fping, in a network of their own: at a packet
//! in 10 µs, which is the fastest pace at which fping loses no reply, in 1 µs and in a millisecond; then 10,000 addresses of
//! which none is done before all have begun. Every echo of ours must be answered. Needs ip, unshare and fping
//! (`scripts/setup.sh test`).
//! Knobs: ADDRESSES, and those at the slow pace.

mod peers;

use std::fs::File;
use std::io::{BufRead as _, BufWriter, Write as _};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::net::{AddressPolicy, IcmpPing};
use domainflow::collect::rtt::{RttCollector, RttConfig};
use domainflow::model::Subject;
use domainflow::units::Span;
use futures_util::stream::{self, StreamExt as _};

const ADDRESSES: usize = 2_000;
const AT_A_MILLISECOND: usize = 1_000;
const AT_ONCE: usize = 10_000;

/// Says to a process of this bench that it has a network of its own.
const INSIDE: &str = "PING_PEER_INSIDE";
/// Says to a process of this bench that it is our side: packets in a second, and the interval in milliseconds.
const PACE: &str = "PING_PEER_PACE";

fn main() {
    if let Ok(pace) = std::env::var(PACE) {
        return collect(&pace);
    }
    if std::env::var_os(INSIDE).is_none() {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(std::env::current_exe().expect("a program"));
        let status = command.env(INSIDE, "").status().expect("unshare");
        assert!(status.success(), "{status}");
        return;
    }
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip");
    assert!(status.success(), "{status}");
    let dir = tempfile::tempdir().expect("a folder");
    for (what, addresses, ours_at, fping_at) in [
        ("a packet in 10 µs", ADDRESSES, "100000 1", ["-p1", "-i0.01"]),
        ("a packet in 1 µs", ADDRESSES, "1000000 1", ["-p1", "-i0.001"]),
        ("a packet in 1 ms", AT_A_MILLISECOND, "1000 100", ["-p100", "-i1"]),
    ] {
        let list = list(dir.path(), addresses);
        peers::compare(what, addresses, || ours(&list, ours_at), ("fping", || fping(&list, fping_at)));
    }
    // Half a second between two echoes of an address: longer than all first ones take.
    let cost = ours(&list(dir.path(), AT_ONCE), "1000000 500");
    peers::tell(&format!(
        "{AT_ONCE} addresses at once: all answered, {:.3} CPU s per 1000",
        cost.processor * 1000.0 / AT_ONCE as f64
    ));
}

/// A file of addresses of the loopback.
fn list(dir: &Path, addresses: usize) -> std::path::PathBuf {
    let path = dir.join(addresses.to_string());
    let lines = (0..addresses).map(|number| format!("127.1.{}.{}\n", number / 250, number % 250 + 1));
    std::fs::write(&path, lines.collect::<String>()).expect("a file");
    path
}

fn ours(list: &Path, pace: &str) -> peers::Cost {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.env(PACE, pace);
    let (output, count) = (list.with_extension("ours"), lines(list));
    let cost = peers::run(command, list, &output);
    let text = std::fs::read_to_string(&output).expect("a file");
    assert_eq!(text.matches("\"received\":5,").count(), count, "addresses of ours that answered each time");
    cost
}

fn fping(list: &Path, pace: [&str; 2]) -> peers::Cost {
    let (output, told) = (list.with_extension("theirs"), list.with_extension("told"));
    let mut command = Command::new("fping");
    // What it finds is said on the standard error.
    command.args(["-q", "-c5"]).args(pace).stderr(File::create(&told).expect("a file"));
    let cost = peers::run(command, list, &output);
    let text = std::fs::read_to_string(&told).expect("a file");
    // At 1 µs it loses some now and then.
    let whole = text.matches("= 5/5/0%").count();
    assert!(whole > lines(list) * 99 / 100, "{whole} addresses of fping that answered each time");
    cost
}

fn lines(list: &Path) -> usize {
    std::fs::read_to_string(list).expect("a file").lines().count()
}

/// Our side: reads addresses, writes the records of the rtt collector.
#[tokio::main(flavor = "current_thread")]
async fn collect(pace: &str) {
    let (per_second, interval) = pace.split_once(' ').expect("two numbers");
    let per_second = per_second.parse::<NonZeroU32>().expect("a rate");
    let interval = Span::millis(interval.parse().expect("an interval"));
    let config =
        RttConfig { count: NonZeroU16::new(5).expect("not 0"), interval, per_second, ..RttConfig::default() };
    let ping = Arc::new(IcmpPing::new(per_second));
    let collector = RttCollector::new(&config, ping, AddressPolicy::private(), Arc::new(SystemClock));
    let collector = Arc::new(collector);
    let addresses = std::io::stdin().lock().lines().map(|address| address.expect("an address"));
    // A task for each address, as the flow has it.
    let mut records = stream::iter(addresses)
        .map(|address| {
            let collector = collector.clone();
            tokio::spawn(async move { collector.collect(&Subject::pair("bench.test", &address), None).await })
        })
        .buffer_unordered(AT_ONCE);
    let mut output = BufWriter::new(std::io::stdout().lock());
    while let Some(record) = records.next().await {
        serde_json::to_writer(&mut output, &record.expect("it does not panic")).expect("a pipe");
        output.write_all(b"\n").expect("a pipe");
    }
}
