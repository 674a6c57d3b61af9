//! Which offsets of one partition are finished, so that what is committed is never ahead of what was done, and a crash
//! repeats only what was really open.
//!
//! A low-water mark (all below is finished) and the finished ranges above it. Both go into the commit: the mark as the
//! offset, the ranges as its metadata.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The progress of one partition. Offsets begin in increasing order and finish in any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracker {
    /// The offset that is expected next.
    next: i64,
    /// Offsets that have begun and not finished.
    open: BTreeSet<i64>,
    /// Finished ranges above the low-water mark, `start -> end` (exclusive), none touching another.
    done: BTreeMap<i64, i64>,
}

impl Tracker {
    /// Starts at `offset`, with the finished ranges that `metadata` of an earlier commit tells. Metadata that cannot
    /// be read counts as none: the work is repeated, nothing is lost.
    pub fn resume(offset: i64, metadata: &str) -> Self {
        let mut tracker = Self { next: offset, ..Self::default() };
        for (start, end) in decode_ranges(offset, metadata).unwrap_or_default() {
            tracker.mark(start, end);
        }
        tracker
    }

    /// Notes that `offset` was read; false if it was already finished before a restart.
    ///
    /// Offsets that the log leaves out (compaction, transaction markers) count as finished.
    pub fn begin(&mut self, offset: i64) -> bool {
        if offset > self.next {
            self.mark(self.next, offset);
        }
        self.next = self.next.max(offset + 1);
        if self.finished(offset) {
            return false;
        }
        self.open.insert(offset)
    }

    /// Notes that all that follows from `offset` was handed on.
    pub fn finish(&mut self, offset: i64) {
        if self.open.remove(&offset) {
            self.mark(offset, offset + 1);
            let low = self.low();
            // What lies below the mark is told by the mark.
            while self.done.first_key_value().is_some_and(|(_, end)| *end <= low) {
                self.done.pop_first();
            }
        }
    }

    /// The low-water mark: every offset below it is finished.
    pub fn low(&self) -> i64 {
        self.open.first().copied().unwrap_or_else(|| self.ahead())
    }

    /// The offset that is expected next.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// The finished ranges above `low`, as text of at most `limit` characters. What does not fit is left out. `low` may be
    /// below the mark of this tracker, where another one holds the commit back.
    pub fn metadata(&self, low: i64, limit: usize) -> String {
        let mut bytes = Vec::new();
        let mut at = low;
        let below = (low, self.low());
        let above = self.done.iter().map(|(&start, &end)| (start.max(below.1), end));
        for (start, end) in std::iter::once(below).chain(above).filter(|(start, end)| start < end) {
            let kept = bytes.len();
            put_varint(&mut bytes, start.abs_diff(at));
            put_varint(&mut bytes, end.abs_diff(start));
            if bytes.len().div_ceil(3) * 4 > limit {
                bytes.truncate(kept);
                break;
            }
            at = end;
        }
        STANDARD_NO_PAD.encode(bytes)
    }

    /// With nothing open, all that began is finished; ranges a restart told of may reach further.
    fn ahead(&self) -> i64 {
        match self.done.range(..=self.next).next_back() {
            Some((_, &end)) => end.max(self.next),
            None => self.next,
        }
    }

    fn finished(&self, offset: i64) -> bool {
        self.done.range(..=offset).next_back().is_some_and(|(_, &end)| offset < end)
    }

    /// Adds a finished range, merged with its neighbours.
    fn mark(&mut self, mut start: i64, mut end: i64) {
        if let Some((&before, &before_end)) = self.done.range(..=start).next_back()
            && before_end >= start
        {
            start = before;
            end = end.max(before_end);
        }
        while let Some((&after, &after_end)) = self.done.range(start..=end).next() {
            self.done.remove(&after);
            end = end.max(after_end);
        }
        self.done.insert(start, end);
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Ranges as pairs of (distance from the end of the last, length); `None` if the text is not of this form.
fn decode_ranges(low: i64, text: &str) -> Option<Vec<(i64, i64)>> {
    let bytes = STANDARD_NO_PAD.decode(text).ok()?;
    let mut bytes = bytes.into_iter().peekable();
    let mut ranges = vec![];
    let mut at = low;
    while bytes.peek().is_some() {
        let start = at.checked_add_unsigned(take_varint(&mut bytes)?)?;
        let end = start.checked_add_unsigned(take_varint(&mut bytes)?)?;
        ranges.push((start, end));
        at = end;
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn low_water_mark_waits_for_the_slowest() {
        let mut tracker = Tracker::resume(10, "");
        assert!((10..15).all(|offset| tracker.begin(offset)));
        tracker.finish(12);
        tracker.finish(11);
        assert_eq!(tracker.low(), 10);
        let again = Tracker::resume(tracker.low(), &tracker.metadata(tracker.low(), 4096));
        let repeated: Vec<_> = {
            let mut again = again.clone();
            (10..15).filter(|&offset| again.begin(offset)).collect()
        };
        assert_eq!(repeated, [10, 13, 14]);
        tracker.finish(10);
        assert_eq!(tracker.low(), 13);
    }

    #[test]
    fn gaps_in_the_log_are_no_open_work() {
        let mut tracker = Tracker::resume(0, "");
        for offset in [0, 5, 9] {
            assert!(tracker.begin(offset));
        }
        tracker.finish(5);
        tracker.finish(9);
        assert_eq!((tracker.low(), tracker.done.len()), (0, 1));
        tracker.finish(0);
        assert_eq!(tracker.low(), 10);
    }

    #[test]
    fn unreadable_metadata_repeats_work() {
        for metadata in ["?", "gICAgICAgICAgICA", "AQ"] {
            let mut tracker = Tracker::resume(3, metadata);
            assert!(tracker.begin(3));
        }
    }

    proptest! {
        /// Whatever the order of finishing and the size of the metadata: a restart repeats all that was open, and with
        /// room enough nothing else.
        #[test]
        fn a_restart_repeats_what_was_open(
            finished in proptest::collection::vec(0_i64..200, 0..200),
            limit in 0_usize..300,
        ) {
            let mut tracker = Tracker::resume(0, "");
            for offset in 0..200 {
                tracker.begin(offset);
            }
            for &offset in &finished {
                tracker.finish(offset);
            }
            let open: Vec<i64> = (0..200).filter(|offset| !finished.contains(offset)).collect();
            let metadata = tracker.metadata(tracker.low(), limit);
            prop_assert!(metadata.len() <= limit.next_multiple_of(4));
            let mut again = Tracker::resume(tracker.low(), &metadata);
            let repeated: Vec<i64> = (tracker.low()..200).filter(|&offset| again.begin(offset)).collect();
            prop_assert!(open.iter().all(|offset| repeated.contains(offset)));
            if limit >= 270 {
                prop_assert_eq!(&repeated, &open);
            }
        }
    }
}
