//! List in, file out on the embedded transport: every name its record, once, whatever happens to the process.

use std::path::{Path, PathBuf};

use crate::support::{self, Running, free_port, lab_names, names, records, run, status, text, wait_for};

/// A folder for one test, with a list of names.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(list: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("names.txt"), list.join("\n")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The arguments of a batch on the lab with `scale` names more.
fn batch(folder: &Folder, scale: usize, more: &[&str]) -> Vec<String> {
    let (input, output) = (folder.text("names.txt"), folder.text("joined.jsonl"));
    let state = format!("state.dir={}", folder.text("state"));
    let scale = scale.to_string();
    let mut arguments = vec!["run", "domainradar", "--lab", "--lab-scale", &scale];
    arguments.extend(["--input", &input, "--output", &output, "--set", &state]);
    arguments.extend(more);
    if !more.iter().any(|argument| argument.starts_with("admin.listen")) {
        arguments.extend(["--set", "admin.listen="]);
    }
    arguments.into_iter().map(str::to_owned).collect()
}

fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn the_demo_joins_every_name_once_and_shows_every_status() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out/joined.jsonl");
    let demo =
        run(&["demo", "--format", "json", "--output", output.to_str().unwrap(), "--set", "admin.listen="]);
    assert!(demo.status.success(), "{}", text(&demo.stderr));
    let records = records(&output);
    let expected = lab_names(0);
    assert!(expected.len() >= 200);
    assert_eq!(names(&records), expected);
    let summary: serde_json::Value = serde_json::from_slice(&demo.stdout).unwrap();
    assert_eq!(summary["joined"].as_u64().unwrap() as usize, expected.len());
    let jobs = summary["jobs"].as_array().unwrap();
    let ended = |collector: &serde_json::Value, status: &str| -> u64 {
        let nodes = jobs.iter().flat_map(|job| job["nodes"].as_array().unwrap());
        nodes
            .filter(|node| node["name"] == *collector)
            .filter_map(|node| node["statuses"][status].as_u64())
            .sum()
    };
    let listed = |what: &str| -> Vec<serde_json::Value> {
        serde_json::from_slice(&run(&["list", what, "--format", "json"]).stdout).unwrap()
    };
    let statuses = listed("statuses");
    let (mut shown, mut collectors) = (0, listed("collectors"));
    // It has a dataflow of its own, and no place in the lab.
    collectors.retain(|collector| collector["name"] != "qradar");
    assert_eq!(collectors.len(), 8);
    for collector in &collectors {
        for code in collector["statuses"].as_array().unwrap() {
            // A record of RDAP whose WHOIS was not needed says so in a field of its own, see below.
            if *code == 35 {
                continue;
            }
            let status = statuses.iter().find(|status| status["code"] == *code).unwrap();
            let status = status["name"].as_str().unwrap();
            let name = &collector["name"];
            assert!(ended(name, status) > 0, "{name} never ended with {status}");
            shown += 1;
        }
    }
    assert!(shown >= 60, "{shown} statuses of collectors");
    // WHOIS has statuses of its own.
    let whois =
        |code: i64| records.iter().any(|record| record["rdapDomainResult"]["whoisStatusCode"] == code);
    for code in [0, 10, 11, 12, 13, 35] {
        assert!(whois(code), "no WHOIS status {code}");
    }
    let of = |name: &str| records.iter().find(|record| record["domainName"] == name).unwrap();
    let old = &of("desitka-lab.cz")["tlsResult"];
    assert_eq!(old["tlsData"]["protocol"], "TLSv1", "{old}");
    assert_eq!(old["tlsData"]["certificates"].as_array().unwrap().len(), 2, "{old}");
    assert!(old["html"].as_str().unwrap().contains("desitka-lab.cz"), "{old}");
    let packed = of("zabaleno-lab.cz")["tlsResult"]["html"].as_str().unwrap();
    assert!(packed.contains("zabaleno-lab.cz") && packed.contains("</html>"), "{packed}");
    // The record of a plain name is whole.
    let plain = of("plna-lab.cz");
    assert_eq!(plain.as_object().unwrap().keys().next().unwrap(), "domainName");
    assert_eq!(plain["zone"]["zone"], "plna-lab.cz");
    assert_eq!(plain["dnsResult"]["statusCode"], 0);
    assert_eq!(plain["tlsResult"]["tlsData"]["protocol"], "TLSv1.3");
    assert!(plain["rdapDomainResult"]["rdapData"]["handle"].is_string());
    let addresses = plain["ipResults"].as_object().unwrap();
    assert!(!addresses.is_empty());
    for results in addresses.values() {
        assert_eq!(results.as_object().unwrap().len(), 4);
    }
}

