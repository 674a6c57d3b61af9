//! From zone to zone: the deepest known one that holds a name, then what its servers refer to, until some answer.

use std::sync::Arc;

use hickory_proto::rr::{Name, RecordType};

use super::Recursor;
use super::cut::{Child, Cut, Delegation};
use super::reply::{Said, read, read_child};
use super::way::Way;
use crate::collect::net::dns::cache::{Keep as _, Outcome, key};
use crate::collect::net::dns::{Answer, AskError, Question};

/// Names of so many labels are looked for as children of their own, once for all below them (RFC 9156 has it for all
/// names). They are what registries delegate, where no server takes an empty name for one that does not exist.
const SHARED_LABELS: usize = 2;

/// Where a name is.
enum Place {
    Zone(Arc<Cut>),
    /// In no zone.
    Nowhere(Arc<Answer>),
}

impl Recursor {
    /// What is said of a name by those who know.
    pub(super) async fn descend(&self, name: &Name, rr_type: RecordType, way: Way<'_>) -> Outcome<Answer> {
        // DS records are with the parent (RFC 4035 section 2.4).
        let within = if rr_type == RecordType::DS { name.base_name() } else { name.clone() };
        let mut zone = match self.place(&within, way).await? {
            Place::Zone(zone) => zone,
            Place::Nowhere(denial) => return Ok(denial),
        };
        let question = Question { name: name.clone(), rr_type, recursion: false };
        // Ends: each zone is deeper than the one before.
        loop {
            match self.ask(&zone, &question, read, way).await? {
                Said::Answer(answer) => return Ok(Arc::new(answer)),
                Said::Referral(child) => zone = self.learn(child),
            }
        }
    }

    /// The deepest zone for `name` that is known or worth looking for.
    async fn place(&self, name: &Name, way: Way<'_>) -> Result<Place, AskError> {
        let labels = name.iter().len();
        let known = (1..=labels).rev().find_map(|labels| self.known(&name.trim_to(labels)));
        let mut zone = known.unwrap_or_else(|| self.root.clone());
        while zone.depth() < labels.min(SHARED_LABELS) {
            let child = name.trim_to(zone.depth() + 1);
            match &*self.child(&zone, &child, way).await? {
                Child::Zone(child) => zone = child.clone(),
                Child::Inside(_) => break,
                Child::Absent(denial) => return Ok(Place::Nowhere(denial.clone())),
            }
        }
        Ok(Place::Zone(zone))
    }

    fn known(&self, name: &Name) -> Option<Arc<Cut>> {
        match &*self.children.known(key(name, RecordType::NS))? {
            Child::Zone(zone) => Some(zone.clone()),
            Child::Inside(_) | Child::Absent(_) => None,
        }
    }

    fn learn(&self, child: Delegation) -> Arc<Cut> {
        let zone = Arc::new(Cut::new(child, self.port));
        self.children.learn(key(&zone.zone, RecordType::NS), Arc::new(Child::Zone(zone.clone())));
        zone
    }

    /// What the servers of `zone` say of a child of it.
    async fn child(&self, zone: &Cut, name: &Name, way: Way<'_>) -> Outcome<Child> {
        let ask = |way| async move {
            let question = Question { name: name.clone(), rr_type: RecordType::NS, recursion: false };
            Ok(Arc::new(match self.ask(zone, &question, read_child, way).await? {
                Said::Referral(child) => Child::Zone(Arc::new(Cut::new(child, self.port))),
                Said::Answer(answer) if answer.denies(name) => Child::Absent(Arc::new(answer)),
                Said::Answer(answer) => Child::Inside(answer.life()),
            }))
        };
        self.once(&self.children, key(name, RecordType::NS), way, ask).await
    }
}
