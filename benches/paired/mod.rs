//! Several ways to do one thing, in turns in one run, so that a busy machine slows all alike; and the table of what they took.
//! What counts is the ratio.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]
#![allow(dead_code, reason = "each bench uses a part")]

use std::time::Instant;

/// Rounds of ways that take no time worth mentioning.
const ROUNDS: usize = 15;

/// What one go of one way took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds of wall time.
    pub wall: f64,
    /// Seconds of processor time, user and system.
    pub processor: f64,
    /// The most memory, in MB, of a way that has processes of its own.
    pub memory: Option<f64>,
}

/// One way: its name, and what does it once.
pub type Way<'a> = (&'a str, &'a mut dyn FnMut() -> Cost);

/// Times `ours` and `other` in this process, each doing `items` things in a call, and prints their row.
pub fn compare(
    what: &str,
    items: usize,
    (our_name, mut ours): (&str, impl FnMut()),
    (other_name, mut other): (&str, impl FnMut()),
) {
    let time = |run: &mut dyn FnMut()| {
        let (start, before) = (Instant::now(), processor("/proc/self/stat", 0));
        run();
        let processor = processor("/proc/self/stat", 0) - before;
        Cost { wall: start.elapsed().as_secs_f64(), processor, memory: None }
    };
    ours();
    other();
    let ways: &mut [Way<'_>] =
        &mut [(our_name, &mut || time(&mut ours)), (other_name, &mut || time(&mut other))];
    in_turns(what, items, ROUNDS, ways);
}

/// Lets each way do `items` things so many times, in turns, and prints a row for each of the others beside the first.
pub fn in_turns(what: &str, items: usize, rounds: usize, ways: &mut [Way<'_>]) {
    let mut costs: Vec<Vec<Cost>> = vec![vec![]; ways.len()];
    for round in 0..rounds {
        // Who is first in one round is last in the next: nobody always follows the same.
        for turn in 0..ways.len() {
            let way = (round + turn) % ways.len();
            costs[way].push((ways[way].1)());
        }
    }
    let told: Vec<Told> = costs.iter().map(|costs| Told::of(costs, items as f64)).collect();
    for (index, (name, _)) in ways.iter().enumerate().skip(1) {
        let (ours, other) = (&told[0], &told[index]);
        let memory = |told: &Told| told.memory.map_or("-".to_owned(), |memory| format!("{memory:.0} MB"));
        println!(
            "| {what} | {} | {:.0} | {:.4} | {} | {name} | {:.0} | {:.4} | {} | {:.2} | {:.2} |",
            ways[0].0,
            ours.rate,
            ours.processor,
            memory(ours),
            other.rate,
            other.processor,
            memory(other),
            ours.rate / other.rate,
            ours.processor / other.processor,
        );
    }
}

/// Of one way.
struct Told {
    /// Things a second, by the median of the wall times.
    rate: f64,
    /// Processor seconds of 1,000 things: the mean, since the kernel counts in hundredths.
    processor: f64,
    memory: Option<f64>,
}

impl Told {
    fn of(costs: &[Cost], items: f64) -> Self {
        let mut walls: Vec<f64> = costs.iter().map(|cost| cost.wall).collect();
        walls.sort_unstable_by(f64::total_cmp);
        let processor: f64 = costs.iter().map(|cost| cost.processor).sum();
        Self {
            rate: items / walls[walls.len() / 2],
            processor: processor / costs.len() as f64 / items * 1e3,
            memory: costs.iter().filter_map(|cost| cost.memory).reduce(f64::max),
        }
    }
}

/// Processor seconds in a `stat` of `/proc`: of the process itself (`skip` 0) or of its children that have ended (2).
pub fn processor(stat: &str, skip: usize) -> f64 {
    let stat = std::fs::read_to_string(stat).unwrap_or_default();
    // The name of the program, in brackets, may hold spaces.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11 + skip).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
