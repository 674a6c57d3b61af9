//! What registries call the things that they tell: `fields.txt`, read once.
//!
//! Knows names only; how lines and sections are put together is the parser's: `fields.rs`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Where the value of a line belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key in `whoisParsed`.
    pub key: String,
    /// What becomes of its values.
    pub kind: Kind,
}

/// What becomes of the values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first counts.
    Text,
    /// The first counts, in the form of ISO 8601.
    Date,
    /// All of one place, joined: the lines of an address.
    Lines,
    /// Joined to what there is: a name in two lines.
    Joined,
    /// All are kept.
    List,
    /// The names of hosts, all kept.
    Hosts,
}

/// What the lines of a section are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// The domain itself.
    Domain,
    /// A contact: the start of its keys.
    Contact(&'static str),
    /// The registrar.
    Registrar,
    /// The name servers.
    Servers,
    /// Nothing special: a heading that ends the section before it.
    None,
    /// Nothing of interest.
    Ignored,
}

/// All names of the file.
#[derive(Default)]
pub struct Names {
    fields: HashMap<String, Field>,
    sections: HashMap<&'static str, Section>,
    parts: HashMap<&'static str, Vec<&'static str>>,
    references: HashMap<&'static str, Section>,
    handles: HashSet<&'static str>,
    nothing: Vec<&'static str>,
}

/// The names of `fields.txt`.
pub static NAMES: LazyLock<Names> = LazyLock::new(|| Names::read(include_str!("fields.txt")));

impl Section {
    fn named(whose: &'static str) -> Self {
        match whose {
            "domain" => Self::Domain,
            "registrar" => Self::Registrar,
            "servers" => Self::Servers,
            "none" => Self::None,
            "ignored" => Self::Ignored,
            contact => Self::Contact(contact),
        }
    }

    /// Where a part of this section belongs; `None` if that is of no interest.
    fn field(self, part: &str) -> Option<Field> {
        let text = |key: String| Field { key, kind: Kind::Text };
        match (self, part) {
            (Self::Domain, "name") => Some(text("domain_name".to_owned())),
            (Self::Servers, "host") => Some(Field { key: "name_servers".to_owned(), kind: Kind::Hosts }),
            (Self::Registrar, "name" | "organization") => Some(text("registrar".to_owned())),
            (Self::Registrar, "url" | "abuse_email" | "abuse_phone" | "iana_id") => {
                Some(text(format!("registrar_{part}")))
            }
            (Self::Contact(_), "url" | "abuse_email" | "abuse_phone" | "iana_id" | "host" | "-") => None,
            (Self::Contact("registrant"), "id") => None,
            (Self::Contact(whose), "address") => {
                Some(Field { key: format!("{whose}_address"), kind: Kind::Lines })
            }
            (Self::Contact(whose), "surname") => {
                Some(Field { key: format!("{whose}_name"), kind: Kind::Joined })
            }
            (Self::Contact(whose), part) => Some(text(format!("{whose}_{part}"))),
            _ => None,
        }
    }
}

