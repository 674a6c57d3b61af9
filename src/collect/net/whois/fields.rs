//! The fields of a WHOIS answer under the keys of `whoisParsed` (those of asyncwhois, which the consumers know).
//!
//! Reads `key: value`, `[key] value`, `key....: value`, values on the lines below their key, sections about contacts, and
//! blocks about the contacts that handles refer to (`samples/`). What registries call all that: `names.rs`. Of answers in
//! other shapes fields are missing.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::date;
use super::lines::{handle, handles, is_keyed, is_remark, key_and_value, value_of};
use super::names::{Field, Kind, NAMES, Section};
use crate::model::DomainName;

/// Values by key: text, or a list of texts. Without empty ones.
pub type Fields = Map<String, Value>;

/// Values of one list that are kept; nobody has as many name servers.
const MAX_LIST: usize = 100;
/// Values that stand for none.
const EMPTY: [&str; 4] = ["", "-", "--", "n/a"];

/// Reads the fields of an answer.
pub fn parse(text: &str) -> Fields {
    let lines: Vec<&str> = text.lines().collect();
    let mut parser = Parser { handles: handles(&lines), ..Parser::default() };
    for block in lines.split(|line| line.trim().is_empty()) {
        parser.block(block);
    }
    parser.fields
}

/// A heading or a field whose values may go on below.
struct Open {
    field: Field,
    indent: usize,
    /// Nothing stood beside its name, so that values need not be indented.
    below: bool,
}

#[derive(Default)]
struct Parser {
    fields: Fields,
    /// The section, and how far its heading is indented.
    section: Option<(Section, usize)>,
    /// Whether the section has said something.
    told: bool,
    /// Contacts whose first description has ended: a second one is not mixed into it.
    done: HashSet<Section>,
    /// What the handles of the domain are for.
    references: HashMap<String, Vec<Section>>,
    /// The handles that are described somewhere.
    handles: HashSet<String>,
    open: Option<Open>,
    /// How far the last line was indented whose key is of no interest: what is further right belongs to it.
    passed: Option<usize>,
    /// The key of the line before.
    last: Option<String>,
}

impl Parser {
    /// Lines without an empty one between them.
    fn block(&mut self, block: &[&str]) {
        if let Some((handle, key)) = handle(block) {
            let whose = self.references.get(&handle).cloned().unwrap_or_default();
            let registrar = (key == "registrar").then_some(Section::Registrar);
            if !self.references.is_empty() || registrar.is_some() {
                self.end();
                return self.description(
                    block,
                    &key,
                    if whose.is_empty() { registrar.into_iter().collect() } else { whose },
                );
            }
        }
        for line in block {
            self.line(line);
        }
        (self.last, self.passed) = (None, None);
        // Values below their heading end with the block, unless none has come yet.
        self.open = self.open.take().filter(|open| open.below && !self.fields.contains_key(&open.field.key));
    }

    /// A block that describes one handle.
    fn description(&mut self, block: &[&str], key: &str, whose: Vec<Section>) {
        for section in whose {
            if !self.done.insert(section) {
                continue;
            }
            let described =
                block.iter().filter(|line| !is_remark(line)).filter_map(|line| key_and_value(line));
            for (name, value) in described.filter(|(name, _)| name != key) {
                if let Some(Some(field)) = NAMES.part(section, &name) {
                    if section == Section::Registrar && field.key == "registrar" {
                        // So far, only its handle is known.
                        self.fields.remove("registrar");
                    }
                    self.add(&field, value);
                }
            }
            if section == Section::Registrar {
                let named = value_of(block, key);
                self.add(&Field { key: "registrar".to_owned(), kind: Kind::Text }, named);
            }
        }
        self.last = None;
    }

