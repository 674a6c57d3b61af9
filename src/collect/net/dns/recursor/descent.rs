//! From zone to zone: the deepest known one that holds a name, then what its servers refer to, until some answer.

use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};

use super::Recursor;
use super::cut::{Child, Cut, Delegation};
use super::reply::{Said, read, read_child};
use super::way::Way;
use crate::collect::net::dns::cache::{Keep as _, Outcome, key};
use crate::collect::net::dns::signed::Signed;
use crate::collect::net::dns::{Answer, AskError, Question};

/// Names of so many labels are looked for as children of their own, once for all below them (RFC 9156 has it for all
/// names). They are what registries delegate, where no server takes an empty name for one that does not exist.
const SHARED_LABELS: usize = 2;

impl Recursor {
    /// What is said of a name by those who know.
    pub(super) async fn find(&self, name: &Name, rr_type: RecordType, way: Way<'_>) -> Outcome<Answer> {
        let question = Question { name: name.clone(), rr_type, recursion: false, signed: false };
        match self.place(&question, way).await? {
            (_, Some(denial)) => Ok(denial),
            (zone, None) => Ok(Arc::new(self.descend(zone, &question, way).await?.0)),
        }
    }

    /// The same with its signatures.
    pub(super) async fn find_signed(
        &self,
        name: &Name,
        rr_type: RecordType,
        way: Way<'_>,
    ) -> Outcome<Signed> {
        let question = Question { name: name.clone(), rr_type, recursion: false, signed: true };
        let (zone, _) = self.place(&question, way).await?;
        let (_, reply) = self.descend(zone, &question, way).await?;
        Signed::read(&question, reply).map(Arc::new)
    }

    async fn descend(
        &self,
        mut zone: Arc<Cut>,
        question: &Question,
        way: Way<'_>,
    ) -> Result<(Answer, Message), AskError> {
        // Ends: each zone is deeper than the one before.
        loop {
            match self.ask(&zone, question, read, way).await? {
                Said::Answer(answer, reply) => return Ok((answer, reply)),
                Said::Referral(child) => zone = self.learn(child),
            }
        }
    }

    /// The deepest zone for a name that is known or worth looking for; with the denial, if there is no such name.
    async fn place(
        &self,
        question: &Question,
        way: Way<'_>,
    ) -> Result<(Arc<Cut>, Option<Arc<Answer>>), AskError> {
        // DS records are with the parent (RFC 4035 section 2.4).
        let above = usize::from(question.rr_type == RecordType::DS);
        let labels = question.name.iter().len().saturating_sub(above);
        let name = |labels| question.name.trim_to(labels);
        let known = (1..=labels).rev().find_map(|labels| self.known(&name(labels)));
        let mut zone = known.unwrap_or_else(|| self.root.clone());
        while zone.depth() < labels.min(SHARED_LABELS) {
            match &*self.child(&zone, &name(zone.depth() + 1), way).await? {
                Child::Zone(child) => zone = child.clone(),
                Child::Inside(_) => break,
                Child::Absent(denial) => return Ok((zone, Some(denial.clone()))),
            }
        }
        Ok((zone, None))
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
            let question =
                Question { name: name.clone(), rr_type: RecordType::NS, recursion: false, signed: false };
            Ok(Arc::new(match self.ask(zone, &question, read_child, way).await? {
                Said::Referral(child) => Child::Zone(Arc::new(Cut::new(child, self.port))),
                Said::Answer(answer, _) if answer.denies(name) => Child::Absent(Arc::new(answer)),
                Said::Answer(answer, _) => Child::Inside(answer.life()),
            }))
        };
        self.once(&self.children, key(name, RecordType::NS), way, ask).await
    }
}
