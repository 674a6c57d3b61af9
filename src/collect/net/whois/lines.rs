//! The lines of a WHOIS answer: which have a key and a value, and which blocks of them describe a contact.

use std::collections::HashSet;

use super::names::NAMES;

/// The key (lower case) and the value of a line, if it has the shape.
pub fn key_and_value(line: &str) -> Option<(String, &str)> {
    let line = line.trim().trim_start_matches("** ");
    // `a. [Key] value`: JPRS numbers its lines.
    let bracket = line.split_once(". [").filter(|(number, _)| number.len() == 1).map(|(_, rest)| rest);
    let (key, value) = match bracket.or_else(|| line.strip_prefix('[')) {
        Some(rest) => rest.split_once(']')?,
        None => line.split_once(':').filter(|(_, value)| !value.starts_with("//"))?,
    };
    // Explanations may stand behind a key.
    let key = key.split(" (").next().unwrap_or(key);
    Some((key.trim_end_matches(['.', ' ', '\t']).to_lowercase(), value.trim()))
}

/// The handles that the answer describes.
pub fn handles(lines: &[&str]) -> HashSet<String> {
    let blocks = lines.split(|line| line.trim().is_empty());
    blocks.filter_map(handle).map(|(handle, _)| handle).collect()
}

/// The handle that a block describes, and the name of the line that says so.
pub fn handle(block: &[&str]) -> Option<(String, String)> {
    let mut lines = block.iter().filter(|line| !is_remark(line)).filter_map(|line| key_and_value(line));
    let (first, value) = lines.next()?;
    let is_domain = |key: &str| NAMES.field(key).is_some_and(|field| field.key == "domain_name");
    if is_domain(&first) {
        return None;
    }
    let mut own = None;
    if NAMES.is_handle(&first) {
        own = Some((value, first));
    }
    for (key, value) in lines {
        if is_domain(&key) {
            return None;
        }
        // Inside of a block, `contact` and `registrar` say other things.
        if key.starts_with("nic-hdl") && NAMES.is_handle(&key) {
            own = Some((value, key));
        }
    }
    let (value, key) = own.filter(|(value, _)| !value.is_empty())?;
    Some((value.to_lowercase(), key))
}

/// Whether a line is no data.
pub fn is_remark(line: &str) -> bool {
    line.starts_with(['%', '#', '>'])
}

/// Whether a line has a key, known or not: a word or some, and a colon before the value.
pub fn is_keyed(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return line.starts_with('[') };
    let word =
        |c: char| c.is_alphabetic() || matches!(c, ' ' | '-' | '.' | '/' | '_' | '\'' | '(' | ')' | '\t');
    key.trim().starts_with(char::is_alphabetic)
        && key.chars().all(word)
        && (value.is_empty() || value.starts_with([' ', '\t']))
}

/// The value of the first line of `key` in a block.
pub fn value_of<'a>(block: &[&'a str], key: &str) -> &'a str {
    let values = block.iter().filter_map(|line| key_and_value(line));
    values.into_iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines() {
        for (line, expected) in [
            ("Domain Name: OK.COM", Some(("domain name", "OK.COM"))),
            ("created............: 30.6.2006", Some(("created", "30.6.2006"))),
            ("a. [Domain Name]   OK.CO.JP", Some(("domain name", "OK.CO.JP"))),
            ("[Holder]", Some(("holder", ""))),
            ("** Registrant:", Some(("registrant", ""))),
            ("https://www.ok.pl/", None),
            ("plain", None),
        ] {
            let found = key_and_value(line);
            assert_eq!(found.as_ref().map(|(key, value)| (key.as_str(), *value)), expected, "{line}");
        }
    }

    #[test]
    fn finds_the_blocks_that_describe_contacts() {
        for (block, expected) in [
            (&["contact: H1", "name: N"][..], Some("h1")),
            (&["role: R", "nic-hdl: H2"], Some("h2")),
            (&["nic-hdl: H3", "contact: N"], Some("h3")),
            (&["domain: ok.cz", "contact: H4"], None),
            (&["name: N", "contact: H5"], None),
            (&["contact:", "name: N"], None),
            (&["% contact: H6"], None),
        ] {
            assert_eq!(handle(block).map(|(handle, _)| handle).as_deref(), expected, "{block:?}");
        }
    }
}
