//! The commands and what they say when something is wrong: one clear message, a hint, the documented exit code.

use std::path::Path;

use serde_json::Value;

use crate::support::{free_port, run, text};

/// Runs a command that must fail: the exit code, and texts that must be in the message.
fn fails(arguments: &[&str], code: i32, said: &[&str]) {
    let output = run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    for said in said {
        assert!(message.contains(said), "{arguments:?}: `{said}` is not said:\n{message}");
    }
    assert!(message.contains("hint:") || code == 2, "{arguments:?}: no hint:\n{message}");
    assert!(!message.contains("panicked"), "{message}");
}

fn write(dir: &Path, name: &str, content: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn state(dir: &Path) -> String {
    format!("state.dir={}", dir.join("state").display())
}

#[test]
fn mistakes_in_files_and_settings_have_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let broken = write(dir.path(), "broken.yaml", "version: 1\nname: [\n");
    fails(&["run", &broken], 2, &["broken.yaml:", "error:"]);
    let newer = write(dir.path(), "newer.yaml", "version: 2\nname: f\nstages:\n  a: {what: ever}\n");
    fails(
        &["run", &newer],
        2,
        &[
            "newer.yaml:1:10: version 2 of the file format is not known",
            "hint:",
            "reads version 1",
            "spec-invalid",
        ],
    );
    let unknown = write(
        dir.path(),
        "unknown.yaml",
        "version: 1\nname: f\nnodes:\n  a: {collecter: zone, from: x, to: y}\n",
    );
    fails(
        &["validate", &unknown],
        2,
        &["unknown.yaml:4:7: unknown key `collecter`", "did you mean `collector`?"],
    );
    let node = write(
        dir.path(),
        "node.yaml",
        "version: 1\nname: f\nnodes:\n  a: {collector: zoen, from: x, to: y}\n",
    );
    fails(&["graph", &node], 2, &["node.yaml:4:18: unknown collector `zoen`", "did you mean `zone`?"]);
    fails(
        &["run", "nothing.yaml"],
        2,
        &["the dataflow file nothing.yaml cannot be read", "domainradar, collectors, join"],
    );
    let config = write(dir.path(), "c.toml", "[kafka]\nbootstrap_server = \"x\"\n");
    fails(
        &["validate", "join", "--config", &config],
        3,
        &["c.toml:2:1: unknown key `kafka.bootstrap_server`", "did you mean `kafka.bootstrap_servers`?"],
    );
    fails(
        &["validate", "join", "--config", "none.toml"],
        3,
        &["the configuration file none.toml cannot be read"],
    );
    fails(&["validate", "join", "--set", "dns.timeout=5"], 3, &["`5` is not a length of time such as 5s"]);
    fails(
        &["validate", "join", "--set", "net.user_agent=a\nb", "--probe"],
        3,
        &["the HTTP client cannot be set up"],
    );
    fails(&["run"], 2, &["Usage:"]);
    fails(&["runn", "x"], 2, &["run"]);
}

#[test]
fn what_is_missing_at_the_start_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (state, list) = (state(dir.path()), write(dir.path(), "names.txt", "a.cz\n"));
    let run = |more: &[&str]| -> Vec<String> {
        [
            "run",
            "domainradar",
            "--set",
            &state,
            "--set",
            "admin.listen=",
            "--set",
            "dns.resolvers=127.0.0.1:53",
        ]
        .iter()
        .chain(more)
        .map(|argument| (*argument).to_owned())
        .collect()
    };
    let fails = |more: &[&str], code, said: &[&str]| {
        let arguments = run(more);
        fails(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code, said);
    };
    fails(&["--set", "geo.city_db=/none.mmdb"], 4, &["/none.mmdb", "hint:"]);
    let no_database = write(dir.path(), "broken.mmdb", "this is no database");
    fails(&["--set", &format!("geo.asn_db={no_database}")], 4, &["broken.mmdb"]);
    fails(&["--set", "net.ca_file=/none.pem"], 3, &["/none.pem"]);
    let closed = format!("127.0.0.1:{}", free_port());
    let kafka = format!("kafka.bootstrap_servers={closed}");
    fails(&["--set", &kafka], 3, &["topics of format avro need a schema registry", "set registry.url"]);
    fails(
        &["--set", &kafka, "--set", "topics.format=json"],
        4,
        &[&format!("Kafka at {closed} cannot be reached"), "kafka-unreachable"],
    );
    fails(
        &["--set", &kafka, "--set", "topics.format=json", "--set", "kafka.properties.no.such.property=1"],
        3,
        &["no.such.property"],
    );
    fails(&["--input", "/none.txt"], 2, &["the list of names /none.txt cannot be read"]);
    fails(&["--input", &list, "--output", "/proc/none/joined.jsonl"], 4, &["/proc/none"]);
    fails(&["--set", "state.dir=/proc/none", "--input", &list], 5, &["/proc/none", "state-broken"]);
    let join = ["run", "join", "--set", &state, "--input", &list];
    super::commands::fails(&join, 2, &["the flow join does not take names to joined records"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("admin.listen={}", taken.local_addr().unwrap());
    fails(&["--set", &listen], 3, &["the admin port", "admin.listen=127.0.0.1:PORT"]);
}

#[test]
fn a_state_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let list = write(dir.path(), "names.txt", "plna-lab.cz\n");
    let (state, output) = (state(dir.path()), dir.path().join("o").display().to_string());
    let arguments = [
        "run",
        "domainradar",
        "--lab",
        "--input",
        &list,
        "--output",
        &output,
        "--set",
        &state,
        "--set",
        "admin.listen=",
    ];
    assert!(run(&arguments).status.success());
    let store = domainflow::state::Store::open(&dir.path().join("state/db"), Default::default()).unwrap();
    // In use: the test holds it.
    fails(&arguments, 5, &["in use by another process", "state-in-use"]);
    let mut batch = store.batch();
    batch.put(domainflow::state::Family::Meta, b"format", b"0");
    store.write(batch).unwrap();
    drop(store);
    fails(&arguments, 5, &["has format 0, this version reads format 3", "state-format"]);
}

