//! Names that take their time, names that wait: they hold nobody up, and nobody gives up on them.

use crate::batch::{Folder, batch, lines, strs};
use crate::support::{Running, free_port, lab_names, names, records, run, status, text, wait_for};

/// A name whose servers take their time holds nobody up: neither the other names, nor what is committed, nor the stop.
#[test]
fn one_slow_name_delays_no_other() {
    let scale = 300;
    let mut list = lab_names(scale);
    list.retain(|name| name.contains("n000") && name.contains("-lab."));
    let slow = list[0].clone();
    let folder = Folder::new(&list);
    let port = free_port();
    let listen = format!("admin.listen=127.0.0.1:{port}");
    let slow_for = format!("{slow}=60s");
    let more = ["--lab-slow", &slow_for, "--set", "zone.timeout=200s", "--set", "dns.timeout=100s"];
    let stop = ["--set", "shutdown.deadline=1s", "--set", &listen];
    let running = Running::start(&strs(&batch(&folder, scale, &[&more[..], &stop].concat())));
    let joined = folder.path("joined.jsonl");
    // All others are written while the slow one is still being asked for.
    wait_for("the other names", || (lines(&joined) == list.len() - 1).then_some(()));
    assert!(!names(&records(&joined)).contains(&slow));
    // What is done is committed: only the partition of the slow name has an open request.
    let open = |report: &serde_json::Value| {
        let partitions = report["partitions"].as_array().unwrap();
        partitions.iter().filter(|partition| partition["oldest_open"] != partition["next"]).count()
    };
    let report = wait_for("the commit of the others", || {
        status(&format!("127.0.0.1:{port}")).filter(|report| open(report) == 1)
    });
    let zone = report["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "zone").unwrap();
    assert_eq!(zone["in_flight"], 1, "{report}");
    assert_eq!(running.stop("TERM").code(), Some(130));
    // The slow one was not lost, and nothing else is done again.
    let done = run(&strs(&batch(&folder, scale, &["--format", "json"])));
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(names(&records(&joined)), list);
    let summary: serde_json::Value =
        serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
    assert_eq!(summary["joined"], 1, "{summary}");
}

/// Names wait outside while the join holds as many as it may, and none is forgotten there.
#[test]
fn few_names_open_at_once_are_enough_for_all() {
    let list = lab_names(0);
    let folder = Folder::new(&list);
    let done = run(&strs(&batch(&folder, 0, &["--set", "join.max_open=5"])));
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(names(&records(&folder.path("joined.jsonl"))), list);
}

/// A backlog in front of a slow collector is no reason to give up on a name: its requests only wait for their turn.
#[test]
fn requests_that_wait_are_not_late() {
    let scale = 240;
    let list: Vec<String> = lab_names(scale).into_iter().filter(|name| name.contains("n000")).collect();
    let folder = Folder::new(&list);
    // Eight addresses at once, half a second for each.
    let slow = ["engine.in_flight=8", "rtt.interval=250ms", "cache.rtt=0s", "join.patience=3s"];
    let slow: Vec<&str> =
        slow.iter().flat_map(|setting| ["--set", setting]).chain(["--format", "json"]).collect();
    let done = run(&strs(&batch(&folder, scale, &slow)));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let summary: serde_json::Value =
        serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["partial"], &summary["revisions"]), (&0.into(), &0.into()), "{summary}");
    assert_eq!(names(&records(&folder.path("joined.jsonl"))), list);
}
