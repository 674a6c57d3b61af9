//! The consumer of joined records: what its extractor reads of them is there and of its type, in both readings, for every
//! name of the lab. The rules are data: `tests/cases/join/extractor.txt`.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{lab_names, names, records, run, text};

/// A step into a value.
#[derive(Clone, Debug)]
enum Step {
    /// Into a field.
    Field(String),
    /// The value before may be null.
    Nullable,
    /// The field before may be absent.
    Optional,
    /// Into each element.
    Each,
    /// Into each value of a map.
    Values,
}

/// A rule: where, and what is there.
struct Rule {
    text: String,
    steps: Vec<Step>,
    kind: String,
    nullable: bool,
}

impl Rule {
    fn parse(line: &str) -> Self {
        let (path, kind) = line.split_once(' ').unwrap();
        let mut steps = vec![];
        for word in path.split('.') {
            let end = word.find(['?', '~', '[', '{']).unwrap_or(word.len());
            steps.push(Step::Field(word[..end].to_owned()));
            let mut marks = &word[end..];
            while !marks.is_empty() {
                let (mark, step) = match marks {
                    _ if marks.starts_with('?') => ("?", Step::Nullable),
                    _ if marks.starts_with('~') => ("~", Step::Optional),
                    _ if marks.starts_with("[]") => ("[]", Step::Each),
                    _ if marks.starts_with("{}") => ("{}", Step::Values),
                    _ => panic!("{line}: {marks}"),
                };
                steps.push(step);
                marks = &marks[mark.len()..];
            }
        }
        let (kind, nullable) = (kind.trim_end_matches('?').to_owned(), kind.ends_with('?'));
        Self { text: line.to_owned(), steps, kind, nullable }
    }

    /// Whether a value at the end of the path is as it should be.
    fn fits(&self, value: &Value) -> bool {
        match self.kind.as_str() {
            _ if value.is_null() => self.nullable,
            "text" => value.is_string(),
            "int" => value.is_i64(),
            "number" => value.is_number(),
            "base64" => {
                value.as_str().is_some_and(|text| STANDARD.decode(text).is_ok_and(|der| !der.is_empty()))
            }
            "list" => value.is_array(),
            "map" | "object" => value.is_object(),
            "any" => true,
            other => panic!("unknown type {other}"),
        }
    }

    /// Whether a value obeys; `seen` counts what was looked at.
    fn holds(&self, value: Option<&Value>, steps: &[Step], seen: &mut usize) -> bool {
        let optional = matches!(steps.first(), Some(Step::Optional));
        let Some(value) = value else { return optional };
        let steps = if optional { &steps[1..] } else { steps };
        match steps.split_first() {
            None => {
                *seen += 1;
                self.fits(value)
            }
            Some((Step::Nullable, _)) if value.is_null() => true,
            Some((Step::Nullable | Step::Optional, rest)) => self.holds(Some(value), rest, seen),
            Some((Step::Field(name), rest)) => {
                value.as_object().is_some_and(|object| self.holds(object.get(name), rest, seen))
            }
            Some((Step::Each, rest)) => value
                .as_array()
                .is_some_and(|list| list.iter().all(|item| self.holds(Some(item), rest, seen))),
            Some((Step::Values, rest)) => value
                .as_object()
                .is_some_and(|map| map.values().all(|item| self.holds(Some(item), rest, seen))),
        }
    }

    /// Puts something wrong at the first place of the path that is there; whether there was one.
    fn spoil(value: &mut Value, steps: &[Step], wrong: &Value) -> bool {
        match steps.split_first() {
            None => {
                *value = wrong.clone();
                true
            }
            Some((Step::Nullable | Step::Optional, rest)) => Self::spoil(value, rest, wrong),
            Some((Step::Field(name), rest)) => {
                value.get_mut(name).is_some_and(|field| !field.is_null() && Self::spoil(field, rest, wrong))
            }
            Some((Step::Each, rest)) => value
                .as_array_mut()
                .is_some_and(|list| list.iter_mut().any(|item| Self::spoil(item, rest, wrong))),
            Some((Step::Values, rest)) => value
                .as_object_mut()
                .is_some_and(|map| map.values_mut().any(|item| Self::spoil(item, rest, wrong))),
        }
    }
}

fn rules() -> Vec<Rule> {
    let lines = include_str!("../cases/join/extractor.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Rule::parse).collect()
}

/// The records of all names of the lab, over JSON topics.
fn joined(dir: &Path, policy: &str) -> Vec<Value> {
    let list = lab_names(0);
    std::fs::write(dir.join("names"), list.join("\n")).unwrap();
    let path = |name: &str| dir.join(name).display().to_string();
    let (input, output, state) = (path("names"), path("joined"), format!("state.dir={}", path(policy)));
    let policy = format!("join.policy={policy}");
    let mut arguments = vec!["run", "domainradar", "--lab", "--input", &input, "--output", &output];
    for setting in [&state, &policy, "topics.format=json", "admin.listen="] {
        arguments.extend(["--set", setting]);
    }
    let done = run(&arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let records = records(&dir.join("joined"));
    std::fs::remove_file(dir.join("joined")).unwrap();
    records
}

#[test]
fn the_extractor_finds_what_it_reads() {
    let (dir, rules) = (tempfile::tempdir().unwrap(), rules());
    let target = joined(dir.path(), "target");
    let reference = joined(dir.path(), "reference");
    let set = |records: &[Value]| names(records).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(set(&target), set(&reference), "the same names, in whichever reading");
    let (mut wrong, mut idle) = (vec![], vec![]);
    for rule in &rules {
        let mut seen = 0;
        for record in target.iter().chain(&reference) {
            if !rule.holds(Some(record), &rule.steps, &mut seen) {
                wrong.push(format!("{}: {} breaks it", rule.text, record["domainName"]));
            }
        }
        if seen == 0 {
            idle.push(&rule.text);
        }
        // The rule would find a break.
        let bad = if rule.kind == "any" { Value::Null } else { json!([[true]]) };
        let spoilt = target
            .iter()
            .cloned()
            .find_map(|mut record| Rule::spoil(&mut record, &rule.steps, &bad).then_some(record));
        if spoilt.is_none_or(|record| rule.holds(Some(&record), &rule.steps, &mut 0)) {
            wrong.push(format!("{}: a break is not found", rule.text));
        }
    }
    assert!(idle.is_empty(), "nothing of the lab has {idle:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The key of a record, beside it in a file, is the name as it was asked.
    assert!(target.iter().all(|record| record["domainName"].is_string()));
    // What the reference writes has no other fields.
    let fields = ["domainName", "zone", "dnsResult", "tlsResult", "rdapDomainResult", "ipResults"];
    for record in &reference {
        let known: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(known.iter().all(|field| fields.contains(field)), "{known:?}");
    }
}
