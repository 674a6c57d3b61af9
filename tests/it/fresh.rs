//! What is generated from the code is up to date: schemas, reference pages, completions. `UPDATE=1` writes it anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use domainflow::cli::{all_codes, exit_codes};
use domainflow::codec::RECORDS;
use domainflow::collect::catalogue::COLLECTORS;
use domainflow::model::STATUSES;
use serde_json::Value;

use crate::support::domainflow;

/// Compares a generated text with its file; with `UPDATE=1` writes it.
fn check(path: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "{path} is not what the code says; run `UPDATE=1 cargo test --test it fresh`");
}

fn page(title: &str, source: &str, body: &str) -> String {
    format!(
        "# {title}\n\n<!-- Generated from {source} by tests/it/fresh.rs; do not edit. -->\n\n{}\n",
        body.trim_end()
    )
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[test]
fn schemas() {
    let mut undocumented = vec![];
    for record in RECORDS {
        let schema = serde_json::to_value((record.schema)()).unwrap();
        document(record.topic, &schema, &mut undocumented);
        let mut text = serde_json::to_string_pretty(&schema).unwrap();
        text.push('\n');
        check(&format!("schemas/{}.avsc", record.topic), &text);
    }
    assert!(undocumented.is_empty(), "without a doc: {}", undocumented.join(", "));
}

/// Notes records and fields without documentation.
fn document(place: &str, schema: &Value, undocumented: &mut Vec<String>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| document(place, branch, undocumented)),
        Value::Object(object) => {
            let fields = object.get("fields").and_then(Value::as_array);
            if fields.is_some() && !object.contains_key("doc") {
                undocumented.push(format!("{place}.{}", object["name"]));
            }
            for field in fields.into_iter().flatten() {
                let place = format!("{place}.{}", field["name"].as_str().unwrap());
                if !field.as_object().unwrap().contains_key("doc") {
                    undocumented.push(place.clone());
                }
                document(&place, &field["type"], undocumented);
            }
            for inner in ["items", "values", "type"] {
                if let Some(inner) = object.get(inner) {
                    document(place, inner, undocumented);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn configuration() {
    let body = format!(
        "Every key with its default. Where settings come from and which wins is said at the top.\n\n```toml\n{}```\n",
        domainflow::config::DEFAULT
    );
    check("docs/reference/config.md", &page("Configuration", "config/default.toml", &body));
}

#[test]
fn statuses() {
    let mut body = row(&["code", "name", "meaning", "given by"]);
    body.push_str(&row(&["---", "---", "---", "---"]));
    for info in STATUSES {
        let by = COLLECTORS
            .iter()
            .filter(|collector| collector.statuses.iter().any(|status| status.0 == info.code));
        let by: Vec<_> = by.map(|collector| collector.name).collect();
        body.push_str(&row(&[&info.code.to_string(), info.name, info.meaning, &by.join(", ")]));
    }
    check(
        "docs/reference/statuses.md",
        &page("Statuses", "src/model/status.rs and src/collect/catalogue.rs", &body),
    );
}

#[test]
fn errors() {
    let mut body = String::from("Every error that ends a command names its code, and says what to do.\n\n");
    body.push_str(&row(&["code", "exit", "what happened", "what to do"]));
    body.push_str(&row(&["---", "---", "---", "---"]));
    for code in all_codes() {
        body.push_str(&row(&[code.name, &(code.exit as u8).to_string(), code.about, code.hint]));
    }
    body.push_str("\n## Exit codes\n\n");
    for (exit, about) in exit_codes() {
        writeln!(body, "- `{}`: {about}", exit as u8).unwrap();
    }
    body.push_str("\nDead letters carry these codes, and for keys: ");
    let keys: Vec<_> =
        domainflow::flow::KEY_CODES.iter().map(|(error, code)| format!("`{code}` ({error})")).collect();
    writeln!(body, "{}.", keys.join(", ")).unwrap();
    check("docs/reference/errors.md", &page("Errors", "the codes beside the errors in src/", &body));
}

#[test]
fn command_line() {
    let mut body = String::new();
    let mut commands = vec![vec![]];
    for command in
        ["run", "demo", "lab", "collect", "validate", "graph", "list", "schema", "topics", "completions"]
    {
        commands.push(vec![command]);
    }
    for command in commands {
        let mut arguments = command.clone();
        arguments.push("--help");
        let output = domainflow(&arguments).output().unwrap();
        assert!(output.status.success());
        let title = ["domainflow"].iter().chain(&command).copied().collect::<Vec<_>>().join(" ");
        let text = String::from_utf8(output.stdout).unwrap();
        let text: Vec<_> = text.lines().map(str::trim_end).collect();
        writeln!(body, "## {title}\n\n```text\n{}\n```\n", text.join("\n").trim_end()).unwrap();
    }
    check("docs/reference/cli.md", &page("Command line", "src/cli/args.rs", &body));
}

#[test]
fn dataflow_files() {
    let mut body = String::from(
        "A dataflow file names nodes and the topics between them. It is checked before anything starts: \
         `domainflow validate FILE` shows line, column and hint; `domainflow graph FILE` draws it. Requests, the \
         results that a join reads and joined records have one number of partitions, `topics.partitions`; topics that \
         a node `repartition` reads, and those that a flow only writes, may have any. Unknown keys are errors.\n\n",
    );
    let source = include_str!("../../src/spec/document.rs");
    let mut docs = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("/// ") {
            docs.push_str(doc);
        } else if line.starts_with("pub struct ") {
            let heading = docs.trim_end_matches('.');
            write!(body, "## {heading}\n\n").unwrap();
            body.push_str(&row(&["key", "needed", "meaning"]));
            body.push_str(&row(&["---", "---", "---"]));
            docs.clear();
        } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|field| field.split_once(": "))
        {
            // Keys of a join are words with hyphens, as the names of collectors are.
            let name = if body.contains("a join\n\n") { name.replace('_', "-") } else { name.to_owned() };
            let needed = ![
                "Option",
                "IndexMap<String, Spanned<Format",
                "IndexMap<String, Spanned<String",
                "Vec",
                "OneOr",
                "Win",
            ]
            .iter()
            .any(|optional| kind.starts_with(optional));
            body.push_str(&row(&[&format!("`{name}`"), if needed { "yes" } else { "" }, &docs]));
            docs.clear();
        } else if line == "}" {
            body.push('\n');
        }
    }
    body.push_str("## Collectors\n\n");
    body.push_str(&row(&["name", "what it does", "requests", "results", "what may follow"]));
    body.push_str(&row(&["---", "---", "---", "---", "---"]));
    for collector in COLLECTORS {
        let follow_ups: Vec<_> = collector.follow_ups.iter().map(|kind| kind.name()).collect();
        body.push_str(&row(&[
            collector.name,
            collector.about,
            collector.request,
            collector.result,
            &follow_ups.join(", "),
        ]));
    }
    let example = include_str!("../../dataflows/domainradar.yaml");
    write!(body, "\n## Example: `dataflows/domainradar.yaml`\n\n```yaml\n{example}```\n").unwrap();
    let foreign = include_str!("../../dataflows/merger.yaml");
    write!(
        body,
        "\n## Example: results of foreign producers, `dataflows/merger.yaml`\n\n```yaml\n{foreign}```\n"
    )
    .unwrap();
    check(
        "docs/reference/dataflow.md",
        &page("Dataflow files", "src/spec/document.rs and the catalogue", &body),
    );
}

#[test]
fn metrics() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;
    use std::time::Duration;

    use domainflow::clock::ManualClock;
    use domainflow::model::Status;
    use domainflow::telemetry::Meters;

    // One of everything, so that every family shows.
    let meters = Meters::new("f", ["zone".to_owned()], Arc::new(ManualClock::at(1)));
    meters.nodes()[0].finished(Status::OK, Duration::from_millis(1));
    meters.open_partition("t", 0, Arc::new(AtomicI64::new(1)));
    meters.dead_letter("value-malformed");
    meters.join.end("no-zone");
    meters.join.ignore("repeated");
    meters.join.misplaced.of("t");
    meters.repartitioned.of("t");
    let text = meters.metrics().unwrap();
    let mut body = String::from("Served at `/metrics` on the admin port, in the OpenMetrics text form.\n\n");
    body.push_str(&row(&["name", "type", "labels", "meaning"]));
    body.push_str(&row(&["---", "---", "---", "---"]));
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, meaning) = help.split_once(' ').unwrap();
        let kind = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
        let sample = text.lines().find(|line| line.starts_with(name)).unwrap();
        let labels: Vec<_> = sample
            .split_once('{')
            .map_or("", |(_, rest)| rest)
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(label, _)| label)
            .collect();
        let shown = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        body.push_str(&row(&[&shown, kind, &labels.join(", "), meaning]));
    }
    check("docs/reference/metrics.md", &page("Metrics", "src/telemetry/metrics.rs", &body));
}
