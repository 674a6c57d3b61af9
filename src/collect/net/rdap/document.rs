//! An RDAP answer: a JSON object of which only links and entities are looked at (RFC 9083 sections 4.2 and 5.1).
//!
//! All other members, their order and the spelling of their values are kept: values stay the text they came as.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::collect::net::latin;
use crate::model::FreeJson;

/// The media type of RDAP (RFC 7480 section 4.2).
const MEDIA_TYPE: &str = "application/rdap+json";

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
        // A media type may have parameters, such as its charset.
        let kind = self.r#type.as_str().and_then(|kind| kind.split(';').next()).map(str::trim);
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
        let text = latin::text(bytes);
        Self::read(&text).or_else(|error| Self::read(&escape_controls(&text)).map_err(|_| error.to_string()))
    }

    /// An object, or the only element of an array.
    fn read(text: &str) -> serde_json::Result<Self> {
        if text.trim_start().starts_with('[') {
            return serde_json::from_str(text).map(|[only]: [IndexMap<_, _>; 1]| Self(only));
        }
        serde_json::from_str(text).map(Self)
    }

    /// The code of an error answer (RFC 9083 section 6), which is about no object.
    pub fn error_code(&self) -> Option<u16> {
        if self.0.contains_key("objectClassName") {
            return None;
        }
        self.member("errorCode").or_else(|| self.member::<String>("errorCode")?.trim().parse().ok())
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

    /// Takes the entities out of the document; what is neither an array nor an object is left in it.
    pub fn take_entities(&mut self) -> Vec<Box<RawValue>> {
        let entities = self.list("entities");
        if entities.is_some() {
            self.0.shift_remove("entities");
        }
        entities.unwrap_or_default()
    }

    /// The elements of a member. Some servers send an object where a list of one is meant.
    fn list(&self, name: &str) -> Option<Vec<Box<RawValue>>> {
        let value = self.0.get(name)?;
        match value.get().as_bytes().first() {
            Some(b'{') => Some(vec![value.clone()]),
            _ => serde_json::from_str(value.get()).ok(),
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
        let links = self.list("links").unwrap_or_default();
        links.iter().filter_map(|link| serde_json::from_str(link.get()).ok()).collect()
    }
}

/// JSON with the control characters in its strings escaped, as they have to be (RFC 8259 section 7) and sometimes are not:
/// the line ends of postal addresses.
fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 64);
    let (mut in_string, mut after_backslash) = (false, false);
    for c in text.chars() {
        match c {
            c if in_string && c < ' ' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
        if c == '"' && !after_backslash {
            in_string = !in_string;
        }
        after_backslash = c == '\\' && !after_backslash;
    }
    escaped
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
    fn entities_are_a_list_or_stay() {
        for (json, taken, left) in [
            (r#"{"a":1}"#, "[]", r#"{"a":1}"#),
            (r#"{"entities":[],"a":1}"#, "[]", r#"{"a":1}"#),
            (r#"{"entities":{"x":1}}"#, r#"[{"x":1}]"#, "{}"),
            (r#"{"entities":"x"}"#, "[]", r#"{"entities":"x"}"#),
            (r#"{"entities":null}"#, "[]", r#"{"entities":null}"#),
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
            (r#"{"rel":"related","href":"https://b.example/"}"#, Some("https://b.example/")),
            (
                r#"[{"rel":"Related","href":"https://b.example/","type":"Application/RDAP+JSON; charset=utf-8"}]"#,
                Some("https://b.example/"),
            ),
        ] {
            let read = document(&format!(r#"{{"links":{links}}}"#));
            assert_eq!(read.related(&base).as_ref().map(Url::as_str), related, "{links}");
        }
    }

    #[test]
    fn what_is_no_object_is_no_answer() {
        for text in ["", "<html>", "[]", "[1]", "[{},{}]", "\"x\"", "{\"a\":}", "null", "{\"a\":\"\n}"] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_what_servers_really_send() {
        for (bytes, expected) in [
            (&b"\xef\xbb\xbf {\"a\":1}\r\n"[..], r#"{"a":1}"#),
            (b" [ {\"a\":1} ]", r#"{"a":1}"#),
            ("{\"a\":\"Žďár\"}".as_bytes(), r#"{"a":"Žďár"}"#),
            (b"{\"a\":\"M\xfcller\"}", r#"{"a":"Müller"}"#),
            (b"{\"a\":\"x\ny\\\"\t\",\"b\": 1}", r#"{"a":"x\u000ay\"\u0009","b":1}"#),
            (b"{\n\"a\":\"\\\\\",\n\"b\":\"\n\"}", r#"{"a":"\\","b":"\u000a"}"#),
        ] {
            let read = Document::parse(bytes).unwrap();
            assert_eq!(read.json().text(), expected);
        }
    }

    #[test]
    fn tells_errors_that_came_as_answers() {
        for (json, code) in [
            (r#"{"errorCode":404,"title":"Not Found"}"#, Some(404)),
            (r#"{"errorCode":"429"}"#, Some(429)),
            (r#"{"errorCode":null}"#, None),
            (r#"{"errorCode":404,"objectClassName":"domain"}"#, None),
            (r#"{"a":1}"#, None),
        ] {
            assert_eq!(document(json).error_code(), code, "{json}");
        }
    }
}
