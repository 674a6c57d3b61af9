//! A reply with its signatures, cut down to what a validator needs (RFC 4035 section 3.2): what the name asked for has, and
//! what proves that it has nothing else. Judges nothing: `validator.rs`.

use std::time::Duration;

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};

use super::answer::{LONGEST_DENIAL, LONGEST_LIFE, seconds};
use super::cache::Keep;
use super::{AskError, Question};

/// A reply that can be judged.
#[derive(Debug)]
pub(super) struct Signed(pub Message);

impl Signed {
    pub fn read(question: &Question, mut reply: Message) -> Result<Self, AskError> {
        let code = reply.response_code;
        if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
            return Err(AskError::Code(code));
        }
        // The target of an alias is a question of its own. DNAME is kept as a sign that the alias has no signature.
        reply
            .answers
            .retain(|record| record.name == question.name || record.record_type() == RecordType::DNAME);
        reply.authorities.retain(|record| proves_absence(covered(record)));
        reply.additionals.clear();
        Ok(Self(reply))
    }
}

impl Keep for Signed {
    fn life(&self) -> Duration {
        let most = if self.0.answers.is_empty() { LONGEST_DENIAL } else { LONGEST_LIFE };
        let records = self.0.answers.iter().chain(&self.0.authorities);
        Duration::from_secs(records.map(seconds).min().unwrap_or(0).min(most).into())
    }

    fn size(&self) -> usize {
        // Keys and signatures lie outside of their records.
        size_of::<Self>() + (self.0.answers.len() + self.0.authorities.len()) * (size_of::<Record>() + 256)
    }
}

/// The type of a record, or of those that it signs.
fn covered(record: &Record) -> RecordType {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => signature.input().type_covered,
        _ => record.record_type(),
    }
}

fn proves_absence(rr_type: RecordType) -> bool {
    matches!(rr_type, RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
}
