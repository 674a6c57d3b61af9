//! What `fuzz/` and its seeds call: any bytes as the answer of an RDAP server.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use url::Url;

use super::document::{self, Document};
use super::range::Range;

/// Reads an answer as that about a name and as that about an address.
pub fn answer(data: &[u8]) {
    let Ok(base) = Url::parse("https://a.example/domain/x.example") else { return };
    let Ok(mut document) = Document::parse(data) else { return };
    let whole = document.json();
    // What is kept as it came is JSON, and reads the same again.
    let again = Document::parse(whole.text().as_bytes());
    assert!(again.is_ok_and(|again| again.json() == whole));
    document.error_code();
    let related = document.related(&base);
    assert!(related.is_none_or(|url| matches!(url.scheme(), "http" | "https")));
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    if let Ok(block) = "192.0.0.0/8".parse::<IpNet>()
        && let Some(range) = Range::told(&document, address, block)
    {
        assert!(range.contains(address) && block.contains(&range.first) && block.contains(&range.last));
    }
    let entities = document.take_entities();
    document::array(&entities);
    for entity in &entities {
        let Ok(stub) = Document::parse(entity.get().as_bytes()) else { continue };
        let full = document.clone().with_roles_of(&stub);
        full.json();
        stub.stub_of(&base);
    }
}
