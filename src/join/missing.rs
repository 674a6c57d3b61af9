//! What is not in a joined record, and why.

use std::fmt;

use super::entry::Entry;
use super::{PartId, Policy};

/// Why a part is not in a joined record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The request did not ask for it.
    NotAsked,
    /// What it depends on failed, or is itself what failed.
    Failed,
    /// It did not come in time.
    Deadline,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::NotAsked => "not-asked",
            Why::Failed => "failed",
            Why::Deadline => "deadline",
        })
    }
}

impl<P> Entry<P> {
    /// What of all that the policy joins is not in the record, and why.
    pub fn missing<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = (PartId, Why)> + 'a {
        let failed = |part| self.slot(&part).is_some_and(|slot| !slot.status.ok());
        let (no_zone, no_dns) = (failed(PartId::Zone), failed(PartId::Dns));
        let tls = policy.tls && (no_dns || self.dns.as_ref().is_some_and(|dns| dns.tls));
        let of_name = [(policy.rdap, PartId::Rdap, no_zone), (tls, PartId::Tls, no_dns)];
        // Of a failed zone nothing is in the record.
        let zone = no_zone.then_some((PartId::Zone, Why::Failed));
        let of_name = of_name.into_iter().filter(|(joined, part, _)| *joined && self.position(part).is_err());
        let of_name =
            of_name.map(|(_, part, failed)| (part, if failed { Why::Failed } else { Why::Deadline }));
        let of_addresses = self.parts_of_addresses(policy).filter(|part| self.position(part).is_err());
        let all = zone.into_iter().chain(of_name).chain(of_addresses.map(|part| (part, Why::Deadline)));
        all.map(|(part, why)| if self.left_out.has(&part) { (part, Why::NotAsked) } else { (part, why) })
    }
}
