//! Programs of others beside ours on the same servers: in turns in one run, so that a busy machine slows both alike.
//! Medians of the rounds of wall time and processor time (user and system) of each process, start and end included.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]
#![allow(dead_code, reason = "each bench uses a part")]

pub mod dns;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Rounds of each program; the median of them is taken.
const ROUNDS: usize = 7;

/// What one process took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: f64,
    pub processor: f64,
}

/// The path of a peer, built by `scripts/peers.sh` when it is not there.
pub fn peer(name: &str) -> PathBuf {
    let output = Command::new("scripts/peers.sh").arg(name).stderr(Stdio::inherit()).output();
    let output = output.expect("the script runs");
    assert!(output.status.success(), "scripts/peers.sh {name} failed");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

/// Runs a program on the lines of `input` and writes what it says to `output`.
pub fn run(mut command: Command, input: &Path, output: &Path) -> Cost {
    let file = |opened: std::io::Result<std::fs::File>| opened.expect("a file");
    command.stdin(file(std::fs::File::open(input))).stdout(file(std::fs::File::create(output)));
    let (since, before) = (Instant::now(), processor_of_children());
    let status = command.status().expect("the program runs");
    assert!(status.success(), "{command:?}: {status}");
    Cost { wall: since.elapsed().as_secs_f64(), processor: processor_of_children() - before }
}

/// Lets `ours` and `theirs` do `items` things each, in turns, and prints medians and ratios.
pub fn compare(
    what: &str,
    items: usize,
    mut ours: impl FnMut() -> Cost,
    (their_name, mut theirs): (&str, impl FnMut() -> Cost),
) {
    // Once before: pages of programs, caches of servers.
    ours();
    theirs();
    let (ours, theirs): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (ours(), theirs())).unzip();
    let (ours, theirs) = (median(&ours), median(&theirs));
    for (name, cost) in [("ours", ours), (their_name, theirs)] {
        let (rate, each) = (items as f64 / cost.wall, cost.processor * 1000.0 / items as f64);
        println!("{what}: {name} {rate:.0}/s, {each:.4} CPU s per 1000");
    }
    let (rate, processor) = (theirs.wall / ours.wall, ours.processor / theirs.processor);
    println!("{what}: {rate:.2} times the rate, {processor:.3} of the CPU");
}

/// Prints something else that was measured.
pub fn tell(what: &str) {
    println!("{what}");
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut all: Vec<_> = costs.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Cost { wall: middle(|cost| cost.wall), processor: middle(|cost| cost.processor) }
}

/// Processor seconds of the children that have ended.
fn processor_of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name of the program, in brackets, may hold spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// A server of this run; ends when dropped.
pub struct Server(Child);

impl Server {
    /// Starts a program that stays in the foreground.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error} (scripts/setup.sh test)")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A port of 127.0.0.1 that was free for UDP and TCP a moment ago.
pub fn free_port() -> u16 {
    loop {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = tcp.local_addr().expect("a port").port();
        if std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until `ready`.
pub fn wait(what: &str, mut ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !ready() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}: not ready in time");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Datagrams that a socket of this machine had no room for, so far.
pub fn datagrams_lost() -> u64 {
    let snmp = std::fs::read_to_string("/proc/net/snmp").expect("Linux");
    let mut udp = snmp.lines().filter(|line| line.starts_with("Udp: "));
    let (names, values) = (udp.next().unwrap_or_default(), udp.next().unwrap_or_default());
    let lost = names.split(' ').zip(values.split(' ')).find(|(name, _)| *name == "RcvbufErrors");
    lost.and_then(|(_, value)| value.parse().ok()).expect("a counter of the system")
}
