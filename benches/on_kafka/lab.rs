//! The lab beside a job on Kafka.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A lab as a process of its own, so that its processor time is not the job's.
pub struct Lab {
    process: Child,
    /// What leads a job to it.
    pub settings: Vec<String>,
    /// Its names, the first of them.
    pub names: Vec<String>,
}

impl Lab {
    /// Starts a lab with at least so many names.
    pub fn start(names: usize) -> Self {
        Self::with(names, &[])
    }

    /// Starts a lab with at least so many names and further options.
    pub fn with(names: usize, options: &[&str]) -> Self {
        let scale = names.to_string();
        let lab = |what: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_domainflow"));
            command.args(["lab", "--scale", &scale, what]).args(options);
            command
        };
        let list = lab("--names").output().expect("the program runs").stdout;
        let list = String::from_utf8(list).expect("names");
        let mut process = lab("--settings")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        // The settings are all there once it says that it runs; its output stays open.
        let (out, err) = (process.stdout.take().expect("piped"), process.stderr.take().expect("piped"));
        let runs =
            BufReader::new(err).lines().map_while(Result::ok).any(|line| line.contains("the lab runs"));
        assert!(runs, "the lab does not start");
        let mut lines = BufReader::new(out);
        let mut settings = vec![];
        while settings.is_empty() || !lines.buffer().is_empty() {
            let mut line = String::new();
            lines.read_line(&mut line).expect("a setting");
            settings.push(line.trim_end().to_owned());
        }
        let names = list.lines().take(names).map(str::to_owned).collect();
        Self { process, settings, names }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
