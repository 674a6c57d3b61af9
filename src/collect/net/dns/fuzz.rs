//! What `fuzz/` and its seeds call: any bytes as the reply to a query.

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::cache::Keep as _;
use super::query::{Dress, Query, truncated};
use super::signed::Signed;
use super::{Answer, Question, of_domain, recursor, text, wildcard};
use crate::model::DomainName;

const TYPES: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::CNAME,
    RecordType::MX,
    RecordType::NS,
    RecordType::TXT,
    RecordType::SOA,
    RecordType::DNSKEY,
];

/// Reads a reply as the engine, the recursor, the validator and the collectors do. The first byte chooses the type, and whether the reply repeats
/// the question, without which hardly any would be read.
pub fn message(data: &[u8]) {
    let Some((&choice, reply)) = data.split_first() else { return };
    let Ok(name) = Name::from_ascii("www.example.cz.") else { return };
    let rr_type = TYPES[usize::from(choice) % TYPES.len()];
    let question = Question { name, rr_type, recursion: choice & 0x40 != 0, signed: false };
    let query = Query::new(&question, Dress { edns: true, mixed_case: choice & 0x20 != 0 });
    let mut reply = reply.to_vec();
    if choice & 0x80 != 0 && reply.len() >= 12 {
        let asked = query.question();
        reply[..2].copy_from_slice(&query.bytes()[..2]);
        reply[4..6].copy_from_slice(&[0, 1]);
        reply.splice(12..12, asked.iter().copied());
    }
    if query.fit(&reply).is_none() || truncated(&reply) {
        return;
    }
    let Ok(message) = Message::from_vec(&reply) else { return };
    recursor::fuzz(&question, &message);
    if let Ok(signed) = Signed::read(&question, message.clone()) {
        assert!(signed.life().as_secs() <= 3600);
        wildcard::is_proven(&signed.0, &question.name, rr_type);
    }
    let Ok(answer) = Answer::read(&question, message) else { return };
    assert!(answer.life().as_secs() <= 3600);
    let end = answer.end_of_aliases(&question.name).clone();
    for rr_type in TYPES {
        for record in answer.of_type(rr_type) {
            let owner = text(&record.name);
            assert!(owner.is_ascii() && !owner.is_empty());
            let set = answer.rr_set(&record.name, rr_type);
            assert!(set.is_some_and(|set| !set.data.is_empty()));
        }
        if let Some(set) = answer.rr_set(&end, rr_type) {
            assert!(set.addresses().is_sorted());
        }
    }
    assert!(!(answer.denies(&question.name) && answer.rr_set(&question.name, RecordType::CNAME).is_some()));
}

/// Reads a text as a name; what is read is in canonical form and can be asked for.
pub fn name(data: &[u8]) {
    let Ok(name) =
        std::str::from_utf8(data).map_err(|_| ()).and_then(|text| DomainName::parse(text).map_err(|_| ()))
    else {
        return;
    };
    assert_eq!(DomainName::parse(name.as_str()).as_ref(), Ok(&name));
    assert_eq!(text(&of_domain(&name)), name.as_str());
    if let Some(suffix) = name.public_suffix() {
        assert!(name.is_in(&suffix));
        assert_eq!(name.from_top(&suffix).last(), Some(&name));
        assert_eq!(name.registered().is_none(), name == suffix);
    }
}