    fn line(&mut self, line: &str) {
        // Some registries put headings into remarks.
        let remark = is_remark(line);
        let line = if remark { line.trim_start_matches(['%', '#', '>']) } else { line };
        let indent = line.len() - line.trim_start().len();
        let text = line.trim().trim_start_matches("** ");
        let (key, value) = key_and_value(text).unwrap_or_else(|| (text.to_lowercase(), ""));
        // A heading in a second language may stand beside it.
        let translated = value.starts_with('[') && value.ends_with(']');
        if (value.is_empty() || translated) && self.heading(&key, indent) {
            return;
        }
        if remark {
            return;
        }
        if let Some((section, at)) = self.section {
            // What is as far left as the heading, and behind an empty line, is outside.
            let outside = self.last.is_none() && self.told && indent <= at && indent > 0;
            let heading = || NAMES.field(&key).filter(|field| matches!(field.kind, Kind::List | Kind::Hosts));
            let outside = outside || section == Section::Ignored && value.is_empty() && heading().is_some();
            if outside {
                self.end();
            } else if section == Section::Ignored {
                return;
            } else if let Some(part) = NAMES.part(section, &key).filter(|_| is_keyed(text)) {
                self.told = true;
                match part {
                    Some(field) => self.value(field, value, indent),
                    None => self.pass_over(indent),
                }
                return;
            }
        }
        self.reference(&key, value);
        if let Some(field) = NAMES.marked(&key, value) {
            self.add(field, value);
        }
        if let Some(field) = NAMES.field(&key).filter(|_| key_and_value(text).is_some()) {
            if !self.is_reference(&key, value) {
                self.value(field.clone(), value, indent);
            }
            return;
        }
        self.plain(text, indent);
    }

    /// Takes a line with nothing beside its name for a heading, if there are such.
    fn heading(&mut self, key: &str, indent: usize) -> bool {
        if let Some(section) = NAMES.section(key) {
            self.end();
            let known = self.done.contains(&section) && section != Section::Servers;
            self.section = Some((if known { Section::Ignored } else { section }, indent));
            self.last = Some(key.to_owned());
            return true;
        }
        false
    }

    /// Ends the section.
    fn end(&mut self) {
        if let Some((section, _)) = self.section.take()
            && self.told
            && matches!(section, Section::Contact(_) | Section::Registrar)
        {
            self.done.insert(section);
        }
        self.told = false;
        self.open = None;
    }

    /// Notes whose the handle `value` is.
    fn reference(&mut self, key: &str, value: &str) {
        let Some(section) = NAMES.reference(key).filter(|_| !value.is_empty()) else { return };
        let whose = self.references.entry(value.to_lowercase()).or_default();
        if !whose.contains(&section) {
            whose.push(section);
        }
        if let (Section::Contact(contact), true) =
            (section, key.ends_with("-c") || self.is_reference(key, value))
            && contact != "registrant"
        {
            self.add(&Field { key: format!("{contact}_id"), kind: Kind::Text }, value);
        }
    }

    /// Whether `value` is a handle, and no name.
    fn is_reference(&self, key: &str, value: &str) -> bool {
        let described = self.handles.contains(&value.to_lowercase());
        described && NAMES.reference(key).is_some_and(|section| section != Section::Registrar)
    }

    fn pass_over(&mut self, indent: usize) {
        self.open = None;
        self.passed = Some(indent);
    }

    fn value(&mut self, field: Field, value: &str, indent: usize) {
        // Of dates in a row the last is the latest.
        if field.kind == Kind::Date && self.last.as_ref() == Some(&field.key) {
            self.fields.remove(&field.key);
        }
        self.add(&field, value);
        self.passed = None;
        self.last = Some(field.key.clone());
        let goes_on = value.is_empty() || matches!(field.kind, Kind::List | Kind::Hosts | Kind::Lines);
        self.open = goes_on.then_some(Open { field, indent, below: value.is_empty() });
    }