#[test]
fn lists_and_drawings() {
    let json = |arguments: &[&str]| -> Value {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let collectors = json(&["list", "collectors", "--format", "json"]);
    assert_eq!(collectors.as_array().unwrap().len(), 9);
    let statuses = json(&["list", "statuses", "--format", "json"]);
    assert!(
        statuses
            .as_array()
            .unwrap()
            .iter()
            .any(|status| status["code"] == 41 && status["name"] == "ICMP_TIME_EXCEEDED")
    );
    let topics = json(&["list", "topics", "join", "--format", "json"]);
    assert_eq!(topics.as_array().unwrap().len(), 7);
    assert_eq!(json(&["schema", "list", "--format", "json"]).as_array().unwrap().len(), 11);
    let valid = json(&["validate", "domainradar", "--format", "json"]);
    assert_eq!(
        (&valid["flow"], &valid["nodes"], &valid["topics"]),
        (&"domainradar".into(), &9.into(), &12.into())
    );
    for (arguments, said) in [
        (&["list", "collectors"][..], "to_process_RDAP_DN"),
        (&["list", "statuses"], "ICMP_TIME_EXCEEDED"),
        (&["list", "topics"], "dead_letters"),
        (&["schema", "list"], "schemas/collected_IP_data.avsc"),
        (&["validate", "collectors"], "valid collectors: 8 nodes"),
        (&["graph", "domainradar"], "flowchart LR"),
        (&["graph", "join", "--format", "dot"], "digraph \"join\""),
        (&["completions", "bash"], "domainflow"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["--help"], "Exit codes:"),
        (&["lab", "--names"], "plna-lab.cz"),
    ] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        let shown = text(&output.stdout);
        assert!(shown.contains(said), "{arguments:?}: `{said}` is not in\n{shown}");
        assert!(!shown.contains('\u{1b}'), "colours in a pipe: {arguments:?}");
    }
}

#[test]
fn one_collector_can_be_asked() {
    for (collector, name, said) in [
        ("zone", "plna-lab.cz", "\"primaryNS\""),
        ("dns", "plna-lab.cz", "\"dnsData\""),
        ("tls", "plna-lab.cz", "\"protocol\":\"TLSv1.3\""),
        ("rdap-dn", "plna-lab.cz", "\"rdapTarget\":\"plna-lab.cz\""),
        ("rdap-ip", "127.80.1.10", "\"collector\":\"rdap-ip\""),
        ("nerd", "127.80.1.10", "\"reputation\""),
        ("geo-asn", "plna-lab.cz", "\"countryCode\""),
        ("rtt", "plna-lab.cz", "\"received\":3"),
        ("zone", "foo..com", "\"statusCode\":2"),
    ] {
        let output = run(&["collect", "--lab", collector, name]);
        let shown = text(&output.stdout);
        assert!(
            output.status.success() && shown.contains(said),
            "{collector} {name}: `{said}` is not in\n{shown}"
        );
        let _: Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    }
    let view = run(&["collect", "--lab", "--format", "text", "plna-lab.cz"]);
    for said in ["plna-lab.cz", "zone", "TLSv1.3", "rdap"] {
        assert!(text(&view.stdout).contains(said), "{said}");
    }
}
