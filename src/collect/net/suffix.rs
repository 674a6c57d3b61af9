//! Where public suffixes end: the ICANN section of the Public Suffix List, as shipped or from a file, which is read again
//! when it changes. The private section is left out, as in the seed: a name below one is a registered domain all the same.
//!
//! The form of the file: <https://github.com/publicsuffix/list/wiki/Format>.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::file::{FileError, Reloaded};
use crate::model::DomainName;

/// The list in use. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Suffixes {
    /// `None`: the list as shipped.
    file: Option<Arc<Reloaded<Rules>>>,
}

impl Suffixes {
    /// The list in `file`, or the shipped one.
    pub fn open(file: Option<&Path>) -> Result<Self, FileError> {
        Ok(Self { file: Reloaded::configured(file, Rules::parse)? })
    }

    /// The public suffix of `name`; `None` if its top-level domain is not listed.
    pub fn of(&self, name: &DomainName) -> Option<DomainName> {
        match &self.file {
            Some(file) => file.get().suffix_of(name),
            None => name.public_suffix(),
        }
    }

    /// The public suffix and one label more; `None` if `name` is itself a suffix or not listed.
    pub fn registered(&self, name: &DomainName) -> Option<DomainName> {
        name.child_of(&self.of(name)?)
    }
}

/// The rules of a file, by their names without `*.` and `!`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules(HashMap<Box<str>, Rule>);

/// What is said about one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rule {
    /// It is a suffix.
    itself: bool,
    /// All names directly below it are.
    children: bool,
    /// It is none, although its siblings are.
    exception: bool,
}

const BEGIN: &str = "===BEGIN ICANN DOMAINS===";
const END: &str = "===END ICANN DOMAINS===";

impl Rules {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        let missing = || "there is no section of ICANN domains".to_owned();
        let (_, section) = text.split_once(BEGIN).ok_or_else(missing)?;
        let (section, _) = section.split_once(END).ok_or_else(missing)?;
        let mut rules = HashMap::<Box<str>, Rule>::new();
        // The first line is the rest of the marker.
        for line in section.lines().skip(1) {
            let Some(rule) = line.split_whitespace().next().filter(|rule| !rule.starts_with("//")) else {
                continue;
            };
            let (name, exception) = rule.strip_prefix('!').map_or((rule, false), |name| (name, true));
            let (name, children) = name.strip_prefix("*.").map_or((name, false), |name| (name, true));
            let name = DomainName::parse(name).map_err(|error| format!("{rule}: {error}"))?;
            let known = rules.entry(name.as_str().into()).or_default();
            known.exception |= exception;
            known.children |= children;
            known.itself |= !exception && !children;
        }
        if rules.is_empty() {
            Err("the section of ICANN domains is empty".to_owned())
        } else {
            Ok(Self(rules))
        }
    }

    fn suffix_of(&self, name: &DomainName) -> Option<DomainName> {
        let top = DomainName::parse(name.labels().next_back()?).ok()?;
        let names = name.from_top(&top);
        // The longest name that a rule is about decides (the format's "prevailing rule").
        for (place, candidate) in names.iter().enumerate().rev() {
            let rule = self.0.get(candidate.as_str()).copied().unwrap_or_default();
            let above = place.checked_sub(1).map(|place| &names[place]);
            let by_parent =
                above.and_then(|above| self.0.get(above.as_str())).is_some_and(|rule| rule.children);
            if rule.exception {
                return above.cloned();
            }
            // A top-level domain that has rules for what is below it is a suffix, whether or not it has one of its own.
            if rule.itself || by_parent || (above.is_none() && rule.children) {
                return Some(candidate.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "// a comment
cz
foreign.zone  with words behind it
// ===BEGIN ICANN DOMAINS===

// cz : https://www.iana.org/domains/root/db/cz.html
cz
uk
co.uk
*.ck
!www.ck
jp
*.kawasaki.jp
!city.kawasaki.jp
公司.cn // words
cn
io
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
github.io
";

    #[test]
    fn a_file_says_the_same_as_the_shipped_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("public_suffix_list.dat");
        std::fs::write(&path, LIST).unwrap();
        let lists = [Suffixes::default(), Suffixes::open(Some(&path)).unwrap()];
        for (name, suffix, registered) in [
            ("www.ok.cz", Some("cz"), Some("ok.cz")),
            ("cz", Some("cz"), None),
            ("uk", Some("uk"), None),
            ("co.uk", Some("co.uk"), None),
            ("a.b.co.uk", Some("co.uk"), Some("b.co.uk")),
            ("b.uk", Some("uk"), Some("b.uk")),
            ("foo.github.io", Some("io"), Some("github.io")),
            ("a.b.ck", Some("b.ck"), Some("a.b.ck")),
            ("a.www.ck", Some("ck"), Some("www.ck")),
            ("x.y.kawasaki.jp", Some("y.kawasaki.jp"), Some("x.y.kawasaki.jp")),
            ("a.city.kawasaki.jp", Some("kawasaki.jp"), Some("city.kawasaki.jp")),
            ("a.公司.cn", Some("xn--55qx5d.cn"), Some("a.xn--55qx5d.cn")),
            ("example.invalidtld", None, None),
            ("localhost", None, None),
        ] {
            let parsed = DomainName::parse(name).unwrap();
            for list in &lists {
                let text = |name: Option<DomainName>| name.map(|name| name.to_string());
                assert_eq!(text(list.of(&parsed)).as_deref(), suffix, "{name} {list:?}");
                assert_eq!(text(list.registered(&parsed)).as_deref(), registered, "{name} {list:?}");
            }
        }
    }

    #[test]
    fn a_file_that_is_no_list_is_refused() {
        for (text, reason) in [
            ("", "there is no section of ICANN domains"),
            ("cz\n", "there is no section of ICANN domains"),
            ("// ===BEGIN ICANN DOMAINS===\ncz\n", "there is no section of ICANN domains"),
            (
                "// ===BEGIN ICANN DOMAINS===\n// ===END ICANN DOMAINS===\n",
                "the section of ICANN domains is empty",
            ),
            (
                "// ===BEGIN ICANN DOMAINS===\n<html>\n// ===END ICANN DOMAINS===\n",
                "<html>: a character of the name is not allowed",
            ),
        ] {
            assert_eq!(Rules::parse(text.as_bytes()), Err(reason.to_owned()), "{text:?}");
        }
    }
}
