//! What a WHOIS answer means: a registration, a name that is not known, a refusal; and who else it says to ask.
//!
//! There is no status in WHOIS, only prose. What a server is known to say (`dialects.txt`) counts first. Else an answer
//! with registration data is one, whatever its prose says: terms of use speak of limits and of names that were not found.
//! Of an answer without, the phrases of all registries are looked for (`phrases.txt`).

use super::dialect::{self, Notice};
use super::fields::{self, Fields};
use super::lines;
use super::servers::Server;

/// What an answer means.
#[derive(Debug, PartialEq)]
pub enum Meaning {
    /// Registration data; without fields if the shape of the answer is not known.
    Registration(Fields),
    /// The name is not known.
    Unknown,
    /// We ask too much.
    Limited,
    /// Nothing was said.
    Empty,
}

/// Fields that only a registration has.
const EVIDENCE: [&str; 6] =
    ["created", "expires", "registrar", "registrant_name", "registrant_organization", "name_servers"];

/// Reads an answer of the server `host`.
pub fn meaning(host: &str, text: &str) -> Meaning {
    match dialect::of(host).and_then(|dialect| dialect.notice(text)) {
        Some(Notice::Unknown) => return Meaning::Unknown,
        Some(Notice::Limited) => return Meaning::Limited,
        None => {}
    }
    let fields = fields::parse(text);
    if EVIDENCE.iter().any(|key| fields.contains_key(*key)) {
        return Meaning::Registration(fields);
    }
    let text = text.to_lowercase();
    let phrases = include_str!("phrases.txt").lines().filter(|line| !line.starts_with('#'));
    let found = phrases.filter_map(|line| line.split_once(' ')).find(|(_, phrase)| text.contains(phrase));
    match found {
        Some(("limited", _)) => Meaning::Limited,
        Some(_) => Meaning::Unknown,
        None if text.trim().is_empty() => Meaning::Empty,
        None => Meaning::Registration(fields),
    }
}

/// The server that an answer refers to; addresses of pages are passed over.
pub fn referral(text: &str) -> Option<Server> {
    text.lines().filter_map(lines::key_and_value).find_map(|(key, value)| {
        let refers = matches!(key.as_str(), "refer" | "whois") || key.ends_with("whois server");
        // Some registrars write their server as if it were a site.
        let schemes = ["whois://", "http://", "https://"];
        let value = schemes.iter().find_map(|scheme| value.strip_prefix(scheme)).unwrap_or(value);
        let value = value.trim_end_matches('/');
        Server::parse(value).filter(|_| refers)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_answers_apart() {
        for (text, expected) in [
            ("No match for \"NOPE.COM\".\r\n>>> Last update <<<", Some(Meaning::Unknown)),
            ("%% No entries found.\n", Some(Meaning::Unknown)),
            ("Domain: nope.de\nStatus: free\n", Some(Meaning::Unknown)),
            ("The queried object does not exist: nope.x", Some(Meaning::Unknown)),
            ("WHOIS LIMIT EXCEEDED - SEE WWW.PIR.ORG/WHOIS FOR DETAILS", Some(Meaning::Limited)),
            (
                "%ERROR:103: You have exceeded allowed number of queries; access denied",
                Some(Meaning::Limited),
            ),
            (" \r\n", Some(Meaning::Empty)),
            ("", Some(Meaning::Empty)),
            ("Registrar: R\nTerms: names not found and rate limit", None),
            ("Some text of an unknown shape", None),
        ] {
            match (meaning("whois.example", text), expected) {
                (Meaning::Registration(_), None) => {}
                (found, expected) => assert_eq!(Some(found), expected, "{text}"),
            }
        }
    }

    #[test]
    fn finds_the_next_server() {
        for (text, expected) in [
            ("refer:        whois.nic.cz\n", Some(("whois.nic.cz", 43))),
            ("domain: ZZ\nwhois:   whois.nic.zz\n", Some(("whois.nic.zz", 43))),
            ("   Registrar WHOIS Server: WHOIS.R.example\n", Some(("whois.r.example", 43))),
            ("Whois Server: whois://r.example:4343/\n", Some(("r.example", 4343))),
            ("Registrar WHOIS Server: 127.0.0.1:4343\n", Some(("127.0.0.1", 4343))),
            ("Registrar WHOIS Server: http://r.example/whois\nRegistrar WHOIS Server:\n", None),
            ("Registrar WHOIS Server: http://whois.r.example\n", Some(("whois.r.example", 43))),
            ("Registrar URL: whois.example\n", None),
            ("", None),
        ] {
            let found = referral(text);
            assert_eq!(found.as_ref().map(|server| (server.host.as_str(), server.port)), expected, "{text}");
        }
    }
}
