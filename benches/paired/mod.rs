//! Two ways to do one thing, timed in turns in one run, so that a busy machine slows both alike. What counts is the ratio.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::time::{Duration, Instant};

/// Rounds of each way; the median of them is taken.
const ROUNDS: usize = 15;

/// Times `ours` and `other`, each doing `items` things in a call, and prints their medians and the ratio.
pub fn compare(
    what: &str,
    items: usize,
    (our_name, mut ours): (&str, impl FnMut()),
    (other_name, mut other): (&str, impl FnMut()),
) {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed() / u32::try_from(items).unwrap_or(u32::MAX)
    };
    time(&mut ours);
    time(&mut other);
    let (mut ours_took, mut other_took): (Vec<Duration>, Vec<Duration>) =
        (0..ROUNDS).map(|_| (time(&mut ours), time(&mut other))).unzip();
    ours_took.sort_unstable();
    other_took.sort_unstable();
    let (a, b) = (ours_took[ROUNDS / 2], other_took[ROUNDS / 2]);
    let ratio = a.as_secs_f64() / b.as_secs_f64();
    println!("{what}: {our_name} {a:.1?}, {other_name} {b:.1?}: {ratio:.2}");
}
