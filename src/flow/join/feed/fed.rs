//! Inputs that are fed from a topic in other partitions (`flow/repartition.rs`): while there is something to be brought to
//! them from anywhere in this process, they are not at their end, however empty they are.

use smallvec::SmallVec;

use super::input::Input;
use crate::clock::Millis;
use crate::engine::align::Head;
use crate::flow::waiting::{Behind, Moving};
use crate::io::Topic;

/// A partition that waits for what comes from others looks again after so long: it may all be for others.
const GLANCE: Millis = 20;

/// The heads of the inputs of a partition, made anew for each record.
pub type Heads = SmallVec<[Head; 8]>;

/// What is yet to be brought to each input; empty if no input is fed.
pub struct Fed(Vec<Behind>);

impl Fed {
    /// Looks at the topics that feed each input.
    pub fn look(fed_by: &[Vec<Topic>], moving: &Moving, now: Millis) -> Self {
        if fed_by.iter().all(Vec::is_empty) {
            return Self(Vec::new());
        }
        let of = |topic: &Topic| moving.behind(*topic, now);
        let least = |topics: &Vec<Topic>| topics.iter().map(of).fold(Behind::none(now), Behind::least);
        Self(fed_by.iter().map(least).collect())
    }

    /// What the order of reading goes by. What a muted partition reads again was brought before.
    pub fn heads(&self, inputs: &[Input], muted: bool, now: Millis) -> Heads {
        let heads = inputs.iter().enumerate().map(|(index, input)| {
            let more = self.0.get(index).map(|behind| behind.unwritten).filter(|time| *time < now && !muted);
            match (input.head(muted), more) {
                (Head::End | Head::Empty { .. }, Some(time)) => Head::Empty { last: Some(time), since: now },
                (head, _) => head,
            }
        });
        heads.collect()
    }

    /// The times of what may not have arrived.
    pub fn arriving(&self) -> Vec<Head> {
        self.0.iter().map(|behind| Head::At(behind.arriving)).collect()
    }

    /// When to look again at a partition that waits until `wait`.
    pub fn until(&self, wait: Millis, now: Millis) -> Millis {
        if wait < Millis::MAX && !self.0.is_empty() { wait.min(now + GLANCE) } else { wait }
    }
}
