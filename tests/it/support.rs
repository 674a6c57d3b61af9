//! The program as a process: started, waited for with a deadline, stopped by its pid.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up; far beyond what it takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The program with arguments, in an environment of its own.
pub fn domainflow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_domainflow"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("COLUMNS", "110").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    let mut command = domainflow(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let pid = child.id();
    std::thread::spawn(move || sender.send(child.wait_with_output()).ok());
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            signal(pid, "KILL");
            panic!("domainflow {} did not end", arguments.join(" "));
        }
    }
}

/// The text of an output stream.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends a signal to a process that this test started.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "the process {pid} is gone");
}

/// Asks again until there is an answer.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running program. Killed when the test ends without it.
pub struct Running {
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts the program; its log is collected.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// Starts the program with environment variables of its own.
    pub fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = domainflow(arguments);
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (log.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child: Some(child), log }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Whether it has not ended by itself.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.as_mut().unwrap().try_wait(), Ok(None))
    }

    /// How it ended, once it does not run any more.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.as_mut().unwrap().wait().unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Sends it a signal and waits for its end.
    pub fn stop(mut self, name: &str) -> ExitStatus {
        signal(self.pid(), name);
        self.end()
    }

    fn end(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let log = self.log.clone();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                // Shown if the test fails on it.
                if status.code().is_some_and(|code| code != 0) {
                    eprintln!("log of a program that ended with {status}:\n{}", log.lock().unwrap());
                }
                return status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("the program did not end; its log:\n{}", log.lock().unwrap());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("log of the program:\n{}", self.log.lock().unwrap());
            }
        }
    }
}

/// A page of an admin port; `None` while nothing listens.
pub fn page(address: &str, path: &str) -> Option<(u16, String)> {
    request(address, &format!("GET {path}"), "")
}

/// The answer to a JSON document that is sent to a server.
pub fn post(address: &str, path: &str, json: &Value) -> Option<(u16, String)> {
    request(address, &format!("POST {path}"), &json.to_string())
}

fn request(address: &str, what: &str, body: &str) -> Option<(u16, String)> {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let of_body = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    write!(stream, "{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{of_body}\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some((code, if chunked { whole(body)? } else { body.to_owned() }))
}

/// A body that came in chunks (RFC 9112, 7.1); `None` if the last is not there.
fn whole(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n")?;
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..length)?);
        chunks = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// The `/status` of an admin port.
pub fn status(address: &str) -> Option<Value> {
    serde_json::from_str(&page(address, "/status")?.1).ok()
}

/// A port of the loopback that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The records of a file of JSON lines.
pub fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The names of records, in order, each as often as it is there.
pub fn names(records: &[Value]) -> Vec<String> {
    let mut names: Vec<_> =
        records.iter().map(|record| record["domainName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The names that the lab knows, with `scale` more; in order.
pub fn lab_names(scale: usize) -> Vec<String> {
    let output = run(&["lab", "--names", "--scale", &scale.to_string()]);
    let mut names: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// The names that `scale` adds to the lab: of ordinary shape, and their hosts all answer; in order.
pub fn ordinary_names(scale: usize) -> Vec<String> {
    let mut names = lab_names(scale);
    names.retain(|name| {
        let zone = name.split('.').find(|label| label.starts_with('n') && label.ends_with("-lab"));
        zone.is_some_and(|label| label[1..label.len() - 4].bytes().all(|digit| digit.is_ascii_digit()))
    });
    assert_eq!(names.len(), scale);
    names
}

/// Whether a text is the expected one; `..` stands for any words.
pub fn fits(text: &str, expected: &str) -> bool {
    let mut rest = text;
    let mut parts = expected.split("..").map(str::trim);
    let first = parts.next().unwrap_or_default();
    if !rest.starts_with(first) || (!expected.contains("..") && text != expected) {
        return false;
    }
    rest = &rest[first.len()..];
    parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}
