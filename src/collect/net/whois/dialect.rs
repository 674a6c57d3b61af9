//! What is special in the answers of a server: `dialects.txt`, read once.

use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::Encoding;

/// How one server speaks.
#[derive(Default)]
pub struct Dialect {
    /// What its texts are in, where they are not UTF-8.
    pub encoding: Option<&'static Encoding>,
    /// Starts of lines, in lower case, and what they say.
    notices: Vec<(String, Notice)>,
}

/// What an answer says instead of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The name is not registered.
    Unknown,
    /// We ask too much.
    Limited,
}

static DIALECTS: LazyLock<HashMap<&'static str, Dialect>> = LazyLock::new(|| {
    let mut dialects: HashMap<&str, Dialect> = HashMap::new();
    for (host, what, value) in lines() {
        let dialect = dialects.entry(host).or_default();
        match what {
            "encoding" => dialect.encoding = Encoding::for_label(value.as_bytes()),
            "limited" => dialect.notices.push((value.to_lowercase(), Notice::Limited)),
            _ => dialect.notices.push((value.to_lowercase(), Notice::Unknown)),
        }
    }
    dialects
});

/// The lines of the file: host, what, value.
fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let lines =
        include_str!("dialects.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| {
        let (host, rest) = line.split_once(' ')?;
        let (what, value) = rest.split_once(' ')?;
        Some((host, what, value))
    })
}

/// How the server `host` speaks, if that is known.
pub fn of(host: &str) -> Option<&'static Dialect> {
    DIALECTS.get(host)
}

impl Dialect {
    /// What a line of `text` says in this server's own words.
    pub fn notice(&self, text: &str) -> Option<Notice> {
        text.lines().find_map(|line| {
            let line = line.trim_start_matches(['%', '#', ' ', '\t']).to_lowercase();
            // Registries put different numbers of blanks behind a colon.
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            self.notices.iter().find(|(start, _)| line.starts_with(start)).map(|(_, notice)| *notice)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_says_something_known() {
        let all =
            include_str!("dialects.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(lines().count(), all.count());
        for (host, what, value) in lines() {
            assert!(matches!(what, "encoding" | "unknown" | "limited"), "{host} {what}");
            assert!(what != "encoding" || Encoding::for_label(value.as_bytes()).is_some(), "{host} {value}");
        }
    }

    #[test]
    fn a_server_is_read_in_its_own_words() {
        let dialect = of("whois.denic.de").unwrap();
        for (text, expected) in [
            ("Domain: a.de\nStatus: free\n", Some(Notice::Unknown)),
            (
                "%   Error:  55000000002 Connection refused; access control limit exceeded.\n",
                Some(Notice::Limited),
            ),
            ("Domain: a.de\nStatus: connect\n", None),
            ("Remark: Status: free\n", None),
        ] {
            assert_eq!(dialect.notice(text), expected, "{text}");
        }
        assert!(of("whois.example").is_none());
    }
}
