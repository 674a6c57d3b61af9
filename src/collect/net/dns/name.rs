//! Between names of the DNS (labels of any octets), text, and octets. The text is the master-file form of RFC 1035
//! section 5.1, lower case.
//!
//! hickory's own text form is not used: it escapes in octal, which no reader of zone files understands.

use std::fmt::Write as _;

use hickory_proto::rr::Name;

use crate::model::DomainName;

/// The name as asked in the DNS.
pub fn of_domain(name: &DomainName) -> Name {
    Name::from_labels(name.labels().map(str::as_bytes)).expect("a DomainName keeps the lengths of RFC 1035")
}

/// Appends the name as it is on the wire, uncompressed (RFC 1035 section 3.1).
pub(super) fn write_wire(name: &Name, to: &mut Vec<u8>) {
    for label in name {
        to.push(u8::try_from(label.len()).expect("a label has at most 63 octets"));
        to.extend_from_slice(label);
    }
    to.push(0);
}

/// The name as text: lower case, without the final dot; `.` for the root.
///
/// The case is dropped because it is chance: a server may compress a name into the question, whose case is random.
pub fn text(name: &Name) -> String {
    if name.is_root() {
        return ".".to_owned();
    }
    let mut text = String::with_capacity(name.len());
    for label in name {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label {
            match octet.to_ascii_lowercase() {
                special @ (b'"' | b'(' | b')' | b'.' | b';' | b'\\' | b'@' | b'$') => {
                    text.push('\\');
                    text.push(char::from(special));
                }
                printable @ 0x21..=0x7e => text.push(char::from(printable)),
                other => write!(text, "\\{other:03}").expect("writing to a String never fails"),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_escaped() {
        for (labels, expected) in [
            (&[][..], "."),
            (&[&b"WWW"[..], b"OK", b"cz"], "www.ok.cz"),
            (&[b"host.master", b"ok", b"cz"], "host\\.master.ok.cz"),
            (&[b"a b\xe9\\", b"_x-", b"cz"], "a\\032b\\233\\\\._x-.cz"),
        ] {
            assert_eq!(text(&Name::from_labels(labels.iter().copied()).unwrap()), expected);
        }
        let name = DomainName::parse("-a._b.cz").unwrap();
        assert_eq!(text(&of_domain(&name)), "-a._b.cz");
    }
}
