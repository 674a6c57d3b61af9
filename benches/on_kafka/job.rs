//! A process of a flow: started, asked, watched, killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domainflow::clock::{Clock as _, Millis, SystemClock};

/// Partitions of each topic.
const PARTITIONS: &str = "4";

/// A running process of a flow.
pub struct Job {
    /// When the process was started.
    pub started: Millis,
    process: Child,
    place: Place,
}

/// What a process has to itself, and what it is told.
struct Place {
    /// The dataflow file and the state.
    dir: tempfile::TempDir,
    admin: String,
    settings: Vec<String>,
}

impl Place {
    fn new(spec: &str, settings: Vec<String>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("flow.yaml"), spec).expect("a file");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
        Self { dir, admin: port.to_string(), settings }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_domainflow"));
        command.args(words).arg(self.dir.path().join("flow.yaml"));
        command.args(["--set", &format!("admin.listen={}", self.admin)]);
        command.args(["--set", &format!("state.dir={}", self.state().display())]);
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting]));
        command.stdout(Stdio::null());
        command
    }

    fn run(&self) -> Child {
        self.command(&["run"]).spawn().expect("the program runs")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }
}

impl Job {
    /// Makes topics and starts a process with further settings; it runs when this returns.
    pub fn start(brokers: &str, spec: &str, settings: &[&str]) -> Self {
        let job = Self::spawn(brokers, spec, settings);
        job.ready();
        job
    }

    /// The same, but does not wait until it runs.
    pub fn spawn(brokers: &str, spec: &str, settings: &[&str]) -> Self {
        let mut all = vec![
            format!("kafka.bootstrap_servers={brokers}"),
            format!("topics.partitions={PARTITIONS}"),
            "topics.format=json".to_owned(),
        ];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let place = Place::new(spec, all);
        assert!(place.command(&["topics", "create"]).status().expect("the program runs").success());
        Self::at(place)
    }

    /// A process without Kafka, in whose folder of state `fill` leaves topics; does not wait until it runs.
    pub fn embedded(spec: &str, settings: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let place = Place::new(spec, settings.iter().map(|setting| (*setting).to_owned()).collect());
        fill(&place.state());
        Self::at(place)
    }

    /// This one and others of the same flow, so many together; does not wait until they run.
    pub fn and_others(self, processes: usize) -> Vec<Self> {
        let spec = std::fs::read_to_string(self.place.dir.path().join("flow.yaml")).expect("a file");
        let other = |_| Self::at(Place::new(&spec, self.place.settings.clone()));
        let others: Vec<Self> = (1..processes).map(other).collect();
        std::iter::once(self).chain(others).collect()
    }

    fn at(place: Place) -> Self {
        Self { started: SystemClock.now(), process: place.run(), place }
    }

    /// Ends the process as if it died, and starts it at once on what it leaves.
    pub fn die_and_start(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
        self.started = SystemClock.now();
        self.process = self.place.run();
    }

    /// Ends the process in good order; its files stay.
    pub fn stop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = Command::new("kill").arg(self.process.id().to_string()).status();
            let _ = self.process.wait();
        }
    }

    /// The folder of its state.
    pub fn state(&self) -> PathBuf {
        self.place.state()
    }

    /// Waits until it runs.
    pub fn ready(&self) {
        self.wait("readiness", |status| status.contains("\"health\":\"running\""));
    }

    /// Waits until the job says so.
    pub fn wait(&self, what: &str, mut is: impl FnMut(&str) -> bool) {
        let since = Instant::now();
        while !self.page("/status").is_some_and(|status| is(&status)) {
            assert!(since.elapsed() < Duration::from_secs(900), "{what}: not in time");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A page of the admin port.
    pub fn page(&self, path: &str) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&self.place.admin).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.split_once("\r\n\r\n")?.1.to_owned())
    }

    /// A counter of `/metrics`.
    pub fn counter(&self, name: &str) -> f64 {
        let metrics = self.page("/metrics").unwrap_or_default();
        let values = metrics.lines().filter(|line| line.starts_with(name));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Processor seconds of the job.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let ticks: f64 = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    /// Resident memory of the job now, in MB.
    pub fn memory(&self) -> f64 {
        self.in_memory("VmRSS:")
    }

    /// The most that it was, in MB.
    pub fn peak_memory(&self) -> f64 {
        self.in_memory("VmHWM:")
    }

    fn in_memory(&self, what: &str) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or(0.0) / 1024.0
    }

    /// Bytes of the store's files, in MB.
    pub fn store(&self) -> f64 {
        let files = std::fs::read_dir(self.place.state().join("db")).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len() as f64)).sum::<f64>() / 1e6
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.stop();
    }
}
