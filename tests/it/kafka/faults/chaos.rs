//! The faults: what is done, to whom, and how it is mended. A process that ends by itself is started again, as any
//! supervisor would; one that panics fails the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::cluster::{Cluster, Server};
use super::super::flow::Flow;
use crate::support::Running;

/// Processes at most.
const JOBS: usize = 3;

/// The process whose clock jumps, and the one whose disk runs full.
const JUMPS: usize = 1;
const FILLS: usize = 2;

/// Time that a call has on a busy machine, and memory that is too little: names rest, and parts are read back.
const LIMITS: [&str; 8] = [
    "zone.timeout=60s",
    "dns.timeout=30s",
    "tls.timeout=30s",
    "rdap.timeout=30s",
    "whois.timeout=30s",
    "nerd.timeout=30s",
    "join.patience=5m",
    "state.memory=64KiB",
];

/// Bytes of the small disk.
const DISK: &str = "512m";

/// A process, running or not.
struct Job {
    dir: PathBuf,
    running: Option<Running>,
}

/// Does things at random.
pub struct Chaos {
    random: fastrand::Rng,
    cluster: Arc<Cluster>,
    flow: Arc<Flow>,
    scale: usize,
    partitions: u32,
    jobs: Vec<Job>,
    /// Mends a server, a disk or a clock; one of them at a time.
    mending: Option<JoinHandle<()>>,
    mounted: bool,
    faketime: Option<String>,
    kills: usize,
    done: BTreeMap<String, u32>,
    /// The ends of logs of processes that ended by themselves.
    ended: String,
}

impl Chaos {
    /// On a running cluster; starts the first process.
    pub fn new(seed: u64, cluster: Arc<Cluster>, flow: Arc<Flow>, scale: usize, partitions: u32) -> Self {
        let dir = |number: usize| flow.dir.path().join(format!("job-{number}"));
        let jobs: Vec<Job> = (0..JOBS).map(|number| Job { dir: dir(number), running: None }).collect();
        for job in &jobs {
            std::fs::create_dir(&job.dir).unwrap();
        }
        let disk = jobs[FILLS].dir.display().to_string();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs", &disk])
            .output();
        let mounted = mount.is_ok_and(|done| done.status.success());
        let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
        let faketime = std::fs::exists(library).unwrap().then(|| library.to_owned());
        if !mounted || faketime.is_none() {
            eprintln!("no full disk: {}, no jumping clock: {}", !mounted, faketime.is_none());
        }
        let mut chaos = Self {
            random: fastrand::Rng::with_seed(seed),
            cluster,
            flow,
            scale,
            partitions,
            jobs,
            mending: None,
            mounted,
            faketime,
            kills: 0,
            done: BTreeMap::new(),
            ended: String::new(),
        };
        chaos.jump("+0");
        chaos.start(0);
        chaos
    }

    /// How often something was killed.
    pub fn kills(&self) -> usize {
        self.kills
    }

    /// Does one thing.
    pub fn next(&mut self) {
        self.mend();
        let running: Vec<usize> = (0..JOBS).filter(|number| self.jobs[*number].running.is_some()).collect();
        let stopped: Vec<usize> = (0..JOBS).filter(|number| !running.contains(number)).collect();
        if running.is_empty() || (!stopped.is_empty() && self.random.u8(..100) < 40) {
            let number = stopped[self.random.usize(..stopped.len())];
            self.did(&format!("start of process {number}"));
            return self.start(number);
        }
        let victim = running[self.random.usize(..running.len())];
        let wait = Duration::from_millis(self.random.u64(1000..8000));
        match (self.random.u8(..100), self.mending.is_none()) {
            (..15, true) => {
                let broker = Server::any_broker(&mut self.random);
                self.kill(broker, wait);
            }
            (15..25, true) => {
                let broker = Server::any_broker(&mut self.random);
                self.did(&format!("pause of {broker:?}"));
                self.cluster.signal(broker, "STOP");
                let cluster = self.cluster.clone();
                self.mend_after(wait * 2, move || cluster.signal(broker, "CONT"));
            }
            (25..32, true) => self.kill(Server::Registry, wait * 4),
            (32..40, true) if self.mounted && running.contains(&FILLS) => {
                self.did("full disk");
                let filler = self.jobs[FILLS].dir.join("filler");
                // It fails when the disk is full, which is what it is for.
                let zeros = ["if=/dev/zero", "bs=64k", "status=none", &format!("of={}", filler.display())];
                let _ = Command::new("dd").args(zeros).output();
                self.mend_after(wait, move || std::fs::remove_file(filler).unwrap());
            }
            (40..48, true) if self.faketime.is_some() && running.contains(&JUMPS) => {
                let by = ["+45s", "-45s"][self.random.usize(..2)];
                self.did("jump of a clock");
                self.jump(by);
                let file = self.clock();
                self.mend_after(wait, move || std::fs::write(file, "+0\n").unwrap());
            }
            (48..58, _) => {
                self.did("SIGTERM of a process");
                if let Some(running) = self.jobs[victim].running.take() {
                    // One whose brokers are away may end by that, with its code.
                    let began = began(&running);
                    let ended = running.stop("TERM");
                    assert!(!began || matches!(ended.code(), Some(0 | 4 | 5)), "{ended:?}");
                }
            }
            (fault, _) => {
                self.did("kill -9 of a process");
                self.kills += 1;
                self.jobs[victim].running.take().map(|running| running.stop("KILL"));
                if fault > 85 {
                    self.did("store deleted");
                    let _ = std::fs::remove_dir_all(self.jobs[victim].dir.join("state"));
                }
                if self.random.bool() {
                    self.start(victim);
                }
            }
        }
    }

