//! The ClientHello (RFC 5246, 7.4.1.2): TLS 1.2, so that a server picks the best of 1.2, 1.1 and 1.0 that it has, and all
//! suites, groups and signature schemes, so that none is refused for want of another.

use rustls::pki_types::ServerName;

use crate::collect::net::tls::ciphers;

/// Groups of elliptic curves (RFC 8422): x25519, P-256, P-384, P-521, x448.
const GROUPS: [u16; 5] = [29, 23, 24, 25, 30];

/// Hash and signature algorithms (RFC 5246, 7.4.1.4.1; RFC 8446, 4.2.3): PKCS #1, DSA and ECDSA with SHA-2 and SHA-1, PSS, EdDSA.
const SCHEMES: [u16; 17] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0402, 0x0303,
    0x0203, 0x0301, 0x0201, 0x0202,
];

/// The record with the hello; without SNI if `name` cannot be in one.
pub fn client_hello(name: &str) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(rand::random::<[u8; 32]>());
    // No session to resume.
    body.push(0);
    // The last one says that a renegotiation would be a safe one (RFC 5746), without which some servers refuse.
    let suites: Vec<u16> = ciphers::before_tls13().chain([0x00FF]).collect();
    body.extend(with_length(&numbers(&suites)));
    // No compression.
    body.extend([1, 0]);
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, content: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(with_length(content));
    };
    if let Ok(ServerName::DnsName(name)) = ServerName::try_from(name) {
        // One name of the kind host_name (RFC 6066, 3).
        let name = [&[0], with_length(name.as_ref().as_bytes()).as_slice()].concat();
        extension(0, &with_length(&name));
    }
    extension(10, &with_length(&numbers(&GROUPS)));
    // Points are not compressed (RFC 8422, 5.1.2).
    extension(11, &[1, 0]);
    extension(13, &with_length(&numbers(&SCHEMES)));
    body.extend(with_length(&extensions));
    // The parts above are bounded: a name has at most 253 bytes.
    let message = [&[1, 0], with_length(&body).as_slice()].concat();
    // Servers that are very old refuse a record of a later version than 1.0 here (RFC 5246, appendix E.1).
    [&[22, 3, 1], with_length(&message).as_slice()].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// `content` behind its length in two bytes.
fn with_length(content: &[u8]) -> Vec<u8> {
    // Everything here is far below 64 KiB.
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), content].concat()
}
