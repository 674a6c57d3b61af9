//! Reads the configuration layer by layer. Every single setting is checked as it is applied, so that a mistake is told
//! with the place it comes from.

use std::path::Path;

use serde::Deserialize as _;
use toml::{Table, Value};
use toml_edit::{Document, Item, TableLike};

use super::origin::{ConfigError, Origin};
use super::{DEFAULT, Settings};
use crate::spec::nearest;
use crate::units::Size;

/// Prefix of the environment variables.
const PREFIX: &str = "DOMAINFLOW__";

/// The least that `topics.max_record` may be: a dead letter fits, with all that it says of its record.
const LEAST_RECORD: Size = Size::kib(16);

/// The section whose keys are librdkafka's and not ours.
const FREE: [&str; 2] = ["kafka", "properties"];

/// The section whose keys are servers, each with a section of its own.
const SERVERS: [&str; 2] = ["limits", "servers"];

/// Reads settings, the later over the earlier.
pub struct Loader {
    defaults: Table,
    table: Table,
    settings: Settings,
}

impl Loader {
    /// Starts with the defaults.
    pub fn new() -> Self {
        // A test reads the file that is part of the program.
        let defaults: Table = DEFAULT.parse().expect("the default configuration is valid TOML");
        Self { table: defaults.clone(), defaults, settings: Settings::default() }
    }