    fn kill(&mut self, server: Server, wait: Duration) {
        self.did(&format!("kill -9 of {server:?}"));
        self.kills += 1;
        self.cluster.signal(server, "KILL");
        let cluster = self.cluster.clone();
        self.mend_after(wait, move || cluster.up());
    }

    fn mend_after(&mut self, wait: Duration, mend: impl FnOnce() + Send + 'static) {
        self.mending = Some(std::thread::spawn(move || {
            std::thread::sleep(wait);
            mend();
        }));
    }

    /// Starts again what ended by itself, and sees whether a server is mended.
    pub fn mend(&mut self) {
        if let Some(mending) = self.mending.take_if(|mending| mending.is_finished()) {
            mending.join().unwrap();
        }
        for number in 0..JOBS {
            let Some(running) = &mut self.jobs[number].running else { continue };
            if running.runs() {
                continue;
            }
            let (log, status) = (running.log(), running.ended());
            let tail: Vec<&str> = log.lines().rev().take(6).collect();
            let tail: String = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            assert!(!log.contains("panicked"), "process {number}: {log}");
            self.did(&format!("process {number} ended by itself with {:?}", status.code()));
            let _ = writeln!(self.ended, "process {number}: {status}\n{tail}");
            self.jobs[number].running = None;
            self.start(number);
        }
    }

    /// No more faults: everything runs.
    pub fn calm(&mut self) {
        if let Some(mending) = self.mending.take() {
            mending.join().unwrap();
        }
        self.mend();
        self.did("calm");
        for number in 0..2 {
            if self.jobs[number].running.is_none() {
                self.start(number);
            }
        }
    }

    /// Stops all processes; what was done.
    pub fn stop(mut self) -> String {
        for running in self.jobs.iter_mut().filter_map(|job| job.running.take()) {
            let began = began(&running);
            let ended = running.stop("TERM");
            assert!(!began || ended.success(), "{ended:?}");
        }
        format!("{:?}\n{}", self.done, self.ended)
    }

    /// What the processes last said.
    pub fn logs(&self) -> String {
        let logs =
            self.jobs.iter().enumerate().filter_map(|(number, job)| {
                Some(format!("process {number}:\n{}", job.running.as_ref()?.log()))
            });
        format!("{:?}\n{}\n{}", self.done, self.ended, logs.collect::<String>())
    }

    fn start(&mut self, number: usize) {
        let state = format!("state.dir={}", self.jobs[number].dir.join("state").display());
        // A killed member is missed only after its session.
        let session = "kafka.properties.session.timeout.ms=6000";
        let mut more = vec!["--set", session, "--set", &state];
        more.extend(LIMITS.iter().flat_map(|limit| ["--set", limit]));
        let clock = self.clock().display().to_string();
        let variables = match &self.faketime {
            Some(library) if number == JUMPS => vec![
                ("LD_PRELOAD", library.as_str()),
                ("FAKETIME_TIMESTAMP_FILE", clock.as_str()),
                ("FAKETIME_CACHE_DURATION", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
                ("DONT_FAKE_MONOTONIC", "1"),
            ],
            _ => vec![],
        };
        let (running, _) = self.flow.start_with(self.scale, self.partitions, &more, &variables);
        self.jobs[number].running = Some(running);
    }

    fn clock(&self) -> PathBuf {
        self.flow.dir.path().join("clock")
    }

    fn jump(&self, by: &str) {
        std::fs::write(self.clock(), format!("{by}\n")).unwrap();
    }

    fn did(&mut self, what: &str) {
        eprintln!("  {what}");
        *self.done.entry(what.to_owned()).or_default() += 1;
    }
}

/// One that has not begun yet has nothing to bring to an end.
fn began(running: &Running) -> bool {
    running.log().contains("running flow")
}

impl Drop for Chaos {
    fn drop(&mut self) {
        // A paused broker cannot be stopped.
        if let Some(mending) = self.mending.take() {
            let _ = mending.join();
        }
        for job in &mut self.jobs {
            job.running = None;
        }
        if self.mounted {
            let _ = Command::new("umount").arg(&self.jobs[FILLS].dir).status();
        }
    }
}
