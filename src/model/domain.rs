//! A domain name in the form that is asked on the network: lower case, A-labels, no final dot.
//!
//! Decides what counts as a name (RFC 1035 lengths; letters, digits, hyphen and underscore after UTS 46) and where the
//! public suffix ends (ICANN section of the list only, as the seed's collectors do).

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// A canonical domain name. Never empty; at most 253 octets, labels of 1 to 63 octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left without the final dot.
    #[error("the name is empty")]
    Empty,
    /// A label is empty or over 63 octets, or the name is over 253 octets.
    #[error("a label or the whole name is too long, or a label is empty")]
    Length,
    /// A character is not allowed, or an internationalized label is not valid.
    #[error("a character of the name is not allowed")]
    Character,
    /// The text is an IP address.
    #[error("an IP address is not a domain name")]
    Address,
}

impl DomainName {
    /// Reads a name in any spelling: upper case, U-labels, with a final dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            Uts46::new()
                .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
                .map_err(|_| NameError::Character)?
                .into_owned()
        };
        let labels = || ascii.split('.');
        if ascii.len() > 253 || labels().any(|label| label.is_empty() || label.len() > 63) {
            return Err(NameError::Length);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !ascii.chars().all(allowed) {
            return Err(if text.parse::<std::net::Ipv6Addr>().is_ok() {
                NameError::Address
            } else {
                NameError::Character
            });
        }
        // A numeric last label makes the text an IPv4 address, in whatever form (WHATWG URL section 3.5).
        if labels().next_back().is_some_and(|tld| tld.bytes().all(|b| b.is_ascii_digit())) {
            return Err(NameError::Address);
        }
        Ok(Self(ascii))
    }

    /// The name, without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels, from the host to the top-level domain.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// The public suffix of the name in the ICANN section of the shipped list; `None` if its top-level domain is not listed.
    pub fn public_suffix(&self) -> Option<DomainName> {
        let mut rest = self.0.as_str();
        loop {
            let suffix = psl::suffix(rest.as_bytes()).filter(psl::Suffix::is_known)?;
            // The suffix is the end of `rest`, so its length says where it starts.
            let text = &rest[rest.len() - suffix.as_bytes().len()..];
            if suffix.typ() == Some(psl::Type::Icann) {
                return Some(Self(text.to_owned()));
            }
            // A private rule hides the ICANN rule above it: look at what lies above.
            rest = text.split_once('.')?.1;
        }
    }

    /// The registered domain: the public suffix and one label more; `None` if the name is itself a suffix or not listed.
    pub fn registered(&self) -> Option<DomainName> {
        self.child_of(&self.public_suffix()?)
    }

    /// The name directly below `top` on the way to this one; `None` if this one does not lie below it.
    pub fn child_of(&self, top: &DomainName) -> Option<DomainName> {
        let above = self.0.strip_suffix(top.as_str())?.strip_suffix('.')?;
        let label = above.rsplit('.').next()?;
        Some(Self(format!("{label}.{top}")))
    }

    /// The name and the names above it, down to and including `top`, shortest first.
    pub fn from_top(&self, top: &DomainName) -> Vec<DomainName> {
        let mut names = vec![];
        let mut name = self.0.as_str();
        loop {
            names.push(Self(name.to_owned()));
            if name == top.0 {
                break;
            }
            match name.split_once('.') {
                Some((_, above)) => name = above,
                None => break,
            }
        }
        names.reverse();
        names
    }

    /// Whether this name is `other` or lies below it.
    pub fn is_in(&self, other: &DomainName) -> bool {
        self.0 == other.0 || self.0.strip_suffix(&other.0).is_some_and(|above| above.ends_with('.'))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form_or_reason() {
        let long = "a".repeat(64);
        for (text, expected) in [
            ("OK.CZ", Ok("ok.cz")),
            ("ok.cz.", Ok("ok.cz")),
            ("háčky.cz", Ok("xn--hky-ela4t.cz")),
            ("faß.de", Ok("xn--fa-hia.de")),
            ("_dmarc.a_b.example", Ok("_dmarc.a_b.example")),
            ("localhost", Ok("localhost")),
            ("", Err(NameError::Empty)),
            (".", Err(NameError::Empty)),
            ("foo..com", Err(NameError::Length)),
            (".com", Err(NameError::Length)),
            (&format!("{long}.com"), Err(NameError::Length)),
            (&format!("{}com", "abcdefghi.".repeat(26)), Err(NameError::Length)),
            ("1.2.3.4", Err(NameError::Address)),
            ("2001:db8::1", Err(NameError::Address)),
            ("a b.com", Err(NameError::Character)),
            ("http://a.com", Err(NameError::Character)),
            ("*.com", Err(NameError::Character)),
        ] {
            let name = DomainName::parse(text);
            assert_eq!(name.as_ref().map(DomainName::as_str).map_err(|e| *e), expected, "{text:?}");
        }
    }

    #[test]
    fn suffixes_are_those_of_icann() {
        for (name, suffix, registered) in [
            ("www.ok.cz", Some("cz"), Some("ok.cz")),
            ("cz", Some("cz"), None),
            ("co.uk", Some("co.uk"), None),
            ("a.b.co.uk", Some("co.uk"), Some("b.co.uk")),
            ("foo.github.io", Some("io"), Some("github.io")),
            ("x.blogspot.co.uk", Some("co.uk"), Some("blogspot.co.uk")),
            ("example.invalidtld", None, None),
            ("localhost", None, None),
        ] {
            let name = DomainName::parse(name).unwrap();
            let text = |name: Option<DomainName>| name.map(|name| name.to_string());
            assert_eq!(text(name.public_suffix()).as_deref(), suffix, "{name}");
            assert_eq!(text(name.registered()).as_deref(), registered, "{name}");
        }
    }

    #[test]
    fn candidates_run_from_the_top() {
        let name = DomainName::parse("x.sub.ok.cz").unwrap();
        let names = name.from_top(&DomainName::parse("ok.cz").unwrap());
        let names: Vec<_> = names.iter().map(DomainName::as_str).collect();
        assert_eq!(names, ["ok.cz", "sub.ok.cz", "x.sub.ok.cz"]);
    }
}
