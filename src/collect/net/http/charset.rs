//! The bytes of a page as text: which encoding it is in (WHATWG "sniffing": byte order mark, header, `meta`, guess).
//!
//! Never fails: what cannot be decoded becomes U+FFFD.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

/// How far into a page its `meta` element is looked for (HTML standard, section 13.2.3.2).
const PRESCAN: usize = 1024;

/// Decodes the body of a page; `cut` says that it may end inside of a character.
pub fn text(headers: &HeaderMap, body: &[u8], cut: bool) -> String {
    let declared = || header(headers).or_else(|| meta(&body[..body.len().min(PRESCAN)]));
    // A page without a declaration is UTF-8 if it can be, else what browsers take.
    let guess = || if valid_utf8(body, cut) { UTF_8 } else { WINDOWS_1252 };
    // `decode` puts a byte order mark first and removes it.
    declared().unwrap_or_else(guess).decode(body).0.into_owned()
}

fn valid_utf8(body: &[u8], cut: bool) -> bool {
    std::str::from_utf8(body).map_or_else(|error| cut && error.error_len().is_none(), |_| true)
}

fn header(headers: &HeaderMap) -> Option<&'static Encoding> {
    charset(&headers.get(CONTENT_TYPE)?.as_bytes().to_ascii_lowercase())
}

/// The encoding in `<meta charset=...>` or `<meta http-equiv=... content="...charset=...">`.
fn meta(head: &[u8]) -> Option<&'static Encoding> {
    let head = head.to_ascii_lowercase();
    let mut rest = head.as_slice();
    while let Some(start) = find(rest, b"<meta") {
        rest = &rest[start + 5..];
        let element = &rest[..find(rest, b">").unwrap_or(rest.len())];
        if let Some(encoding) = charset(element) {
            // A page whose `meta` can be read at all is not in UTF-16, whatever it says.
            let wide = [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE].contains(&encoding);
            return Some(if wide { UTF_8 } else { encoding });
        }
    }
    None
}

/// The encoding after `charset=` in lower-case text.
fn charset(text: &[u8]) -> Option<&'static Encoding> {
    let start = find(text, b"charset")? + 7;
    let value = text[start..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let label = value.strip_prefix(b"\"").or(value.strip_prefix(b"'")).unwrap_or(value);
    let end = label.iter().position(|b| matches!(b, b'"' | b'\'' | b';' | b'/' | b'>' | b' ' | b'\t'));
    Encoding::for_label(&label[..end.unwrap_or(label.len())])
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_encoding() {
        for (content_type, body, expected) in [
            ("text/html; charset=ISO-8859-1", &b"\xe9"[..], "é"),
            ("text/html; charset=\"windows-1250\"", b"\x9a", "š"),
            ("text/html; Charset = iso-8859-2 ; x", b"\xb9", "š"),
            ("text/html; charset=nonsense", b"\xe9", "é"),
            ("text/html", "š".as_bytes(), "š"),
            ("text/html", b"\xe9", "é"),
            ("text/html", b"<meta charset=windows-1250>\x9a", "<meta charset=windows-1250>š"),
            (
                "text/html",
                b"<META http-equiv=x content='t; charset=cp1250'>\x9a",
                "<META http-equiv=x content='t; charset=cp1250'>š",
            ),
            ("text/html", b"<meta name=x><meta charset='utf-16'>a", "<meta name=x><meta charset='utf-16'>a"),
            ("text/html; charset=iso-8859-1", b"\xef\xbb\xbf\xc5\xa1", "š"),
            ("text/html", b"\xff\xfea\0", "a"),
            ("text/html", b"\xc5\xa1 cut \xc5", "š cut \u{fffd}"),
            ("text/html; charset=utf-8", b"\xff", "\u{fffd}"),
            ("", b"", ""),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
            assert_eq!(
                text(&headers, body, body.ends_with(b" cut \xc5")),
                expected,
                "{content_type:?} {body:?}"
            );
        }
    }
}
