//! Where a partition of the join goes on after a restart, from what the store and the group say. Pure.
//!
//! The rows of the store contain everything before their positions; everything before the group's positions was emitted.
//! The store is written late, so it is behind the group: what lies between is read again with the output muted. Without
//! rows, or with rows that are further behind than need be, the open names are read again from their origin
//! (`origins.rs`), muted as well.

use crate::clock::Millis;
use crate::io::{Position, Start};
use crate::join::Outages;

/// What the group has committed of an input of the join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Everything before was emitted.
    pub offset: i64,
    /// The origin of the open names; `None` if the metadata does not tell.
    pub origin: Option<i64>,
    /// Joined records of the open names lie behind this offset of their topic.
    pub written: i64,
    /// Those of names that were given up lie behind this one; `None` if there are none.
    pub given_up: Option<i64>,
    /// The stream's time.
    pub clock: Millis,
    /// Up to when the partition was worked on; an outage begins here.
    pub worked: Millis,
    /// Outages that still matter.
    pub outages: Outages,
}

impl Committed {
    /// What a position tells.
    pub fn read(position: &Position) -> Self {
        let mut words = position.metadata.split_whitespace();
        let clock = words.next().and_then(|clock| clock.parse().ok()).unwrap_or(0);
        let origin = words.next().and_then(|origin| origin.parse().ok());
        let worked = words.next().and_then(|worked| worked.parse().ok()).unwrap_or(0);
        let written = words.next().and_then(|written| written.parse().ok()).unwrap_or(0);
        let given_up = words.next().and_then(|given_up| given_up.parse().ok());
        let outages = words.next().and_then(|outages| outages.parse().ok()).unwrap_or_default();
        Self { offset: position.offset, origin, clock, worked, written, given_up, outages }
    }

    /// The metadata of its position.
    pub fn metadata(&self) -> String {
        let Self { offset, origin, clock, worked, written, given_up, outages } = self;
        let origin = origin.unwrap_or(*offset);
        let given_up = given_up.map_or("-".to_owned(), |given_up| given_up.to_string());
        format!("{clock} {origin} {worked} {written} {given_up} {outages}").trim_end().to_owned()
    }
}

/// The time of the join's stream, by a position of one of its inputs.
pub fn stream_time(position: &Position) -> Millis {
    Committed::read(position).clock
}

/// Where to start, and from where on to emit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// Whether the rows of the store are used; if not, they are deleted.
    pub keep_rows: bool,
    /// Where to start reading each input.
    pub starts: Vec<Start>,
    /// The offset of each input before which everything was emitted.
    pub live_from: Vec<i64>,
    /// What is read again may begin in the middle of names that are done by now: it begins at the origin, or at rows as old.
    pub halves: bool,
}

