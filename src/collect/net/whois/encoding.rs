//! The bytes of a WHOIS answer as text. WHOIS does not say its encoding (RFC 3912 section 4), so it is found out:
//! escapes of ISO-2022-JP, then UTF-8 where it can be that, then what the server is known to send, then Windows-1252.

use encoding_rs::{ISO_2022_JP, UTF_8};

use super::dialect;
use crate::collect::net::latin;

/// Reads an answer of the server `host`, which may be cut inside of a character.
pub fn text(host: &str, bytes: Vec<u8>) -> String {
    if shifts(&bytes) {
        return ISO_2022_JP.decode_without_bom_handling(&bytes).0.into_owned();
    }
    let broken = std::str::from_utf8(&bytes).err().filter(|error| error.error_len().is_some());
    if broken.is_none() {
        return UTF_8.decode_with_bom_removal(&bytes).0.into_owned();
    }
    match dialect::of(host).and_then(|dialect| dialect.encoding) {
        Some(encoding) => encoding.decode_without_bom_handling(&bytes).0.into_owned(),
        None => latin::text(&bytes),
    }
}

/// Whether there are escapes to the character sets of ISO-2022-JP; the bytes are ASCII then, whatever they mean.
fn shifts(bytes: &[u8]) -> bool {
    bytes.is_ascii() && bytes.windows(3).any(|three| matches!(three, b"\x1b$B" | b"\x1b$@" | b"\x1b(J"))
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_KR, GB18030, ISO_8859_2, KOI8_R, WINDOWS_1251, WINDOWS_1254};

    use super::*;

    #[test]
    fn reads_what_registries_send() {
        for (host, encoding, expected) in [
            ("whois.jprs.jp", ISO_2022_JP, "[登録者名] 株式会社"),
            ("whois.example", ISO_2022_JP, "[登録者名] 株式会社"),
            ("whois.kr", EUC_KR, "등록인 : 오케이"),
            ("whois.kr", UTF_8, "등록인 : 오케이"),
            ("whois.twnic.net.tw", BIG5, "公司"),
            ("whois.cnnic.cn", GB18030, "有限公司"),
            ("whois.tcinet.ru", KOI8_R, "Общество"),
            ("whois.nic.kz", WINDOWS_1251, "Общество"),
            ("whois.nic.hu", ISO_8859_2, "Őr Kft. Žluť"),
            ("whois.trabis.gov.tr", WINDOWS_1254, "İstanbul Şirketi"),
            ("whois.example", encoding_rs::WINDOWS_1252, "Müller"),
            ("whois.example", UTF_8, "Žluť"),
        ] {
            let bytes = match encoding.encode(expected) {
                (bytes, _, false) => bytes.into_owned(),
                _ => panic!("{expected} is not in {}", encoding.name()),
            };
            assert_eq!(text(host, bytes), expected, "{host} {}", encoding.name());
        }
        // Cut inside of a character; a byte order mark.
        assert_eq!(text("whois.example", "Registrar: é".as_bytes()[..12].to_vec()), "Registrar: \u{fffd}");
        assert_eq!(text("whois.kr", "\u{feff}a".as_bytes().to_vec()), "a");
    }
}
