//! How records enter a dataflow. A [`Feed`] decides what may enter now; the operator gives each batch an epoch of its own
//! and ends the stream when the feed is done, which is how a drain starts.

use std::time::Duration;

use timely::dataflow::operators::generic::operator::source as timely_source;
use timely::dataflow::{Scope, StreamVec};
use timely::scheduling::Activator;

use super::{Bell, Epoch};

/// What a source reads from. It lives on the worker and must never block.
pub trait Feed: 'static {
    /// What enters the dataflow.
    type Item: Clone + 'static;

    /// Moves what may enter now to `batch`, a bounded amount.
    fn pull(&mut self, batch: &mut Vec<Self::Item>) -> Pull;
}

/// What a feed wants after a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// To be asked again as soon as the other operators have had their turn.
    More,
    /// To be asked again when its bell rings or, if given, after this time.
    Idle(Option<Duration>),
    /// Never to be asked again.
    Done,
}

/// Adds a source for the feed that `make` builds; `make` gets the bell and the local activator that wake the source.
pub fn source<'scope, F: Feed>(
    scope: Scope<'scope, Epoch>,
    name: &str,
    make: impl FnOnce(Bell, Activator) -> F,
) -> StreamVec<'scope, Epoch, F::Item> {
    timely_source(scope, name, move |capability, info| {
        let activator = scope.activator_for(info.address.clone());
        let bell = Bell::new(scope.worker().sync_activator_for(info.address.to_vec()));
        let mut feed = make(bell.clone(), activator.clone());
        let mut capability = Some(capability);
        let mut batch = Vec::new();
        move |output| {
            let Some(held) = capability.as_mut() else { return };
            bell.silence();
            let pull = feed.pull(&mut batch);
            if !batch.is_empty() {
                output.session(&*held).give_container(&mut batch);
                batch.clear();
                let next = *held.time() + 1;
                held.downgrade(&next);
            }
            match pull {
                Pull::More => activator.activate(),
                Pull::Idle(Some(delay)) => activator.activate_after(delay),
                Pull::Idle(None) => {}
                Pull::Done => capability = None,
            }
        }
    })
}
