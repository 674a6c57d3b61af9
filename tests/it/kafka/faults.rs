//! Whatever dies, at random: processes, brokers and the registry are killed, paused and stopped, state is deleted, a disk
//! runs full, a clock jumps. A ledger of our own says what went in; it comes out once.
//!
//! The seed is printed; FAULTS_SEED takes it. FAULTS_NAMES and FAULTS_KILLS make a run longer. What may be done to whom is
//! in `faults/chaos.rs`.

mod chaos;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use serde_json::Value;

use self::chaos::Chaos;
use super::cluster::Cluster;
use super::flow::{Flow, Foreign, header, key};
use super::joined_once;
use crate::support::{ordinary_names, run, text};

const PARTITIONS: u32 = 6;

/// Names that are under way at most; in long runs more, as what a dead process holds must not keep the others waiting.
const AHEAD: usize = 800;

/// After the last fault: how long nothing may come before a name counts as lost.
const QUIET: Duration = Duration::from_secs(180);

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn whatever_dies_every_name_is_joined_once() {
    let seed = number("FAULTS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let (scale, kills) =
        (number("FAULTS_NAMES").unwrap_or(1500) as usize, number("FAULTS_KILLS").unwrap_or(8) as usize);
    // Hosts that all answer allow long time limits, so that a busy machine fails no call.
    let names = ordinary_names(scale);
    eprintln!("FAULTS_SEED={seed}, {} names, {kills} kills", names.len());

    let cluster = Arc::new(Cluster::start());
    let copies = ["--set", "topics.replication=3"];
    let flow = Arc::new(Flow::on(cluster.servers.clone(), "faults", PARTITIONS, &copies));
    let progress = Arc::new(Progress::default());
    let reader = progress.follow(&flow);
    let producer = progress.feed(&flow, names.clone());

    let mut chaos = Chaos::new(seed, cluster.clone(), flow.clone(), scale, PARTITIONS);
    let step = (names.len() / (3 * kills)).max(1);
    while chaos.kills() < kills {
        let (from, since) = (progress.joined(), Instant::now());
        while progress.joined() < from + step && since.elapsed() < Duration::from_secs(8) {
            std::thread::sleep(Duration::from_millis(50));
        }
        eprint!("{:6} joined", progress.joined());
        chaos.next();
        // Nothing is left to be disturbed.
        if progress.joined() >= names.len() {
            break;
        }
    }
    chaos.calm();
    let (mut last, mut heard) = (0, Instant::now());
    while progress.joined() < names.len() {
        std::thread::sleep(Duration::from_millis(100));
        chaos.mend();
        if progress.joined() > last {
            (last, heard) = (progress.joined(), Instant::now());
        }
        assert!(heard.elapsed() < QUIET, "only {last} of {} names; {}", names.len(), chaos.logs());
    }
    assert_eq!(producer.join().unwrap(), 0, "names that the brokers did not take");
    progress.done.store(true, Ordering::Relaxed);
    reader.join().unwrap();
    let done = chaos.stop();
    eprintln!("FAULTS_SEED={seed}: {done}");

    joined_once(&flow, PARTITIONS, &names);
    right(&flow, &names, scale, seed);
}

/// How far the flow is, as its users see it.
#[derive(Default)]
struct Progress {
    joined: AtomicUsize,
    done: AtomicBool,
}

impl Progress {
    fn joined(&self) -> usize {
        self.joined.load(Ordering::Relaxed)
    }

    /// Counts names with a joined record until it is done.
    fn follow(self: &Arc<Self>, flow: &Arc<Flow>) -> std::thread::JoinHandle<()> {
        let (this, flow) = (self.clone(), flow.clone());
        std::thread::spawn(move || {
            let (consumer, mut seen) = (flow.reader("all_collected_data"), HashSet::new());
            while !this.done.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    seen.insert(message.key().unwrap().to_vec());
                    this.joined.store(seen.len(), Ordering::Relaxed);
                }
            }
        })
    }

    /// Writes the names, no faster than they are joined; how many the brokers did not take.
    fn feed(self: &Arc<Self>, flow: &Arc<Flow>, names: Vec<String>) -> std::thread::JoinHandle<usize> {
        let (this, flow) = (self.clone(), flow.clone());
        std::thread::spawn(move || {
            let ahead = AHEAD.max(names.len() / 50);
            let failed = Arc::new(AtomicUsize::new(0));
            let producer: ThreadedProducer<Ledger> = ClientConfig::new()
                .set("bootstrap.servers", &flow.servers.0)
                .set("enable.idempotence", "true")
                .set("message.timeout.ms", "300000")
                .create_with_context(Ledger(failed.clone()))
                .unwrap();
            let topic = flow.topic("to_process_zone");
            for (turn, name) in names.iter().enumerate() {
                while turn > this.joined() + ahead {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let record: BaseRecord<'_, str, str> = BaseRecord::to(&topic).key(name);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(Duration::from_secs(300)).unwrap();
            failed.load(Ordering::Relaxed)
        })
    }
}

/// Counts what the brokers did not take.
struct Ledger(Arc<AtomicUsize>);

impl rdkafka::ClientContext for Ledger {}

impl ProducerContext for Ledger {
    type DeliveryOpaque = ();

    fn delivery(&self, delivered: &DeliveryResult<'_>, (): ()) {
        if delivered.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The records say what those of an undisturbed run say, for names picked at random; none was given up early.
fn right(flow: &Flow, names: &[String], scale: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let picked: HashSet<&String> = random.choose_multiple(names.iter(), 200).into_iter().collect();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("names"), picked.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    let (scale, state) = (scale.to_string(), format!("state.dir={}", path("state")));
    let (list, joined) = (path("names"), path("joined"));
    let mut arguments = vec!["run", "domainradar", "--lab", "--lab-scale", &scale, "--set", &state];
    arguments.extend(["--input", &list, "--output", &joined, "--set", "admin.listen="]);
    let undisturbed = run(&arguments);
    assert!(undisturbed.status.success(), "{}", text(&undisturbed.stderr));
    let expected: BTreeMap<String, Value> = crate::support::records(dir.path().join("joined").as_path())
        .into_iter()
        .map(|record| (record["domainName"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(expected.len(), picked.len());

    let (mut foreign, mut wrong, mut early) = (Foreign::new(&flow.servers.1), vec![], vec![]);
    flow.each("all_collected_data", |message| {
        let name = key(&message);
        if header(&message, "domainflow-complete").as_deref() != Some("true") {
            early.push(name.clone());
        }
        if let Some(expected) = expected.get(&name) {
            let record = foreign.read(message.payload().unwrap());
            for part in ["zone", "dnsResult", "tlsResult", "rdapDomainResult"] {
                // Where one of both ran into its time, they differ.
                let (ours, theirs) = (&record[part], &expected[part]);
                let ok = |part: &Value| part.get("statusCode").is_none_or(|status| status == 0);
                if ok(ours) && ok(theirs) && lasting(ours) != lasting(theirs) {
                    wrong.push(format!("{name} {part}: {ours} is not {theirs}"));
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{} wrong, such as {}", wrong.len(), wrong[0]);
    assert!(early.is_empty(), "{} given up early, such as {}", early.len(), early[0]);
}

/// What does not differ from run to run: no times, ports and bytes of certificates that each lab makes for itself.
fn lasting(part: &Value) -> Value {
    let mut part = part.clone();
    if let Value::Object(fields) = &mut part {
        fields.retain(|name, _| {
            ["soa", "zone", "dnsData", "statusCode", "rdapTarget"].contains(&name.as_str())
        });
    }
    part
}
