//! Dead letters as the commands show them, and write their records again.

use rdkafka::message::Message as _;
use serde_json::Value;

use super::flow::{Flow, KeyValue};
use crate::support::{run, text};

#[test]
fn dead_letters_are_listed_shown_and_written_again() {
    let flow = Flow::new("letters", 2);
    let (running, _) = flow.start(0, 2, &[]);
    let bad: KeyValue<'_> = (Some(b"plna-lab.cz"), Some(b"{\"bad"));
    flow.produce("to_process_zone", &[bad, (Some(b"\xff"), None)]);
    flow.read("dead_letters", |messages| messages.len() >= 2);
    let command = |words: &[&str], more: &[&str]| {
        let all = ["--set", "topics.partitions=2", "--format", "json"];
        let done = run(&flow.command(words, &[&all[..], more].concat()));
        assert!(done.status.success(), "{}", text(&done.stderr));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let listed = command(&["dead-letters", "list"], &[]);
    assert_eq!(listed["counts"], serde_json::json!({ "key-not-text": 1, "value-not-framed": 1 }));
    let one = command(&["dead-letters", "list"], &["--code", "value-not-framed"])["letters"][0].clone();
    assert_eq!(one["of"]["topic"], flow.topic("to_process_zone"));
    let place = format!("{}:{}", one["partition"], one["offset"]);
    let shown = command(&["dead-letters", "show", &place], &[]);
    assert_eq!((&shown["key"], &shown["value"]), (&"plna-lab.cz".into(), &"{\"bad".into()));

    // The job runs on, and answers what is written again with a letter of its own, which is not written again.
    let replayed = command(&["dead-letters", "replay"], &["--letter", &place]);
    assert_eq!(replayed, serde_json::json!({ "written": 1, "kept": 0 }));
    flow.read("dead_letters", |messages| messages.len() >= 3);
    assert!(running.stop("TERM").success());
    let requests = flow.all("to_process_zone");
    let same = requests.iter().filter(|message| (message.key(), message.payload()) == bad);
    assert_eq!((requests.len(), same.count()), (3, 2));

    let nothing = run(&flow.command(&["dead-letters", "replay"], &["--set", "topics.partitions=2"]));
    assert_eq!(nothing.status.code(), Some(3));
    assert!(text(&nothing.stderr).contains("--all"), "{}", text(&nothing.stderr));
}
