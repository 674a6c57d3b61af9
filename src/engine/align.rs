//! Which of several queues is read next, so that records come in the order of their times, and what time it is in the
//! stream. Pure: no I/O, no clock.
//!
//! Reading unaligned was measured to hold ten times the state, and a clock of "greatest time seen" to expire names of a
//! backlog early. So the earliest head goes first, and the stream's time is the least of the heads; a queue that is read
//! to its end counts as the wall clock, so that an idle queue never freezes a deadline.

use crate::clock::Millis;

/// What is known of the front of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// A record of this time.
    At(Millis),
    /// Read to its end.
    End,
    /// Empty, but perhaps not at its end: more may be on its way.
    Empty {
        /// The time of the last record, if any.
        last: Option<Millis>,
        /// Since when it is empty, by the wall clock.
        since: Millis,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Take the head of this queue.
    Take(usize),
    /// Wait: a queue that may hold an earlier record is empty. Look again at this time at the latest.
    Wait(Millis),
    /// All queues are empty, and none is known to hold anything.
    CaughtUp,
}

/// An empty queue whose last record is younger than this is close to live and holds nobody up: its end is reported only
/// after an empty fetch, which may take as long as the broker waits for data.
const LIVE: Millis = 2_000;

/// An empty queue holds the others up for this long at most: one dead leader must not stop a partition.
const PATIENCE: Millis = 5_000;

/// Decides what to do with queues that have these heads, at the wall-clock time `now`.
pub fn next(heads: &[Head], now: Millis) -> Next {
    let mut earliest: Option<(Millis, usize)> = None;
    let mut wait_until: Option<Millis> = None;
    for (index, head) in heads.iter().enumerate() {
        match *head {
            Head::At(time) if earliest.is_none_or(|(least, _)| time < least) => {
                earliest = Some((time, index));
            }
            Head::Empty { last, since } if blocks(last, since, now) => {
                let until = since + PATIENCE;
                wait_until = Some(wait_until.map_or(until, |other| other.max(until)));
            }
            _ => {}
        }
    }
    match (earliest, wait_until) {
        (None, _) => Next::CaughtUp,
        (Some(_), Some(until)) => Next::Wait(until),
        (Some((_, index)), None) => Next::Take(index),
    }
}

/// The time of the stream: the least time that a record may still come with.
pub fn stream_time(heads: &[Head], now: Millis) -> Millis {
    let least = |head: &Head| match *head {
        Head::At(time) => time,
        Head::Empty { last: Some(last), since } if blocks(Some(last), since, now) => last,
        _ => now,
    };
    heads.iter().map(least).min().unwrap_or(now).min(now)
}

fn blocks(last: Option<Millis>, since: Millis, now: Millis) -> bool {
    last.is_none_or(|last| last + LIVE < now) && now < since + PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 100_000;

    fn empty(last: Millis, since: Millis) -> Head {
        Head::Empty { last: Some(last), since }
    }

    #[test]
    fn the_earliest_head_goes_first() {
        assert_eq!(next(&[Head::At(5), Head::At(3), Head::End], NOW), Next::Take(1));
        assert_eq!(next(&[Head::At(3), Head::At(3)], NOW), Next::Take(0));
        assert_eq!(next(&[Head::End, Head::End], NOW), Next::CaughtUp);
        assert_eq!(next(&[], NOW), Next::CaughtUp);
    }

    #[test]
    fn an_empty_queue_holds_the_others_up_only_when_it_may_be_behind() {
        assert_eq!(next(&[Head::At(3), empty(2, NOW)], NOW), Next::Wait(NOW + PATIENCE));
        assert_eq!(next(&[Head::At(3), empty(NOW - 10, NOW)], NOW), Next::Take(0));
        assert_eq!(next(&[Head::At(3), empty(2, NOW - PATIENCE)], NOW), Next::Take(0));
        let fresh = Head::Empty { last: None, since: NOW };
        assert_eq!(next(&[Head::At(3), fresh], NOW), Next::Wait(NOW + PATIENCE));
    }

    #[test]
    fn time_is_the_least_of_the_heads() {
        assert_eq!(stream_time(&[Head::At(5), Head::At(3), Head::End], NOW), 3);
        assert_eq!(stream_time(&[Head::End, Head::End], NOW), NOW);
        assert_eq!(stream_time(&[Head::End, empty(7, NOW)], NOW), 7);
        assert_eq!(stream_time(&[Head::End, empty(NOW - 1, NOW)], NOW), NOW);
        assert_eq!(stream_time(&[Head::At(NOW + 50)], NOW), NOW);
    }
}