#[test]
fn a_stopped_batch_goes_on_where_it_was() {
    goes_on("TERM", Some(130));
}

#[test]
fn a_killed_batch_goes_on_where_it_was() {
    goes_on("KILL", None);
}

/// Stops a batch in the middle, twice, and lets it finish: every name has its record once.
fn goes_on(how: &str, code: Option<i32>) {
    let scale = 400;
    let expected = lab_names(scale);
    let folder = Folder::new(&expected);
    let arguments = batch(&folder, scale, &[]);
    let joined = folder.path("joined.jsonl");
    for part in [60, 200] {
        let mut running = Running::start(&strs(&arguments));
        wait_for("some records", || (lines(&joined) >= part || !running.runs()).then_some(()));
        assert!(running.runs(), "the batch ended before it was stopped: {}", running.log());
        let ended = running.stop(how);
        assert_eq!(ended.code(), code, "{ended}");
    }
    let part = lines(&joined);
    assert!(part < expected.len());
    let last = run(&strs(&arguments));
    assert!(last.status.success(), "{}", text(&last.stderr));
    assert_eq!(names(&records(&joined)), expected);
    // The batch is done, so the same state takes another.
    std::fs::write(folder.path("names.txt"), "plna-lab.cz\n").unwrap();
    let other = run(&strs(&arguments));
    assert!(other.status.success(), "{}", text(&other.stderr));
    assert_eq!(names(&records(&joined)), ["plna-lab.cz"]);
}

#[test]
fn an_unfinished_batch_is_not_overwritten() {
    let expected = lab_names(400);
    let folder = Folder::new(&expected);
    let arguments = batch(&folder, 400, &[]);
    let mut running = Running::start(&strs(&arguments));
    wait_for("some records", || (lines(&folder.path("joined.jsonl")) >= 20 || !running.runs()).then_some(()));
    running.stop("KILL");
    std::fs::write(folder.path("names.txt"), "plna-lab.cz\n").unwrap();
    let other = run(&strs(&arguments));
    assert_eq!(other.status.code(), Some(5));
    assert!(text(&other.stderr).contains("unfinished batch"), "{}", text(&other.stderr));
}

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

#[test]
fn names_come_from_standard_input_and_records_go_to_standard_output() {
    let mut command = support::domainflow(&["collect", "--lab", "-"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"# two\nplna-lab.cz\n\n WWW.plna-lab.cz \n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Keys are echoed as they came, zones are canonical.
    assert_eq!(names(&lines), ["WWW.plna-lab.cz", "plna-lab.cz"]);
    assert!(lines.iter().all(|record| record["zone"]["zone"] == "plna-lab.cz"));
}

/// Otherwise the end of a process could tear the store down while a task still uses it.
#[test]
fn the_store_is_closed_when_a_batch_has_run() {
    use domainflow::embed::{Batch, Input, Output, Process};

    let dir = tempfile::tempdir().unwrap();
    let mut settings = domainflow::config::Settings::default();
    settings.state.dir = dir.path().to_owned();
    settings.admin.listen = String::new();
    settings.dns.resolvers = vec!["127.0.0.1:9".parse().unwrap()];
    let text = include_str!("../../dataflows/domainradar.yaml");
    let plan = domainflow::spec::parse("domainradar", text, Default::default()).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let process = Process::embedded(settings, plan, None).unwrap();
        let output = Output::File(dir.path().join("joined.jsonl"));
        let batch = Batch::start(process, Input::names([]), output, &[]).await.unwrap();
        let progress = batch.progress();
        batch.run(std::future::pending()).await.unwrap();
        domainflow::state::Store::open(&dir.path().join("db"), Default::default()).unwrap();
        assert_eq!(progress.fed(), 0);
    });
}

