//! What `fuzz/` and its seeds call: any bytes as the answer of a WHOIS server.

use serde_json::Value;

use super::answer::{Meaning, meaning, referral};
use super::encoding;

/// Reads an answer, as that of a server with notices and an encoding of its own and as that of one without.
pub fn answer(data: &[u8]) {
    for host in ["whois.denic.de", "whois.jprs.jp", "whois.example"] {
        let text = encoding::text(host, data.to_vec());
        if let Some(server) = referral(&text) {
            assert!(!server.host.is_empty());
        }
        let Meaning::Registration(fields) = meaning(host, &text) else { continue };
        for (key, value) in &fields {
            // Keys without a value are left out.
            let empty = match value {
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => true,
            };
            assert!(!empty, "{key}: {value}");
        }
    }
}