    /// A line without a known key: a value of what stands above, a line of a section, or a date.
    fn plain(&mut self, text: &str, indent: usize) {
        if let Some(open) = &self.open
            && (indent > open.indent || open.below)
            && (open.field.kind == Kind::Hosts || !is_keyed(text))
        {
            let field = open.field.clone();
            if !NAMES.says_nothing(text) {
                self.add(&field, text);
            }
            if field.kind == Kind::Text {
                self.open = None;
            }
            return;
        }
        self.open = None;
        if let Some((field, rest)) = NAMES.leading_date(text)
            && date::iso(rest).is_some()
        {
            return self.add(field, rest);
        }
        let Some((section, _)) = self.section else { return };
        if section != Section::Servers && is_keyed(text) {
            return self.pass_over(indent);
        }
        let more = self.passed.is_some_and(|passed| indent > passed);
        if section != Section::Servers && (more || NAMES.says_nothing(text)) {
            return;
        }
        self.told = true;
        self.last = Some(text.to_owned());
        let text_field = |key: String| Field { key, kind: Kind::Text };
        let mut text = text;
        if let (Section::Contact(whose), Some((before, mail))) =
            (section, text.rsplit_once(char::is_whitespace))
            && mail.contains('@')
        {
            self.add(&text_field(format!("{whose}_email")), mail);
            if self.fields.contains_key(&format!("{whose}_name")) {
                return;
            }
            text = before.trim();
        }
        let field = match section {
            Section::Servers => Field { key: "name_servers".to_owned(), kind: Kind::Hosts },
            Section::Domain => text_field("domain_name".to_owned()),
            Section::Registrar if text.starts_with("http") => text_field("registrar_url".to_owned()),
            Section::Registrar => text_field("registrar".to_owned()),
            Section::Contact(whose) => {
                of_contact(whose, text, self.fields.contains_key(&format!("{whose}_name")))
            }
            Section::None | Section::Ignored => return,
        };
        self.add(&field, text);
    }

    fn add(&mut self, field: &Field, value: &str) {
        if EMPTY.contains(&value.to_lowercase().as_str()) {
            return;
        }
        let entry = self.fields.get_mut(&field.key);
        match (field.kind, entry) {
            (Kind::Text, None) => self.set(field, value.to_owned()),
            (Kind::Date, None) => self.set(field, date::iso(value).unwrap_or_else(|| value.to_owned())),
            (Kind::Lines, Some(Value::String(lines))) => {
                lines.push_str(", ");
                lines.push_str(value.trim_end_matches(','));
            }
            (Kind::Lines, _) => self.set(field, value.trim_end_matches(',').to_owned()),
            (Kind::Joined, Some(Value::String(before))) => {
                before.push(' ');
                before.push_str(value);
            }
            (Kind::Joined, _) => self.set(field, value.to_owned()),
            (Kind::List, _) => self.push(field, value.to_owned()),
            (Kind::Hosts, _) => {
                // Addresses and remarks may stand behind a host.
                let host = value
                    .split([' ', '\t', ',', '|', '['])
                    .next()
                    .and_then(|host| DomainName::parse(host).ok());
                if let Some(host) = host.filter(|host| host.as_str().contains('.')) {
                    self.push(field, host.to_string());
                }
            }
            (Kind::Text | Kind::Date, Some(_)) => {}
        }
    }

    fn set(&mut self, field: &Field, value: String) {
        self.fields.insert(field.key.clone(), Value::String(value));
    }

    fn push(&mut self, field: &Field, value: String) {
        let list = self.fields.entry(&field.key).or_insert_with(|| Value::Array(vec![]));
        if let Value::Array(list) = list {
            let value = Value::String(value);
            if list.len() < MAX_LIST && !list.contains(&value) {
                list.push(value);
            }
        }
    }
}

/// What a line without a key says of a contact: its first line is the name.
fn of_contact(whose: &str, text: &str, named: bool) -> Field {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '.' | '(' | ')');
    let (part, kind) = if text.contains('@') && !text.contains(' ') {
        ("email", Kind::Text)
    } else if text.starts_with('+') && text.chars().all(digits) {
        ("phone", Kind::Text)
    } else if named {
        ("address", Kind::Lines)
    } else {
        ("name", Kind::Text)
    };
    Field { key: format!("{whose}_{part}"), kind }
}

#[cfg(test)]
mod tests;
