//! When a server that does not answer is left alone, and for how long: a pure state machine over instants.
//!
//! Hundreds of thousands of names may share one dead server. Each of them would wait its whole time for it, and together
//! they would keep its window full of queries for hours.

use std::time::Duration;

use tokio::time::Instant;

/// Rounds without any reply after which the server is left alone. Questions that were put at the same time are one round.
const ROUNDS: u32 = 3;
/// How long it is left alone first; twice as long after each round that follows.
const FIRST_REST: Duration = Duration::from_secs(2);
/// And at most.
const LONGEST_REST: Duration = Duration::from_secs(64);

/// The silence of one server.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Rounds since it last spoke.
    rounds: u32,
    /// What was put before this instant says nothing new: the server spoke then, or its silence was counted.
    counted: Option<Instant>,
    /// When the rest is over.
    until: Option<Instant>,
}

impl Silence {
    /// Whether the server is to be left alone at `now`. After each rest one question goes through, as a probe; while it
    /// waits for its answer, until `answer`, the others hold back.
    pub fn rests(&mut self, now: Instant, answer: Instant) -> bool {
        match self.until {
            Some(until) if now < until => true,
            Some(_) => {
                self.until = Some(answer);
                false
            }
            None => false,
        }
    }

    /// The server speaks.
    pub fn ends(&mut self, now: Instant) {
        *self = Self { rounds: 0, counted: Some(now), until: None };
    }

    /// A question that was put at `asked` has had no reply until `now`.
    pub fn lasts(&mut self, asked: Instant, now: Instant) {
        if self.counted.is_some_and(|counted| asked < counted) {
            return;
        }
        self.rounds += 1;
        self.counted = Some(now);
        if self.rounds >= ROUNDS {
            let doublings = (self.rounds - ROUNDS).min(LONGEST_REST.as_secs().ilog2());
            self.until = Some(now + (FIRST_REST * (1 << doublings)).min(LONGEST_REST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens at a second: a question is put, one put at that second is given up, the server speaks.
    enum Event {
        Asks,
        GivesUp(u64),
        Speaks,
    }
    use Event::{Asks, GivesUp, Speaks};

    /// Second, what happens, and of a question whether it is held back.
    type Case = (u64, Event, bool);

    #[test]
    fn a_silent_server_is_left_alone_and_probed() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let cases: [(&str, &[Case]); 5] = [
            (
                "three rounds, a rest, a probe, a longer rest",
                &[
                    (0, Asks, false),
                    (1, GivesUp(0), false),
                    (1, Asks, false),
                    (2, GivesUp(1), false),
                    (2, Asks, false),
                    (3, GivesUp(2), false),
                    (3, Asks, true),
                    (4, Asks, true),
                    (5, Asks, false),
                    (6, Asks, true),
                    (7, GivesUp(5), false),
                    (10, Asks, true),
                    (11, Asks, false),
                ],
            ),
            (
                "questions put together are one round",
                &[
                    (1, GivesUp(0), false),
                    (1, GivesUp(0), false),
                    (1, GivesUp(0), false),
                    (1, GivesUp(0), false),
                    (1, Asks, false),
                ],
            ),
            (
                "a reply ends it",
                &[
                    (1, GivesUp(0), false),
                    (2, GivesUp(1), false),
                    (3, GivesUp(2), false),
                    (3, Asks, true),
                    (4, Speaks, false),
                    (4, Asks, false),
                    (5, GivesUp(4), false),
                    (5, Asks, false),
                ],
            ),
            (
                "what was put before a reply does not count",
                &[
                    (5, Speaks, false),
                    (6, GivesUp(1), false),
                    (7, GivesUp(2), false),
                    (8, GivesUp(3), false),
                    (8, Asks, false),
                ],
            ),
            (
                "a probe that is never heard of again lets another one go",
                &[
                    (1, GivesUp(0), false),
                    (2, GivesUp(1), false),
                    (3, GivesUp(2), false),
                    (5, Asks, false),
                    (9, Asks, true),
                    (10, Asks, false),
                ],
            ),
        ];
        for (case, events) in cases {
            let mut silence = Silence::default();
            for (second, event, held_back) in events {
                let now = at(*second);
                match event {
                    Asks => {
                        let rests = silence.rests(now, now + Duration::from_secs(5));
                        assert_eq!(rests, *held_back, "{case}: at {second}");
                    }
                    GivesUp(asked) => silence.lasts(at(*asked), now),
                    Speaks => silence.ends(now),
                }
            }
        }
    }

    #[test]
    fn no_rest_is_longer_than_a_minute_or_so() {
        let mut silence = Silence::default();
        let mut now = Instant::now();
        for _ in 0..100 {
            silence.lasts(now, now);
            now += LONGEST_REST;
            assert!(!silence.rests(now, now));
        }
    }
}
