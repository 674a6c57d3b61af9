//! The subject of a certificate as text: in the form of RFC 1779, letter by letter as Java prints it
//! (`X500Principal.getName(RFC1779)`), which the consumers of the records were built on: `CN=t.example, O=Org, C=CZ`; and in
//! that of RFC 4514, which others read: `CN=t.example,O=Org,C=CZ`.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Tag, ToDer};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The attribute types that RFC 1779 gives a keyword.
const KEYWORDS: [(&str, &str); 7] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
];

/// Those that RFC 4514 gives one beside (section 3).
const KEYWORDS_4514: [(&str, &str); 2] =
    [("0.9.2342.19200300.100.1.25", "DC"), ("0.9.2342.19200300.100.1.1", "UID")];

/// The distinguished name of a subject in its two forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// In the form of RFC 1779.
    pub rfc1779: String,
    /// In the form of RFC 4514.
    pub rfc4514: String,
}

/// The distinguished name of the subject of a DER certificate; `None` if the certificate cannot be decoded.
pub fn subject(der: &[u8]) -> Option<Names> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject();
    Some(Names {
        rfc1779: joined(name, " + ", ", ", |oid, any| {
            let keyword = keyword(&KEYWORDS, oid).map_or_else(|| format!("OID.{oid}"), str::to_owned);
            format!("{keyword}={}", text(any).map_or_else(|| hexadecimal(any), |text| quoted(&text)))
        }),
        rfc4514: joined(name, "+", ",", |oid, any| {
            let keyword = keyword(&KEYWORDS, oid).or_else(|| keyword(&KEYWORDS_4514, oid));
            match keyword.zip(text(any)) {
                Some((keyword, text)) => format!("{keyword}={}", escaped(&text)),
                // Without a keyword the value is its encoding, too (section 2.4).
                None => format!("{}={}", keyword.unwrap_or(oid), hexadecimal(any)),
            }
        }),
    })
}

/// The most specific part comes first, the reverse of the order in the certificate.
fn joined(name: &X509Name<'_>, and: &str, then: &str, show: impl Fn(&str, &Any<'_>) -> String) -> String {
    let parts = name.iter_rdn().map(|rdn| {
        let values =
            rdn.iter().map(|attribute| show(&attribute.attr_type().to_id_string(), attribute.attr_value()));
        values.collect::<Vec<_>>().join(and)
    });
    let mut parts: Vec<String> = parts.collect();
    parts.reverse();
    parts.join(then)
}

fn keyword(keywords: &'static [(&str, &str)], oid: &str) -> Option<&'static str> {
    keywords.iter().find(|(id, _)| *id == oid).map(|(_, word)| *word)
}

/// The DER of a value.
fn hexadecimal(any: &Any<'_>) -> String {
    any.to_der_vec().unwrap_or_default().iter().fold("#".to_owned(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// Escapes what RFC 4514 (section 2.4) does not let stand for itself.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        match c {
            '\0' => escaped.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            '#' if at == 0 => escaped.push_str("\\#"),
            ' ' if at == 0 || at == last => escaped.push_str("\\ "),
            c => escaped.push(c),
        }
    }
    escaped
}

fn text(any: &Any<'_>) -> Option<String> {
    let latin1 = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect();
    match any.tag() {
        Tag::Utf8String => Some(String::from_utf8_lossy(any.data).into_owned()),
        Tag::PrintableString | Tag::Ia5String | Tag::T61String | Tag::GeneralString | Tag::NumericString => {
            Some(latin1(any.data))
        }
        Tag::BmpString => {
            let units = any.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        Tag::UniversalString => {
            let points = any.data.chunks_exact(4).map(|c| u32::from_be_bytes([c[0], c[1], c[2], c[3]]));
            Some(points.map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

/// Quotes a value that has special characters, white space at an end, or two white spaces in a row.
fn quoted(text: &str) -> String {
    let white = |c: char| matches!(c, ' ' | '\n');
    // A value that brings its own quotes is left as it is.
    if text.len() > 1 && text.starts_with('"') && text.ends_with('"') {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let twice = text.chars().zip(text.chars().skip(1)).any(|(a, b)| white(a) && white(b));
    if text.contains([',', '+', '=', '\n', '<', '>', '#', ';', '\\', '"'])
        || text.starts_with(white)
        || text.ends_with(white)
        || twice
    {
        format!("\"{escaped}\"")
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    #[test]
    fn prints_as_java_does_and_as_rfc_4514_says() {
        let organization = |value: &str| vec![(DnType::OrganizationName, value.to_owned())];
        for (attributes, rfc1779, rfc4514) in [
            (
                vec![
                    (DnType::CountryName, "CZ".to_owned()),
                    (DnType::OrganizationName, "Test Org".to_owned()),
                    (DnType::CommonName, "t.example".to_owned()),
                ],
                "CN=t.example, O=Test Org, C=CZ",
                "CN=t.example,O=Test Org,C=CZ",
            ),
            (organization("Foo, Inc."), "O=\"Foo, Inc.\"", r"O=Foo\, Inc."),
            (organization("a\"b\\c"), "O=\"a\\\"b\\\\c\"", r#"O=a\"b\\c"#),
            (organization(" padded "), "O=\" padded \"", r"O=\ padded\ "),
            (organization(" "), "O=\" \"", r"O=\ "),
            (organization("#a#"), "O=\"#a#\"", r"O=\#a#"),
            (organization("two  spaces"), "O=\"two  spaces\"", "O=two  spaces"),
            (organization("\"quoted\""), "O=\"quoted\"", r#"O=\"quoted\""#),
            (organization("Žluť"), "O=Žluť", "O=Žluť"),
            (
                vec![(DnType::CustomDnType(vec![2, 5, 4, 5]), "17".to_owned())],
                "OID.2.5.4.5=17",
                "2.5.4.5=#0C023137",
            ),
            (
                vec![(DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "cz".to_owned())],
                "OID.0.9.2342.19200300.100.1.25=cz",
                "DC=cz",
            ),
            (vec![], "", ""),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            for (kind, value) in attributes {
                params.distinguished_name.push(kind, value);
            }
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let names = Names { rfc1779: rfc1779.to_owned(), rfc4514: rfc4514.to_owned() };
            assert_eq!(subject(certificate.der()), Some(names));
        }
    }

    #[test]
    fn reads_every_kind_of_string() {
        let any = |der: &'static [u8]| {
            let any = Any::from_der(der).unwrap().1;
            text(&any).unwrap_or_else(|| hexadecimal(&any))
        };
        assert_eq!(any(b"\x1e\x04\x01\x7d\x00a"), "Ža", "BMPString");
        assert_eq!(any(b"\x1c\x08\x00\x00\x01\x7d\x00\x00\x00a"), "Ža", "UniversalString");
        assert_eq!(any(b"\x14\x02\xe9a"), "éa", "T61String");
        assert_eq!(any(b"\x02\x01\x07"), "#020107", "INTEGER");
        assert_eq!(any(b"\x0c\x02\xffa"), "\u{fffd}a", "broken UTF8String");
    }

    #[test]
    fn what_is_no_certificate_has_no_subject() {
        assert_eq!(subject(b"\x30\x03abc"), None);
    }
}
