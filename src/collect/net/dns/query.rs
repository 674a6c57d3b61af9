//! A question, its bytes on the wire, and whether a message answers it (RFC 5452 section 9.1).

use hickory_proto::rr::{Name, RecordType};

use super::name::write_wire;

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The owner.
    pub name: Name,
    /// The record type.
    pub rr_type: RecordType,
    /// Whether the server is a configured resolver, that shall recurse; else it is one that the DNS named.
    pub recursion: bool,
    /// Whether signatures are wanted too (DO, RFC 3225), whatever a resolver that checks them makes of them (CD, RFC 4035
    /// section 3.2.2).
    pub signed: bool,
}

/// How a query is dressed; servers that cannot read one dress get a plainer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dress {
    /// With an OPT record (RFC 6891).
    pub edns: bool,
    /// With letters of random case, which the reply must repeat: some bits more for a forger to guess.
    pub mixed_case: bool,
}

/// A query as it is sent.
#[derive(Debug)]
pub(super) struct Query {
    bytes: Vec<u8>,
    /// Where the question section ends.
    question_end: usize,
    mixed_case: bool,
}

/// How a message answers a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It repeats the question, or is a bare failure.
    Whole,
    /// It repeats the question in another case than was asked.
    OtherCase,
}

const HEADER: usize = 12;

/// An OPT record (RFC 6891 section 6.1.2): the root, type 41, payload 1232 (no fragments on IPv6), version 0, DO off.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
/// Where DO is in it.
const DNSSEC_OK: (usize, u8) = (7, 0x80);

/// The flag of a query whose server shall recurse (RFC 1035 section 4.1.1).
const RECURSION_DESIRED: u8 = 1;
/// The flag of a query whose server shall not check signatures (RFC 4035 section 3.2.2), in the next octet.
const CHECKING_DISABLED: u8 = 0x10;
/// The class of the internet.
const IN: [u8; 2] = [0, 1];
/// The bit that tells ASCII letters of one case from the other's.
const CASE: u8 = 0x20;

impl Query {
    /// Written by hand: this runs for every query, and needs one allocation this way.
    pub fn new(question: &Question, dress: Dress) -> Self {
        let [high, low] = rand::random::<[u8; 2]>();
        let flags = if question.recursion { RECURSION_DESIRED } else { 0 };
        let more_flags = if question.signed { CHECKING_DISABLED } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER + question.name.len() + 5 + OPT.len());
        bytes.extend_from_slice(&[high, low, flags, more_flags, 0, 1, 0, 0, 0, 0, 0, dress.edns.into()]);
        write_wire(&question.name, &mut bytes);
        if dress.mixed_case {
            mix_case(&mut bytes[HEADER..]);
        }
        bytes.extend_from_slice(&u16::from(question.rr_type).to_be_bytes());
        bytes.extend_from_slice(&IN);
        let question_end = bytes.len();
        if dress.edns {
            let mut opt = OPT;
            if question.signed {
                opt[DNSSEC_OK.0] |= DNSSEC_OK.1;
            }
            bytes.extend_from_slice(&opt);
        }
        Self { bytes, question_end, mixed_case: dress.mixed_case }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The question section.
    pub fn question(&self) -> &[u8] {
        &self.bytes[HEADER..self.question_end]
    }

    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    pub fn set_id(&mut self, id: u16) {
        self.bytes[..2].copy_from_slice(&id.to_be_bytes());
    }

    /// How `reply` answers this query; `None` if it does not, and the true reply is still to come.
    pub fn fit(&self, reply: &[u8]) -> Option<Fit> {
        let header: &[u8; HEADER] = reply.first_chunk()?;
        let is_response = header[2] & 0xf8 == 0x80;
        if !is_response || header[..2] != self.bytes[..2] {
            return None;
        }
        let rcode = header[3] & 0x0f;
        match [header[4], header[5]] {
            // Old servers that cannot read a query repeat nothing of it. Data without the question is never taken.
            [0, 0] => (rcode != 0 && rcode != 3).then_some(Fit::Whole),
            [0, 1] => self.fit_question(reply),
            _ => None,
        }
    }

    fn fit_question(&self, reply: &[u8]) -> Option<Fit> {
        let asked = self.question();
        let repeated = reply.get(HEADER..self.question_end)?;
        // Type and class are the last four octets; they have no case.
        let (asked_name, asked_type) = asked.split_at(asked.len() - 4);
        let (name, rr_type) = repeated.split_at(asked.len() - 4);
        match () {
            () if rr_type != asked_type || !name.eq_ignore_ascii_case(asked_name) => None,
            () if self.mixed_case && name != asked_name => Some(Fit::OtherCase),
            () => Some(Fit::Whole),
        }
    }
}

/// Gives every letter a case by chance. The octets of a name that are lengths are at most 63, which are no letters.
fn mix_case(name: &mut [u8]) {
    for octets in name.chunks_mut(64) {
        let mut chance: u64 = rand::random();
        for letter in octets.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
            if chance & 1 == 1 {
                *letter ^= CASE;
            }
            chance >>= 1;
        }
    }
}

/// Whether a message with a whole header says that it was truncated.
pub(super) fn truncated(reply: &[u8]) -> bool {
    reply[2] & 0x02 != 0
}
