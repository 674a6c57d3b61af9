//! Programs of others beside ours on the same servers: in turns in one run, so that a busy machine slows both alike.
//! Of each process: wall time, processor time and the most memory, start and end included.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]
#![allow(dead_code, reason = "each bench uses a part")]

pub mod dns;
#[path = "../paired/mod.rs"]
pub mod paired;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

pub use paired::Cost;

/// Rounds of each program; the median of them is taken.
const ROUNDS: usize = 7;

/// How often the memory of a running program is looked at.
const LOOK: Duration = Duration::from_millis(50);

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
    watch(command)
}

/// Runs a program and sees what it and its children take.
pub fn watch(mut command: Command) -> Cost {
    let (since, before) = (Instant::now(), paired::processor("/proc/self/stat", 2));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (process, (ended, end)) = (child.id(), mpsc::sync_channel::<()>(0));
    let watcher = std::thread::spawn(move || {
        let mut most = memory_of(process);
        while let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(LOOK) {
            most = most.max(memory_of(process));
        }
        most
    });
    let status = child.wait().expect("it was started");
    let wall = since.elapsed().as_secs_f64();
    drop(ended);
    assert!(status.success(), "{command:?}: {status}");
    let processor = paired::processor("/proc/self/stat", 2) - before;
    Cost { wall, processor, memory: Some(watcher.join().expect("it does not panic")) }
}

/// The most that a process and its children, as far as they still live, have held, in MB.
fn memory_of(process: u32) -> f64 {
    let proc = PathBuf::from(format!("/proc/{process}"));
    let status = std::fs::read_to_string(proc.join("status")).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|most| most.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0);
    let children = std::fs::read_to_string(proc.join(format!("task/{process}/children"))).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    most / 1024.0 + children.map(memory_of).sum::<f64>()
}

/// Lets `ours` and `theirs` do `items` things each, in turns, and prints their row.
pub fn compare(
    what: &str,
    items: usize,
    mut ours: impl FnMut() -> Cost,
    (their_name, mut theirs): (&str, impl FnMut() -> Cost),
) {
    // Once before: pages of programs, caches of servers.
    ours();
    theirs();
    paired::in_turns(what, items, ROUNDS, &mut [("ours", &mut ours), (their_name, &mut theirs)]);
}

/// Prints something else that was measured.
pub fn tell(what: &str) {
    println!("{what}");
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