#[test]
fn json_topics_give_the_same_records() {
    let list = ["plna-lab.cz".to_owned(), "www.plna-lab.cz".to_owned()];
    let folder = Folder::new(&list);
    let mut shapes = vec![];
    for format in ["avro", "json"] {
        let setting = format!("topics.format={format}");
        let done = run(&strs(&batch(&folder, 0, &["--set", &setting])));
        assert!(done.status.success(), "{}", text(&done.stderr));
        let mut records = records(&folder.path("joined.jsonl"));
        records.sort_by_key(|record| record["domainName"].as_str().map(str::to_owned));
        assert_eq!(names(&records), list);
        let facts: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    record["zone"].clone(),
                    record["dnsResult"]["dnsData"].clone(),
                    record["tlsResult"]["html"].clone(),
                )
            })
            .collect();
        shapes.push(facts);
    }
    assert_eq!(shapes[0], shapes[1]);
}

/// All but those that only the resolver of the lab is told of.
#[test]
fn own_recursion_gives_the_records_that_a_resolver_gives() {
    let mut list = lab_names(30);
    list.retain(|name| !["zavrena-lab.net", "tissi-lab.net", "stara-lab.com"].contains(&name.as_str()));
    let folder = Folder::new(&list);
    let facts = |recursion: &str| -> Vec<_> {
        let recursion = format!("dns.recursion={recursion}");
        let more = ["--set", &recursion, "--set", "dns.timeout=3s", "--set", "zone.timeout=3s"];
        let done = run(&strs(&batch(&folder, 30, &more)));
        assert!(done.status.success(), "{}", text(&done.stderr));
        let facts = records(&folder.path("joined.jsonl")).into_iter().map(|mut record| {
            let mut dns = record["dnsResult"].take();
            // The rest of a TTL depends on when it was asked.
            dns["dnsData"]["ttlValues"].take();
            dns["lastAttempt"].take();
            (record["domainName"].to_string(), record["zone"].take(), dns)
        });
        let mut facts: Vec<_> = facts.collect();
        facts.sort_by(|a, b| a.0.cmp(&b.0));
        facts
    };
    let (own, others) = (facts("root"), facts("resolvers"));
    assert_eq!(own.len(), list.len());
    for (own, other) in own.iter().zip(&others) {
        assert_eq!(own, other);
    }
}

#[test]
fn what_is_no_name_is_told_and_loses_nothing() {
    let folder = Folder::new(&[]);
    let mut list = b"plna-lab.cz\nfoo..com\n".to_vec();
    list.extend_from_slice(b"\xff\xfe.cz\n");
    list.extend_from_slice(format!("{}.cz\n", "a".repeat(70)).as_bytes());
    std::fs::write(folder.path("names.txt"), list).unwrap();
    let done = run(&strs(&batch(&folder, 0, &["--format", "json"])));
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(names(&records(&folder.path("joined.jsonl"))), ["plna-lab.cz"]);
    let summary: serde_json::Value =
        serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
    assert_eq!(summary["without_record"]["INVALID_DOMAIN_NAME"], 2);
    assert_eq!(summary["dead_letters"]["key-not-text"], 1);
}