/// Decides from the positions of the rows and of the group, one for each input.
pub fn resolve(rows: &[Option<i64>], group: &[Option<Committed>]) -> Resumption {
    let each = || rows.iter().zip(group);
    let consistent = each().all(|(rows, group)| match (rows, group) {
        // Rows without a committed position are of a group that was deleted or reset.
        (Some(rows), Some(group)) => *rows <= group.offset,
        (Some(rows), None) => *rows == 0,
        (None, _) => false,
    });
    // Rows of long ago, such as those of a partition that was elsewhere meanwhile, save no reading.
    let outdated = each().all(|(rows, group)| {
        let origin = group.as_ref().and_then(|group| group.origin);
        rows.zip(origin).is_some_and(|(rows, origin)| rows < origin)
    });
    let keep_rows = consistent && !outdated;
    let starts: Vec<Start> = each()
        .map(|(rows, group)| match (keep_rows, rows, group) {
            (true, Some(rows), _) => Start::At(*rows),
            (_, _, Some(group)) => Start::At(group.origin.unwrap_or(group.offset).min(group.offset)),
            (_, _, None) => Start::Earliest,
        })
        .collect();
    let live_from: Vec<i64> =
        group.iter().map(|group| group.as_ref().map_or(0, |group| group.offset)).collect();
    let halves = starts.iter().zip(&live_from).zip(group).any(|((start, live), group)| {
        let origin = group.as_ref().and_then(|group| group.origin);
        start.offset() < *live && origin.is_none_or(|origin| start.offset() <= origin)
    });
    Resumption { keep_rows, starts, live_from, halves }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Topic;

    fn at(offset: i64, origin: i64) -> Option<Committed> {
        let (origin, outages) = (Some(origin), Outages::default());
        Some(Committed { offset, origin, clock: 0, worked: 0, written: 0, given_up: None, outages })
    }

    #[test]
    fn goes_on_from_whichever_is_right() {
        let start = Start::At;
        let old = |offset| Some(Committed { origin: None, ..at(offset, 0).unwrap() });
        for (case, rows, group, keep_rows, starts) in [
            ("nothing yet", [None, None], [None, None], false, [Start::Earliest; 2]),
            ("behind the group", [Some(3), Some(0)], [at(5, 2), at(1, 0)], true, [start(3), start(0)]),
            ("as far as the group", [Some(5), Some(1)], [at(5, 2), at(1, 0)], true, [start(5), start(1)]),
            ("store lost", [None, None], [at(5, 2), at(1, 0)], false, [start(2), start(0)]),
            ("store lost, nothing open", [None, None], [at(5, 5), at(1, 1)], false, [start(5), start(1)]),
            ("store lost, origin not known", [None, None], [old(5), old(1)], false, [start(5), start(1)]),
            (
                "older than the open names",
                [Some(1), Some(0)],
                [at(5, 4), at(3, 2)],
                false,
                [start(4), start(2)],
            ),
            ("ahead of the group", [Some(7), Some(2)], [at(5, 2), at(1, 0)], false, [start(2), start(0)]),
            ("group reset", [Some(5), Some(1)], [old(0), old(0)], false, [start(0), start(0)]),
            ("group deleted", [Some(5), Some(1)], [None, None], false, [Start::Earliest; 2]),
            ("an input that is new", [Some(5), None], [at(6, 4), None], false, [start(4), Start::Earliest]),
            ("nothing read of an input", [Some(5), Some(0)], [at(6, 4), None], true, [start(5), start(0)]),
        ] {
            let resumption = resolve(&rows, &group);
            assert_eq!((resumption.keep_rows, resumption.starts), (keep_rows, starts.to_vec()), "{case}");
        }
    }

    /// Over all that two inputs can say with offsets up to 3: nothing between what is restored and what was emitted is
    /// left out, and rows are used only where the group has been.
    #[test]
    fn no_record_is_left_out_whatever_they_say() {
        let rows: Vec<Option<i64>> = std::iter::once(None).chain((0..4).map(Some)).collect();
        let mut group = vec![None];
        for offset in 0..4 {
            group.push(Some(Committed { origin: None, ..at(offset, 0).unwrap() }));
            group.extend((0..=offset).map(|origin| at(offset, origin)));
        }
        let pairs = |inputs: usize| (0..inputs * inputs).map(move |pair| (pair / inputs, pair % inputs));
        for (first, second) in pairs(rows.len()) {
            for (of_first, of_second) in pairs(group.len()) {
                let (rows, group) =
                    ([rows[first], rows[second]], [group[of_first].clone(), group[of_second].clone()]);
                let Resumption { keep_rows, starts, live_from, halves } = resolve(&rows, &group);
                let again = |input: usize| starts[input].offset() < live_from[input];
                if !keep_rows {
                    assert_eq!(halves, again(0) || again(1), "rows {rows:?}, group {group:?}");
                }
                for input in 0..2 {
                    let case = format!("rows {rows:?}, group {group:?}, input {input}");
                    let emitted = group[input].as_ref().map_or(0, |group| group.offset);
                    assert_eq!(live_from[input], emitted, "{case}");
                    match (keep_rows, starts[input]) {
                        (true, start) => {
                            assert_eq!(Some(start), rows[input].map(Start::At), "{case}");
                            assert!(rows[input] <= Some(emitted), "{case}");
                        }
                        (false, Start::Earliest) => assert_eq!(group[input], None, "{case}"),
                        (false, Start::At(start)) => {
                            let origin = group[input].as_ref().and_then(|group| group.origin);
                            assert_eq!(start, origin.unwrap_or(emitted), "{case}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_metadata_of_a_position_is_read_as_it_was_written() {
        let position = |metadata: &str| Position {
            topic: Topic(0),
            partition: 0,
            offset: 9,
            metadata: metadata.to_owned(),
        };
        let read = |metadata: &str| Committed::read(&position(metadata));
        let nothing = at(9, 0).map(|nothing| Committed { origin: None, ..nothing }).unwrap();
        let told = Committed { clock: 17, origin: Some(4), worked: 19, written: 3, ..nothing.clone() };
        let outages: Outages = "5-9,11-12".parse().unwrap();
        for (written, metadata) in [
            (told.clone(), "17 4 19 3 -"),
            (Committed { given_up: Some(5), ..told.clone() }, "17 4 19 3 5"),
            (Committed { outages, ..told }, "17 4 19 3 - 5-9,11-12"),
        ] {
            assert_eq!(written.metadata(), metadata);
            assert_eq!(read(metadata), written);
        }
        assert_eq!(read("17"), Committed { clock: 17, ..nothing.clone() });
        assert_eq!(read("somebody else's"), nothing);
    }
}