    /// Applies a file.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.text(&file, &text),
            Err(source) => Err(ConfigError::File { file, source }),
        }
    }

    /// Applies the text of a file called `file`.
    pub fn text(&mut self, file: &str, text: &str) -> Result<(), ConfigError> {
        let place = |offset: usize| {
            let before = &text[..offset.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            Origin::File(file.to_owned(), line, column)
        };
        let document = Document::parse(text).map_err(|error| ConfigError::Wrong {
            origin: place(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
            hint: None,
        })?;
        let mut found = Vec::new();
        collect(document.as_table(), &mut Vec::new(), &mut found);
        for (path, offset, value) in found {
            self.apply(&path, value, place(offset))?;
        }
        Ok(())
    }

    /// Applies the environment variables of a process.
    pub fn environment(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        let mut ours: Vec<_> = variables.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        ours.sort();
        for (name, text) in ours {
            let mut path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
            if let [kafka, properties, key] = path.as_mut_slice()
                && [kafka.as_str(), properties.as_str()] == FREE
            {
                // Names of variables have no dots; librdkafka's have no underscores.
                *key = key.replace('_', ".");
            }
            let origin = Origin::Environment(name);
            let value = self.typed(&path, &text, &origin)?;
            self.apply(&path, value, origin)?;
        }
        Ok(())
    }

    /// Applies `section.key=value`.
    pub fn set(&mut self, text: &str) -> Result<(), ConfigError> {
        let origin = Origin::Set(text.to_owned());
        let Some((key, value)) = text.split_once('=') else {
            let message = "a setting is written section.key=value".to_owned();
            return Err(ConfigError::Wrong { origin, message, hint: None });
        };
        self.set_value(key.trim(), value.trim(), origin)
    }

    /// Applies settings of the program itself, such as those that lead to the lab.
    pub fn overrides(&mut self, settings: &[(String, String)]) -> Result<(), ConfigError> {
        for (key, value) in settings {
            self.set_value(key, value, Origin::Set(format!("{key}={value}")))?;
        }
        Ok(())
    }

    /// The settings; those that do not go together are refused.
    pub fn finish(self) -> Result<Settings, ConfigError> {
        if self.settings.topics.max_record < LEAST_RECORD {
            return Err(ConfigError::Conflict {
                message: format!("topics.max_record = {} is too small", self.settings.topics.max_record),
                hint: format!("set topics.max_record to at least {LEAST_RECORD}"),
            });
        }
        Ok(self.settings)
    }

    fn set_value(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let mut path: Vec<String> = key.splitn(3, '.').map(str::to_owned).collect();
        // Some keys have dots of their own.
        if path.iter().take(2).eq(SERVERS.iter()) && path.len() == 3 {
            let last = path.remove(2);
            path.extend(
                last.rsplit_once('.')
                    .map_or(vec![&*last], |(server, key)| vec![server, key])
                    .into_iter()
                    .map(str::to_owned),
            );
        } else if !path.iter().take(2).eq(FREE.iter()) {
            path = key.split('.').map(str::to_owned).collect();
        }
        let value = self.typed(&path, text, &origin)?;
        self.apply(&path, value, origin)
    }

    /// A text as a value of the type that the key's default has.
    fn typed(&self, path: &[String], text: &str, origin: &Origin) -> Result<Value, ConfigError> {
        let wrong = |what: &str| ConfigError::Wrong {
            origin: origin.clone(),
            message: format!("`{text}` is not {what}"),
            hint: None,
        };
        match self.default(path, origin)? {
            Value::Integer(_) => text.parse().map(Value::Integer).map_err(|_| wrong("a whole number")),
            Value::Float(_) => text.parse().map(Value::Float).map_err(|_| wrong("a number")),
            Value::Boolean(_) => text.parse().map(Value::Boolean).map_err(|_| wrong("true or false")),
            Value::Array(_) if text.starts_with('[') => {
                // The JSON of a list of texts is a TOML array as well.
                format!("list = {text}")
                    .parse::<Table>()
                    .ok()
                    .and_then(|mut table| table.remove("list"))
                    .ok_or_else(|| wrong("a list such as [\"a\", \"b\"]"))
            }
            Value::Array(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
            }
            Value::String(_) | Value::Datetime(_) | Value::Table(_) => Ok(Value::String(text.to_owned())),
        }
    }

    /// The default of a key; an unknown key is an error that names the nearest known one.
    fn default(&self, path: &[String], origin: &Origin) -> Result<&Value, ConfigError> {
        static FREE_VALUE: Value = Value::String(String::new());
        if path.len() == 3 && path.iter().take(2).eq(FREE.iter()) {
            return Ok(&FREE_VALUE);
        }
        if let [first, second, _, key] = path
            && [first, second] == SERVERS
        {
            // The same keys as for all servers.
            return self.default(&[first.clone(), key.clone()], origin);
        }
        let unknown = || {
            let key = path.join(".");
            let known = keys(&self.defaults);
            let hint = nearest(&key, known.iter().map(String::as_str));
            ConfigError::Wrong {
                origin: origin.clone(),
                message: format!("unknown key `{key}`"),
                hint: hint.map(|near| format!("did you mean `{near}`?")),
            }
        };
        let (first, rest) = path.split_first().ok_or_else(unknown)?;
        let mut value = self.defaults.get(first).ok_or_else(unknown)?;
        for key in rest {
            value = value.as_table().and_then(|table| table.get(key)).ok_or_else(unknown)?;
        }
        if value.is_table() { Err(unknown()) } else { Ok(value) }
    }

    /// Applies one setting, and reads all of them anew: if that fails, this one is at fault.
    fn apply(&mut self, path: &[String], value: Value, origin: Origin) -> Result<(), ConfigError> {
        self.default(path, &origin)?;
        let Some((key, sections)) = path.split_last() else { return Ok(()) };
        let mut table = &mut self.table;
        for section in sections {
            let entry = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = entry else { return Ok(()) };
            table = next;
        }
        table.insert(key.clone(), value);
        match Settings::deserialize(without_unset(&self.table)) {
            Ok(settings) => {
                self.settings = settings;
                Ok(())
            }
            Err(error) => {
                let message = error.message().lines().next().unwrap_or_default().to_owned();
                Err(ConfigError::Wrong {
                    origin,
                    message: format!("{}: {message}", path.join(".")),
                    hint: None,
                })
            }
        }
    }
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings of a table with their paths and places. An array is a value, a table is a section.
fn collect(table: &dyn TableLike, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, usize, Value)>) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        let span = table.key(key).and_then(toml_edit::Key::span);
        match item.as_table_like() {
            Some(section) => collect(section, path, found),
            None => {
                let offset = span.map_or(0, |span| span.start);
                found.extend(value_of(item).map(|value| (path.clone(), offset, value)));
            }
        }
        path.pop();
    }
}

fn value_of(item: &Item) -> Option<Value> {
    format!("value = {}", item.as_value()?.to_string().trim()).parse::<Table>().ok()?.remove("value")
}

/// The table without the keys whose text is empty and whose default is "not set".
fn without_unset(table: &Table) -> Table {
    let optional = |section: &str, key: &str| {
        matches!(
            (section, key),
            ("net", "ca_file" | "deny_networks" | "opt_out")
                | ("dns", "public_suffix_list" | "root_hints" | "trust_anchor")
                | ("geo", "city_db" | "asn_db")
        )
    };
    let mut table = table.clone();
    for (section, keys) in &mut table {
        if let Value::Table(keys) = keys {
            keys.retain(|key, value| value.as_str() != Some("") || !optional(section, key));
        }
    }
    table
}

/// All keys, dotted.
fn keys(table: &Table) -> Vec<String> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Table(inner) => keys(inner).into_iter().map(|inner| format!("{key}.{inner}")).collect(),
            _ => vec![key.clone()],
        })
        .collect()
}
