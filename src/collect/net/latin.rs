//! Text that should be UTF-8 and is not always: what is not is taken for Windows-1252, byte by byte, which is what old
//! databases hold. So a text with one old record in it does not lose the others.

/// The text of `bytes`, without a byte order mark.
pub fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_both_in_one_text() {
        for (bytes, expected) in [
            (&b"plain"[..], "plain"),
            ("\u{feff}Žďár".as_bytes(), "Žďár"),
            (b"M\xfcller \xe2\x82\xac \x80", "Müller € €"),
            (b"\xe9", "é"),
            (b"", ""),
        ] {
            assert_eq!(super::text(bytes), expected);
        }
    }
}
