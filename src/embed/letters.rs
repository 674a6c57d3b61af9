//! The dead letters of a flow: read them, and write their records again where they came from once the reason is gone.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::process::connect;
use crate::clock::{Millis, SharedClock, SystemClock};
use crate::config::Settings;
use crate::error::Failure;
use crate::flow::{DeadLetters, Letter, Place};
use crate::io::{Cut, IoError, Outgoing, Topic, Topics, Transport};
use crate::spec::Plan;
use crate::telemetry::Meters;

/// Letters that are written again in one transaction.
const TOGETHER: usize = 500;

/// The dead letters of a flow.
pub struct Letters {
    transport: Arc<dyn Transport>,
    topics: Topics,
    topic: Topic,
    letters: DeadLetters,
    clock: SharedClock,
}

impl Letters {
    /// The letters of `plan` on the configured transport. On embedded topics the job must not run: the state is its own.
    pub fn open(settings: &Settings, plan: &Plan) -> Result<Self, Failure> {
        // Two that replay at once fence one another off, so that no letter is written twice by both.
        let (transport, topics) = connect(settings, plan, "letters")?;
        Ok(Self::on(transport, topics, plan)?)
    }

    /// The letters of `plan` on topics that are open already.
    pub(super) fn on(transport: Arc<dyn Transport>, topics: Topics, plan: &Plan) -> Result<Self, IoError> {
        let topic = topics.find(&plan.dead_letters).ok_or(IoError::Stopped)?;
        let clock: SharedClock = Arc::new(SystemClock);
        let meters = Arc::new(Meters::new(&plan.name, [], clock.clone()));
        let letters = DeadLetters::new(topics.clone(), topic, meters, clock.clone());
        Ok(Self { transport, topics, topic, letters, clock })
    }

    /// Shows the letters, partition by partition; those written before `since` may be left out. Blocks.
    pub fn read(
        &self,
        since: Option<Millis>,
        mut visit: impl FnMut(Letter) -> ControlFlow<()>,
    ) -> Result<(), IoError> {
        self.transport.scan(self.topic, since, &mut |partition, fetched| {
            let place = Place { topic: self.topic, partition, offset: fetched.offset };
            visit(Letter::read(place, fetched.record))
        })
    }

    /// Writes the records of the letters that `wanted` picks again where they came from; how many were written, and how
    /// many cannot be. The letters stay where they are. Blocks.
    pub fn replay(&self, wanted: impl Fn(&Letter) -> bool) -> Result<(usize, usize), IoError> {
        let letters = self.letters.clone();
        let mut committer =
            self.transport.committer(0, Arc::new(move |rejected| letters.rejected(rejected)))?;
        let (mut batch, mut written, mut kept, mut failed) = (Vec::new(), 0, 0, None);
        let mut write = |batch: &mut Vec<Outgoing>| {
            written += batch.len();
            committer.send(std::mem::take(batch))?;
            committer.commit(Cut { positions: Vec::new(), state: None })
        };
        let start = self.clock.now();
        self.read(None, |letter| {
            // A running job may answer what is written here with new letters; they are not meant.
            if letter.written >= start || !wanted(&letter) {
                return ControlFlow::Continue(());
            }
            match letter.again(&self.topics) {
                Some(again) => batch.push(again),
                None => kept += 1,
            }
            if batch.len() == TOGETHER {
                failed = write(&mut batch).err();
            }
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match failed {
            Some(error) => Err(error),
            None if batch.is_empty() => Ok((written, kept)),
            None => write(&mut batch).map(|_| (written, kept)),
        }
    }
}
