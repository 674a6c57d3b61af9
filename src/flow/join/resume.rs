//! Where a partition of the join goes on after a restart, from what the store and the group say. Pure.
//!
//! The rows of the store contain everything before its positions; everything before the group's positions was emitted.
//! The store is written late, so it is behind the group: what lies between is read again with the output muted.

use crate::io::Start;

/// Where to start, and from where on to emit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// Whether the rows of the store are used; if not, they are of another history and are deleted.
    pub keep_rows: bool,
    /// Where to start reading each input.
    pub starts: Vec<Start>,
    /// The offset of each input before which everything was emitted.
    pub live_from: Vec<i64>,
}

/// Decides from the positions of the rows and of the group, one for each input.
pub fn resolve(rows: &[Option<i64>], group: &[Option<i64>]) -> Resumption {
    let consistent = rows.iter().zip(group).all(|(rows, group)| match (rows, group) {
        // Rows without a committed position are of a group that was deleted or reset.
        (Some(rows), Some(group)) => rows <= group,
        (Some(rows), None) => *rows == 0,
        (None, _) => false,
    });
    let live_from = group.iter().map(|group| group.unwrap_or(0)).collect();
    let starts = if consistent { rows } else { group };
    let starts = starts.iter().map(|start| start.map_or(Start::Earliest, Start::At)).collect();
    Resumption { keep_rows: consistent, starts, live_from }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_from_whichever_is_right() {
        let at = Start::At;
        for (case, rows, group, keep_rows, starts) in [
            ("nothing yet", [None, None], [None, None], false, [Start::Earliest; 2]),
            ("store behind the group", [Some(3), Some(0)], [Some(5), Some(1)], true, [at(3), at(0)]),
            ("store as far as the group", [Some(5), Some(1)], [Some(5), Some(1)], true, [at(5), at(1)]),
            ("store lost", [None, None], [Some(5), Some(1)], false, [at(5), at(1)]),
            ("group reset", [Some(5), Some(1)], [Some(0), Some(0)], false, [at(0), at(0)]),
            ("group deleted", [Some(5), Some(1)], [None, None], false, [Start::Earliest; 2]),
            ("an input that is new", [Some(5), None], [Some(6), None], false, [at(6), Start::Earliest]),
            ("nothing read of an input", [Some(5), Some(0)], [Some(6), None], true, [at(5), at(0)]),
        ] {
            let resumption = resolve(&rows, &group);
            assert_eq!((resumption.keep_rows, resumption.starts), (keep_rows, starts.to_vec()), "{case}");
            let live: Vec<_> = group.iter().map(|group| group.unwrap_or(0)).collect();
            assert_eq!(resumption.live_from, live, "{case}");
        }
    }
}