impl Names {
    fn read(text: &'static str) -> Self {
        let mut names = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            // The file is part of the program; a test reads all of it.
            let (head, rest) = line.split_once(" = ").expect("a line of fields.txt is `kind key = names`");
            let all = rest.split(" | ");
            let (kind, of) = head.split_once(' ').unwrap_or((head, ""));
            let field = |kind| Field { key: of.to_owned(), kind };
            let kind = match kind {
                "section" => {
                    names.sections.extend(all.map(|name| (name, Section::named(of))));
                    continue;
                }
                "part" => {
                    all.for_each(|name| names.parts.entry(name).or_default().push(of));
                    continue;
                }
                "reference" => {
                    names.references.extend(all.map(|name| (name, Section::named(of))));
                    continue;
                }
                "handle" => {
                    names.handles.extend(all);
                    continue;
                }
                "nothing" => {
                    names.nothing.extend(all);
                    continue;
                }
                "date" => Kind::Date,
                "list" => Kind::List,
                "hosts" => Kind::Hosts,
                _ if of.ends_with("_address") => Kind::Lines,
                _ => Kind::Text,
            };
            names.fields.extend(all.map(|name| (name.to_owned(), field(kind))));
        }
        // `registrant city`, `admin contact phone`: a part behind the name of its section.
        for (&whose, &section) in &names.sections {
            let parts =
                names.parts.iter().flat_map(|(name, whats)| whats.iter().map(move |what| (name, what)));
            for (part, what) in parts {
                if let (Section::Contact(_), Some(field)) = (section, section.field(what)) {
                    names.fields.entry(format!("{whose} {part}")).or_insert(field);
                }
            }
        }
        names
    }

    /// The field of this name, wherever it is.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// The field that a line of this name stands for besides, by a mark at the end of its value: `... (Assigned)`.
    pub fn marked(&self, name: &str, value: &str) -> Option<&Field> {
        let (_, mark) = value.strip_suffix(')')?.rsplit_once('(')?;
        self.field(&format!("{name} ({})", mark.to_lowercase()))
    }

    /// The section of this heading.
    pub fn section(&self, name: &str) -> Option<Section> {
        self.sections.get(name).copied()
    }

    /// The field of a line of this name in `section`: the outer `None` if the name is no part of one, the inner if
    /// that is of no interest.
    pub fn part(&self, section: Section, name: &str) -> Option<Option<Field>> {
        let whats = self.parts.get(name)?;
        let field = whats.iter().find_map(|what| section.field(what));
        let known = field.is_some() || matches!(section, Section::Contact(_) | Section::Registrar);
        known.then_some(field)
    }

    /// Whose handle the value of the field of this name is.
    pub fn reference(&self, name: &str) -> Option<Section> {
        self.references.get(name).copied()
    }

    /// Whether a line of this name says of which handle its block is.
    pub fn is_handle(&self, name: &str) -> bool {
        self.handles.contains(name)
    }

    /// Whether a line says that nothing is said.
    pub fn says_nothing(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        self.nothing.iter().any(|start| line.starts_with(start))
    }

    /// The date field with whose name `line` begins, and the rest: `Registered on 30th April 2003`. Only of a beginning and
    /// an end: when something was last updated, is said of databases as well.
    pub fn leading_date<'a>(&self, line: &'a str) -> Option<(&Field, &'a str)> {
        let ends = line.match_indices(' ').map(|(at, _)| at).take(4);
        ends.filter_map(|end| {
            let field = self.field(&line[..end].to_lowercase())?;
            (field.kind == Kind::Date && field.key != "updated").then_some((field, line[end..].trim()))
        })
        .last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_fields_by_all_their_names() {
        let key = |name: &str| NAMES.field(name).map(|field| (field.key.as_str(), field.kind));
        for (name, expected) in [
            ("creation date", Some(("created", Kind::Date))),
            ("registrant contact organisation", Some(("registrant_organization", Kind::Text))),
            ("admin street", Some(("admin_address", Kind::Lines))),
            ("tech email", Some(("tech_email", Kind::Text))),
            ("billing postal code", Some(("billing_zipcode", Kind::Text))),
            ("registrant id", None),
            ("registrar street", None),
            ("name server", Some(("name_servers", Kind::Hosts))),
            ("admin family name", Some(("admin_name", Kind::Joined))),
        ] {
            assert_eq!(key(name), expected, "{name}");
        }
    }

    #[test]
    fn every_name_is_as_lines_are_read() {
        let names = NAMES.fields.keys().map(String::as_str).chain(NAMES.sections.keys().copied());
        for name in names.chain(NAMES.parts.keys().copied()) {
            assert_eq!(name, name.to_lowercase().trim(), "{name}");
        }
    }
}
