//! The rules of the source tree: imports go down, files open with what they are about, files stay short.

use std::path::{Path, PathBuf};

/// The layers from the ground up. A module may use those of lower layers, and itself.
const LAYERS: &[&[&str]] = &[
    &["clock", "error", "secret", "units"],
    &["model"],
    &["telemetry"],
    &["codec", "collect", "join", "state"],
    &["engine", "io"],
    &["spec"],
    &["flow", "lab"],
    &["config"],
    &["embed"],
    &["cli"],
];

/// Lines after which a file needs a stated reason.
const LONG: usize = 400;
const REASON: &str = "longer than 400 lines because";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, kind: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, kind, found);
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
}

fn sources(dirs: &[&str]) -> Vec<(String, String)> {
    let mut found = vec![];
    for dir in dirs {
        files(&root().join(dir), "rs", &mut found);
    }
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The module of a source file: `src/io/kafka/mod.rs` belongs to `io`.
fn module(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap()
}

/// Modules that a source names after `crate::`, with their lines.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = vec![];
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let module: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if module.is_empty() {
                // `use crate::{a, b}` would hide what is imported from this test and from readers.
                found.push((number + 1, "{".to_owned()));
            } else {
                found.push((number + 1, module));
            }
        }
    }
    found
}

#[test]
fn imports_go_down() {
    let mut wrong = vec![];
    for (file, text) in sources(&["src"]) {
        let own = module(&file);
        if matches!(own, "lib" | "main") {
            continue;
        }
        let Some(height) = layer(own) else {
            wrong.push(format!("{file}: the module {own} has no layer"));
            continue;
        };
        for (line, other) in imports(&text) {
            match layer(&other) {
                _ if other == own => {}
                Some(below) if below < height => {}
                Some(_) => wrong.push(format!("{file}:{line}: {own} may not use {other}")),
                None => wrong.push(format!("{file}:{line}: {other} has no layer")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A collector knows its own folder, the network it is lent, what all of them ask through, and nothing of its siblings.
#[test]
fn collectors_are_strangers_to_one_another() {
    let mut wrong = vec![];
    for (file, text) in sources(&["src/collect"]) {
        let own = file.strip_prefix("src/collect/").unwrap().split(['/', '.']).next().unwrap().to_owned();
        if matches!(own.as_str(), "mod" | "catalogue" | "batch" | "once" | "opt_out") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let Some(used) = line.split("crate::collect::").nth(1) else { continue };
            let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let of_net = used == "net" && own != "net" || used == own;
            if !(of_net || matches!(used.as_str(), "" | "Collector" | "batch" | "once")) {
                wrong.push(format!("{file}:{}: {own} may not use {used}", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_say_what_they_are_about_and_stay_short() {
    let mut wrong = vec![];
    for (file, text) in sources(&["src", "tests", "benches"]) {
        let opening: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        if opening.is_empty() {
            wrong.push(format!("{file}: no opening comment"));
        }
        let lines = text.lines().count();
        if lines > LONG && !opening.iter().any(|line| line.contains(REASON)) {
            wrong.push(format!("{file}: {lines} lines, and the opening comment does not say `{REASON}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_names_that_say_nothing() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc", "manager"];
    let named = |file: &str| file.split(['/', '.']).any(|part| vague.contains(&part));
    let wrong: Vec<_> = sources(&["src", "tests", "benches"])
        .into_iter()
        .map(|(file, _)| file)
        .filter(|file| named(file))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A collector is whole when it is in every place that makes one. The failure says which is missing.
#[test]
fn every_collector_is_in_all_its_places() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let (parts, ask) = (read("src/flow/parts.rs"), read("src/embed/ask.rs"));
    let (full, collectors) = (read("dataflows/domainradar.yaml"), read("dataflows/collectors.yaml"));
    // What is not of the seed has a dataflow of its own.
    let alone = |name: &str| read(&format!("dataflows/{name}.yaml")).contains(&format!("collector: {name}"));
    let mut missing = vec![];
    for collector in domainflow::collect::catalogue::COLLECTORS {
        let name = collector.name;
        let folder = name.replace('-', "_");
        for (there, place) in [
            (
                root().join(format!("src/collect/{folder}/mod.rs")).exists(),
                format!("folder src/collect/{folder}"),
            ),
            (parts.contains(&format!("\"{name}\" =>")), "a line in src/flow/parts.rs".to_owned()),
            (
                ask.contains(&format!("\"{name}\"")) || name == "rtt" || name == "tls" || name == "dns",
                "src/embed/ask.rs".to_owned(),
            ),
            (
                full.contains(&format!("collector: {name}")) || alone(name),
                "a node in dataflows/domainradar.yaml".to_owned(),
            ),
            (
                collectors.contains(&format!("collector: {name}")) || alone(name),
                "a node in dataflows/collectors.yaml".to_owned(),
            ),
            (
                root().join(format!("schemas/{}.avsc", collector.request)).exists(),
                format!("schemas/{}.avsc", collector.request),
            ),
            (
                root().join(format!("schemas/{}.avsc", collector.result)).exists(),
                format!("schemas/{}.avsc", collector.result),
            ),
        ] {
            if !there {
                missing.push(format!("{name}: {place}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Links of the pages lead somewhere.
#[test]
fn links_between_pages_hold() {
    let mut pages = vec![];
    for dir in ["docs", "benches", "schemas"] {
        files(&root().join(dir), "md", &mut pages);
    }
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.push(root().join(page));
    }
    let mut wrong = vec![];
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let outside = target.is_empty() || target.contains("://");
            if !outside && !page.parent().unwrap().join(target).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page that says what is never lost has every row, and each names tests that exist.
#[test]
fn what_is_promised_is_shown_by_tests() {
    let page = std::fs::read_to_string(root().join("docs/conservation.md")).unwrap();
    let sources = sources(&["src", "tests"]);
    // A test, and not any function: its attribute is right above it.
    let is_test = |file: &str, name: &str| {
        let text = sources.iter().find(|(known, _)| known == file).map_or("", |(_, text)| text);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let function = format!("fn {name}(");
        let found = lines.iter().position(|line| line.trim_start_matches("async ").starts_with(&function));
        let above = found.and_then(|at| at.checked_sub(1)).map_or("", |at| lines[at]);
        above.starts_with("#[test]") || above.starts_with("#[tokio::test")
    };
    let rows = [("L", 10), ("U", 9), ("S", 9), ("C", 9)];
    let rows =
        rows.into_iter().flat_map(|(kind, last)| (1..=last).map(move |number| format!("{kind}{number}")));
    let mut wrong = vec![];
    for row in rows {
        let line = page.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap_or_default();
        let tests: Vec<_> = line.split('`').filter_map(|code| code.split_once(".rs::")).collect();
        if tests.is_empty() {
            wrong.push(format!("{row}: no row with a test"));
        }
        for (file, name) in tests {
            if !is_test(&format!("{file}.rs"), name) {
                wrong.push(format!("{row}: there is no test {file}.rs::{name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
