//! The progress line of long work: on a terminal a bar that stays below the log, elsewhere a line now and then.

use std::io::{IsTerminal as _, Write};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::show;
use crate::embed::Progress;

/// The bar of this process, so that log lines can step around it.
static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// How often the bar moves, and how often a line is written where there is no terminal.
const MOVE: Duration = Duration::from_millis(200);
const WRITE: Duration = Duration::from_secs(10);

/// Shows the progress of a batch until it is dropped.
pub struct Shown(JoinHandle<()>);

impl Shown {
    /// Starts showing.
    pub fn start(progress: Progress) -> Self {
        if progress.resumed() {
            show::line_to_stderr(&format!("taking up the batch after {} names", progress.fed()));
        }
        Self(tokio::spawn(async move {
            if std::io::stderr().is_terminal() {
                draw(&progress).await;
            } else {
                loop {
                    tokio::time::sleep(WRITE).await;
                    show::line_to_stderr(&text(&progress));
                }
            }
        }))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.abort();
        if let Some(bar) = BAR.get() {
            bar.finish_and_clear();
        }
    }
}

async fn draw(progress: &Progress) {
    let bar = BAR.get_or_init(ProgressBar::no_length);
    let template = match progress.total() {
        Some(_) => "{bar:30.cyan} {pos}/{len} names  {per_sec:.0}  left {eta}  {msg}",
        None => "{spinner} {pos} names  {per_sec:.0}  {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // There may have been a batch before this one.
    bar.reset();
    if let Some(total) = progress.total() {
        bar.set_length(total);
    }
    loop {
        bar.set_position(progress.done());
        let report = progress.report();
        let in_flight: i64 = report.nodes.iter().map(|node| node.in_flight).sum();
        bar.set_message(format!("{in_flight} calls under way"));
        tokio::time::sleep(MOVE).await;
    }
}

fn text(progress: &Progress) -> String {
    let report = progress.report();
    let in_flight: i64 = report.nodes.iter().map(|node| node.in_flight).sum();
    let of = progress.total().map_or(String::new(), |total| format!(" of {total}"));
    let rate = progress.done() as f64 / report.uptime;
    format!("{}{of} names done, {rate:.0} a second, {in_flight} calls under way", progress.done())
}

/// Standard error for the log: lines appear above the bar.
#[derive(Clone, Copy, Debug)]
pub struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match BAR.get().filter(|bar| !bar.is_finished()) {
            Some(bar) => bar.suspend(|| std::io::stderr().write(bytes)),
            None => std::io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
