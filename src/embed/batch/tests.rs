//! A batch on embedded topics whose process dies at one of its writes, at any of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::Loader;
use crate::embed::with_lab;
use crate::lab::{Lab, LabOptions};

/// A host that answers everything, and a name without a zone.
const NAMES: &str = "plna-lab.cz\nneexistuje-lab.cz\n";

/// A process on the state in `dir`.
async fn process(lab: &Lab, dir: &Path) -> Result<Process, Failure> {
    let mut loader = Loader::new();
    loader.overrides(&lab.settings())?;
    loader.set(&format!("state.dir={}", dir.join("state").display()))?;
    // Rows are written with every cut, the worst for what has to fit together.
    for setting in ["state.flush_interval=0s", "topics.partitions=2", "admin.listen="] {
        loader.set(setting)?;
    }
    let settings = loader.finish()?;
    let flow = include_str!("../../../dataflows/domainradar.yaml");
    let plan = crate::spec::parse("domainradar", flow, settings.topics.format)?;
    Process::embedded(settings, plan, Some(lab.ping()))
}

/// Runs the batch in `dir`; how many of `writes` were left.
async fn run(lab: &Lab, dir: &Path, writes: i64) -> (Result<Summary, Failure>, i64) {
    // What was aborted lets go of the store when the runtime has taken note.
    let process = loop {
        match process(lab, dir).await {
            Ok(process) => break process,
            Err(error) if error.code().name == "state-in-use" => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let store = process.store.clone();
    store.dies_after(writes);
    let (input, output) = (Input::File(dir.join("names")), Output::File(dir.join("joined")));
    let ended = match Batch::start(process, input, output, &[]).await {
        Ok(batch) => batch.run(std::future::pending()).await,
        Err(error) => Err(error),
    };
    (ended, store.dies_after(0))
}

/// The names of the file with how often each is there.
fn joined(dir: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(dir.join("joined")).unwrap();
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        *names.entry(record["domainName"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_write_loses_nothing_and_repeats_nothing() {
    const MANY: i64 = 1_000_000;
    let lab = with_lab(&mut Loader::new(), LabOptions::default()).await.unwrap();
    let folder = || {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("names"), NAMES).unwrap();
        dir
    };
    let dir = folder();
    let (ended, left) = run(&lab, dir.path(), MANY).await;
    ended.unwrap();
    let (writes, expected) = (MANY - left, BTreeMap::from([("plna-lab.cz".to_owned(), 1)]));
    assert_eq!(joined(dir.path()), expected);
    assert!(writes > 10, "only {writes} writes");
    // How many there are differs a little from run to run; the last ones are those of the end.
    let deaths: Vec<i64> = (0..writes).collect();
    for together in deaths.chunks(8) {
        let each = together.iter().map(async |&dies_after| {
            let dir = folder();
            let (_, left) = run(&lab, dir.path(), dies_after).await;
            assert!(left <= 0 || dies_after > writes / 2, "{left} of {dies_after} writes left");
            let (ended, _) = run(&lab, dir.path(), MANY).await;
            ended.unwrap();
            assert_eq!(joined(dir.path()), expected, "after {dies_after} writes");
        });
        futures_util::future::join_all(each).await;
    }
}
