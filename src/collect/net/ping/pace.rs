//! How fast requests leave: one after the other at the configured rate, those of a tick together.
//!
//! A wake of the process costs more than a packet, so that a tick is the time of several packets where that is short enough.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Packets that a tick is to hold.
const OF_A_TICK: u32 = 16;
const TICKS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(5);

/// The rate at which requests may leave.
pub(super) struct Pace {
    gap: Duration,
    /// When the next one may leave.
    free: Instant,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32, now: Instant) -> Self {
        Self { gap: Duration::from_secs(1) / per_second.get(), free: now }
    }

    /// How long the sender may rest between two looks at what is due.
    pub(super) fn tick(&self) -> Duration {
        (self.gap * OF_A_TICK).clamp(*TICKS.start(), *TICKS.end())
    }

    /// When the next request may leave.
    pub(super) fn free(&self) -> Instant {
        self.free
    }

    /// Takes the turn of one request, if there is one. Who comes late catches up on two ticks, no more.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.free > now {
            return false;
        }
        let earliest = now.checked_sub(self.tick() * 2).unwrap_or(now);
        self.free = self.free.max(earliest) + self.gap;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_as_many_turns_as_the_rate_says_however_often_it_is_looked() {
        for (per_second, tick) in [(1, 5), (1_000, 5), (10_000, 2), (100_000, 1)] {
            let start = Instant::now();
            let mut pace = Pace::new(NonZeroU32::new(per_second).unwrap(), start);
            assert!(pace.tick() <= Duration::from_millis(tick), "{per_second}: {:?}", pace.tick());
            let mut taken = 0;
            for look in 0..1000 {
                while pace.take(start + Duration::from_millis(look)) {
                    taken += 1;
                }
            }
            // The first turn is at the start, the last look before the end.
            assert!(
                (taken..=taken + 1).contains(&per_second.max(1)) || taken == per_second / 1000 * 999 + 1,
                "{taken}"
            );
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace::new(NonZeroU32::new(1000).unwrap(), start);
        let later = start + Duration::from_secs(60);
        let mut taken = 0;
        while pace.take(later) {
            taken += 1;
        }
        assert_eq!(taken, 11, "two ticks of 5 ms, and the one that is due");
        assert_eq!(pace.free(), later + Duration::from_millis(1));
    }
}
