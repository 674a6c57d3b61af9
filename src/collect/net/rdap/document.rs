//! An RDAP answer: a JSON object of which only links and entities are looked at (RFC 9083 sections 4.2 and 5.1).
//!
//! All other members, their order and the spelling of their values are kept: values stay the text they came as.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::model::FreeJson;

/// The media type of RDAP (RFC 7480 section 4.2).
pub const MEDIA_TYPE: &str = "application/rdap+json";

/// A JSON object whose members are not decoded.
#[derive(Clone, Debug)]
pub struct Document(IndexMap<String, Box<RawValue>>);

/// A link; what is malformed in it counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Link {
    href: serde_json::Value,
    rel: serde_json::Value,
    r#type: serde_json::Value,
    title: serde_json::Value,
}

impl Link {
    fn is(&self, rel: &str) -> bool {
        let kind = self.r#type.as_str();
        self.rel.as_str().is_some_and(|found| found.eq_ignore_ascii_case(rel))
            && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(MEDIA_TYPE))
    }

    fn url(&self, base: &Url) -> Option<Url> {
        let url = base.join(self.href.as_str()?).ok()?;
        matches!(url.scheme(), "http" | "https").then_some(url)
    }
}

impl Document {
    /// Reads an answer; an error says why it is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        // Some servers answer in Latin-1 here and there: better a character lost than all of it.
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        serde_json::from_str(text).map(Self).map_err(|error| error.to_string())
    }

    /// The document that this one refers to for more, if it does; `base` is where this one came from.
    pub fn related(&self, base: &Url) -> Option<Url> {
        let links = self.links();
        let authoritative = |link: &Link| {
            link.is("self")
                && link.title.as_str().is_some_and(|title| title.eq_ignore_ascii_case("authoritative"))
        };
        if links.iter().any(authoritative) {
            return None;
        }
        links.iter().find(|link| link.is("related"))?.url(base)
    }

    /// Where this entity is described in full, if here is only a stub of it: links, but no contact data.
    pub fn stub_of(&self, base: &Url) -> Option<Url> {
        if self.0.contains_key("vcardArray") {
            return None;
        }
        self.links().iter().find(|link| link.is("self"))?.url(base)
    }

    /// Takes the entities out of the document; what is not an array is left in it.
    pub fn take_entities(&mut self) -> Vec<Box<RawValue>> {
        let entities = self.0.get("entities").map(|entities| serde_json::from_str(entities.get()));
        match entities {
            Some(Ok(entities)) => {
                self.0.shift_remove("entities");
                entities
            }
            Some(Err(_)) | None => vec![],
        }
    }

    /// A member read as `T`; absent and of another form are alike.
    pub fn member<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// This document with the roles of `stub`: what an entity is to a name is known only where it was listed.
    pub fn with_roles_of(mut self, stub: &Document) -> Self {
        if let Some(roles) = stub.0.get("roles") {
            self.0.insert("roles".to_owned(), roles.clone());
        }
        self
    }

    /// The document as JSON text.
    pub fn json(&self) -> FreeJson {
        free(&self.0)
    }

    fn links(&self) -> Vec<Link> {
        let Some(links) = self.0.get("links") else { return vec![] };
        let links: Vec<Box<RawValue>> = serde_json::from_str(links.get()).unwrap_or_default();
        links.iter().filter_map(|link| serde_json::from_str(link.get()).ok()).collect()
    }
}

/// JSON texts as one JSON array.
pub fn array(values: &[Box<RawValue>]) -> FreeJson {
    free(values)
}

fn free<T: serde::Serialize + ?Sized>(value: &T) -> FreeJson {
    let text = serde_json::to_string(value).expect("raw JSON and strings serialize");
    FreeJson::parse(&text).expect("what serde wrote is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        Document::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let entities = r#""entities":[{"h":1e2},"x"]"#;
        let json = r#"{"z":12345678901234567890123,"a":1.50,"b":[ {"x":null} ],E,"ž":"\u00e9"}"#;
        let mut read = document(&format!("\u{feff}{}", json.replace('E', entities)));
        let entities = read.take_entities();
        assert_eq!(array(&entities).text(), r#"[{"h":1e2},"x"]"#);
        assert_eq!(
            read.json().text(),
            r#"{"z":12345678901234567890123,"a":1.50,"b":[{"x":null}],"ž":"\u00e9"}"#
        );
    }

    #[test]
    fn entities_are_an_array_or_stay() {
        for (json, taken, left) in [
            (r#"{"a":1}"#, "[]", r#"{"a":1}"#),
            (r#"{"entities":[],"a":1}"#, "[]", r#"{"a":1}"#),
            (r#"{"entities":{"x":1}}"#, "[]", r#"{"entities":{"x":1}}"#),
        ] {
            let mut read = document(json);
            assert_eq!(array(&read.take_entities()).text(), taken);
            assert_eq!(read.json().text(), left);
        }
    }

    #[test]
    fn finds_the_link_to_follow() {
        let base = Url::parse("https://r.example/domain/x.com").unwrap();
        for (links, related) in [
            (
                r#"[{"rel":"related","href":"https://s.example/Domain/X.COM"}]"#,
                Some("https://s.example/Domain/X.COM"),
            ),
            (r#"[{"rel":"related","href":"/other"}]"#, Some("https://r.example/other")),
            (
                r#"[{"rel":"related","href":"https://a.example/","type":"text/html"},
                    {"rel":"related","href":"https://b.example/","type":"application/rdap+json"}]"#,
                Some("https://b.example/"),
            ),
            (
                r#"[{"href":"https://a.example/"},{"rel":"related","href":"https://b.example/"}]"#,
                Some("https://b.example/"),
            ),
            (
                r#"[7,{"rel":["x"]},{"rel":"related","href":"https://b.example/"}]"#,
                Some("https://b.example/"),
            ),
            (
                r#"[{"rel":"self","title":"Authoritative"},{"rel":"related","href":"https://b.example/"}]"#,
                None,
            ),
            (r#"[{"rel":"related","href":7}]"#, None),
            (r#"[{"rel":"related","href":"ldap://b.example/"}]"#, None),
            (r#"[{"rel":"self","href":"https://b.example/"}]"#, None),
            (r#"{"rel":"related"}"#, None),
        ] {
            let read = document(&format!(r#"{{"links":{links}}}"#));
            assert_eq!(read.related(&base).as_ref().map(Url::as_str), related, "{links}");
        }
    }

    #[test]
    fn what_is_no_object_is_no_answer() {
        for text in ["", "<html>", "[1]", "\"x\"", "{\"a\":}", "null"] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
