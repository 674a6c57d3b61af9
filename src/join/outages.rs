//! Times in which a partition was not worked on, which do not count towards patience. Pure.
//!
//! A deadline is a function of the last arrival and of these times alone, so that a restart finds the same one again. What
//! was given up before an outage does not depend on it.

use std::fmt;
use std::str::FromStr;

use crate::clock::Millis;

/// Outages that are remembered; with more of them within one patience, the oldest counts as time that was worked.
const MOST: usize = 32;

/// The outages of a partition that still matter, oldest first; they do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outages(Vec<(Millis, Millis)>);

impl Outages {
    /// Adds one, which is the latest. One that has no length is none.
    pub fn add(&mut self, from: Millis, to: Millis) {
        let from = self.0.last().map_or(from, |&(_, before)| from.max(before));
        if from < to {
            self.0.push((from, to));
            let excess = self.0.len().saturating_sub(MOST);
            self.0.drain(..excess);
        }
    }

    /// When `patience` of worked time has passed since `start`.
    pub fn after(&self, start: Millis, patience: Millis) -> Millis {
        let mut end = start.saturating_add(patience);
        for &(from, to) in &self.0 {
            // Of an outage only what lies behind the start and before the end delays it.
            if to > start && from < end {
                end = end.saturating_add(to - from.max(start));
            }
        }
        end
    }

    /// Forgets those on which no deadline after `now` depends.
    pub fn forget(&mut self, now: Millis, patience: Millis) {
        let over = self.0.iter().take_while(|&&(_, to)| self.after(to, patience) <= now).count();
        self.0.drain(..over);
    }
}

impl fmt::Display for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (from, to)) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{from}-{to}")?;
        }
        Ok(())
    }
}

impl FromStr for Outages {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut outages = Self::default();
        for outage in text.split(',').filter(|outage| !outage.is_empty()) {
            let (from, to) = outage.split_once('-').ok_or(())?;
            outages.add(from.parse().map_err(drop)?, to.parse().map_err(drop)?);
        }
        Ok(outages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_does_not_run_while_nobody_works() {
        for (outages, start, expected) in [
            ("", 100, 160),
            ("0-50", 100, 160),
            ("120-200", 100, 240),
            ("90-110", 100, 170),
            ("150-160,165-300", 100, 305),
            ("160-200", 100, 160),
            ("120-200,210-220,500-600", 100, 250),
        ] {
            let read: Outages = outages.parse().unwrap();
            assert_eq!(read.after(start, 60), expected, "{outages}");
            assert_eq!(read.to_string(), outages);
        }
        for wrong in ["5", "a-b", "1-", "1-2;3-4"] {
            assert_eq!(wrong.parse::<Outages>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn only_outages_that_matter_are_remembered() {
        let mut outages = Outages::default();
        outages.add(100, 100);
        outages.add(200, 150);
        assert_eq!(outages, Outages::default());
        outages.add(100, 200);
        // The clock of a restart may be behind the end of the outage before.
        outages.add(150, 300);
        assert_eq!(outages.to_string(), "100-200,200-300");
        outages.forget(359, 60);
        assert_eq!(outages.to_string(), "100-200,200-300", "what came at 199 is due at 360");
        outages.forget(360, 60);
        assert_eq!(outages.to_string(), "");
        (0..100).for_each(|number| outages.add(number * 10, number * 10 + 5));
        assert_eq!(outages.0.len(), MOST);
        assert!(outages.to_string().len() < 1000, "it fits beside a position");
    }
}