/// Records that are too large: the page is cut, in the result and in the joined record, and every name has its record.
#[test]
fn pages_of_some_megabytes_are_cut_where_records_may_not_be_as_large() {
    let list = ["obrovska-lab.cz".to_owned(), "plna-lab.cz".to_owned()];
    for format in ["avro", "json"] {
        let folder = Folder::new(&list);
        let format = format!("topics.format={format}");
        let more =
            ["--set", "topics.max_record=64KiB", "--set", "tls.max_body=4MiB", "--set", "tls.timeout=30s"];
        let done =
            run(&strs(&batch(&folder, 0, &[&more[..], &["--set", &format, "--format", "json"]].concat())));
        assert!(done.status.success(), "{}", text(&done.stderr));
        let summary: serde_json::Value =
            serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
        // Once for the result, once for the joined record, which has other parts as well.
        assert_eq!((&summary["joined"], &summary["complete"]), (&2.into(), &2.into()), "{summary}");
        assert_eq!((&summary["cut_pages"], &summary["dead_letters"]), (&2.into(), &serde_json::json!({})));
        let records = records(&folder.path("joined.jsonl"));
        assert_eq!(names(&records), list);
        let of = |name: &str| records.iter().find(|record| record["domainName"] == name).unwrap();
        let page = of("obrovska-lab.cz")["tlsResult"]["html"].as_str().unwrap();
        assert!((32 << 10..64 << 10).contains(&page.len()), "{}", page.len());
        assert!(of("obrovska-lab.cz")["tlsResult"]["tlsData"]["certificates"][0].is_object());
        assert!(of("plna-lab.cz")["tlsResult"]["html"].as_str().unwrap().trim_end().ends_with("</html>"));
    }
}

/// What was joined is not lost where it cannot be written: the job ends and says so, and nothing counts as written.
#[test]
fn a_full_disk_ends_the_batch_and_loses_nothing() {
    let list = ["plna-lab.cz".to_owned()];
    let folder = Folder::new(&list);
    let mut arguments = batch(&folder, 0, &[]);
    let output = arguments.iter().position(|argument| argument.ends_with("joined.jsonl")).unwrap();
    let link = folder.path("joined.jsonl");
    arguments[output] = "-".to_owned();
    let mut command = support::domainflow(&strs(&arguments));
    let full = command.stdout(std::fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!(full.status.code(), Some(4), "{}", text(&full.stderr));
    assert!(text(&full.stderr).contains("batch-output"), "{}", text(&full.stderr));
    // The same batch once there is room.
    let again = support::domainflow(&strs(&arguments)).output().unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
    std::fs::write(&link, again.stdout).unwrap();
    assert_eq!(names(&records(&link)), list);
}

/// A name with many addresses, whose joined record is too large even without its page: a dead letter, and nothing stops.
#[test]
fn what_is_too_large_without_its_page_is_a_dead_letter() {
    let list = ["mnoho-lab.com".to_owned(), "plna-lab.cz".to_owned()];
    let folder = Folder::new(&list);
    let done = run(&strs(&batch(&folder, 0, &["--set", "topics.max_record=16KiB", "--format", "json"])));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let summary: serde_json::Value =
        serde_json::from_str(text(&done.stderr).lines().last().unwrap()).unwrap();
    assert_eq!((&summary["names"], &summary["joined"]), (&2.into(), &1.into()), "{summary}");
    assert_eq!(summary["dead_letters"], serde_json::json!({ "record-too-large": 1 }));
    assert_eq!(names(&records(&folder.path("joined.jsonl"))), list[1..]);
    let state = format!("state.dir={}", folder.text("state"));
    let listed = run(&["dead-letters", "list", "domainradar", "--set", &state, "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let letter = &listed["letters"][0];
    assert_eq!((&letter["key"], &letter["cut"]), (&list[0].as_str().into(), &"value".into()), "{letter}");
    assert_eq!(letter["of"]["topic"], "all_collected_data");
}
