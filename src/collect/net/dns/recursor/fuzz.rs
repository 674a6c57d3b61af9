//! What the fuzz target of DNS messages calls: any message as the reply of a server of some zone.

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;

use super::cut::Cut;
use super::reply::{Said, read, read_child};
use crate::collect::net::dns::Question;

/// Reads `reply` as that of a server of each zone above the name.
pub(in crate::collect::net::dns) fn reply(question: &Question, reply: &Message) {
    for labels in 0..=question.name.iter().len() {
        let zone = question.name.trim_to(labels);
        for read in [read, read_child] {
            match read(question, &zone, reply.clone()) {
                Ok(Said::Referral(child)) => {
                    assert!(zone.zone_of(&child.zone) && child.zone.zone_of(&question.name));
                    assert!(child.zone != zone && !child.hosts.is_empty() && child.life.as_secs() <= 3600);
                    let cut = Cut::new(child, 53);
                    assert!(cut.servers().len() <= 32 && cut.hosts_elsewhere().len() <= 16);
                }
                Ok(Said::Answer(answer, _)) => {
                    let is_own = |rr_type| answer.of_type(rr_type).all(|record| zone.zone_of(&record.name));
                    assert!(is_own(question.rr_type) && is_own(RecordType::CNAME));
                }
                Err(_) => {}
            }
        }
    }
}
