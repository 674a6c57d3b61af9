//! Whether records that were made of a wildcard may have been (RFC 4035 section 5.3.4): a signed NSEC record has to show
//! that the zone has no closer name.
//!
//! hickory 0.26 refuses the usual case, a wildcard one label above the name (its pull request 3812), and so the good records
//! with the bad. NSEC3 it gets right.

use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Whether the signed records of `name` were made of a wildcard as they should be.
pub(super) fn is_proven(reply: &Message, name: &Name, rr_type: RecordType) -> bool {
    let signatures =
        reply.answers.iter().filter(|record| record.name == *name && record.proof == Proof::Secure);
    let wildcards = signatures.filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) if signature.input().type_covered == rr_type => {
            let input = signature.input();
            let closest = usize::from(input.num_labels);
            (closest < name.iter().len()).then(|| (name.trim_to(closest + 1), &input.signer_name))
        }
        _ => None,
    });
    wildcards
        .into_iter()
        .any(|(closer, zone)| reply.authorities.iter().any(|record| is_denied(&closer, zone, record)))
}

/// Whether a signed NSEC record of `zone` shows that there is no `name`, nor one below it.
fn is_denied(name: &Name, zone: &Name, record: &Record) -> bool {
    let RData::DNSSEC(DNSSECRData::NSEC(nsec)) = &record.data else { return false };
    let (owner, next) = (&record.name, nsec.next_domain_name());
    let is_last = next <= owner;
    record.proof == Proof::Secure
        && zone.zone_of(owner)
        && owner < name
        && (name < next || is_last && next.zone_of(name))
        // A name below it would make it one without records.
        && !name.zone_of(next)
        && !(owner.zone_of(name) && is_cut(nsec))
}

/// Whether the names below the record's owner are another zone's (RFC 6840 section 4.1).
fn is_cut(nsec: &NSEC) -> bool {
    let has = |rr_type| nsec.type_set().contains(rr_type);
    has(RecordType::DNAME) || has(RecordType::NS) && !has(RecordType::SOA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::net::dns::scripted::absolute;

    #[test]
    fn closer_names_are_denied_or_not() {
        use RecordType::{A, NS, SOA};
        for (closer, owner, next, types, proof, expected) in [
            ("m.a.cz", "*.a.cz", "z.a.cz", [A, SOA], Proof::Secure, true),
            ("m.a.cz", "*.a.cz", "z.a.cz", [A, SOA], Proof::Bogus, false),
            ("m.a.cz", "n.a.cz", "z.a.cz", [A, SOA], Proof::Secure, false),
            ("m.a.cz", "*.a.cz", "m.a.cz", [A, SOA], Proof::Secure, false),
            ("m.a.cz", "*.a.cz", "x.m.a.cz", [A, SOA], Proof::Secure, false),
            ("m.a.cz", "b.a.cz", "a.cz", [A, SOA], Proof::Secure, true),
            ("m.b.a.cz", "b.a.cz", "z.a.cz", [NS, A], Proof::Secure, false),
            ("m.a.cz", "a.cz", "z.a.cz", [NS, SOA], Proof::Secure, true),
            ("m.a.cz", "cz", "z.cz", [NS, SOA], Proof::Secure, false),
        ] {
            let nsec = NSEC::new(absolute(next), types);
            let mut record = Record::from_rdata(absolute(owner), 60, RData::DNSSEC(DNSSECRData::NSEC(nsec)));
            record.proof = proof;
            let denied = is_denied(&absolute(closer), &absolute("a.cz"), &record);
            assert_eq!(denied, expected, "{closer}: {owner} to {next}");
        }
    }
}
