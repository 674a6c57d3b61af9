//! Printing: text that loses its colours where there is no terminal, JSON for programs, errors with their hint. A reader
//! that closes its end of a pipe has seen enough, which is no error.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Format;
use crate::clock::Millis;
use crate::error::{Chain, Coded};

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// What is fine.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What is less important.
pub const DIM: Style = Style::new().dimmed();

/// A text in a style.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a line to standard output.
pub fn line(text: &str) {
    write(&mut anstream::stdout().lock(), text);
}

/// Prints a line to standard error.
pub fn line_to_stderr(text: &str) {
    write(&mut anstream::stderr().lock(), text);
}

/// Prints a value as JSON on one line.
pub fn json(value: &impl Serialize) {
    // Values of ours have text keys only and always serialize.
    line(&serde_json::to_string(value).unwrap_or_default());
}

/// Prints a value in the wanted form.
pub fn either(format: Format, value: &impl Serialize, text: impl FnOnce() -> String) {
    match format {
        Format::Json => json(value),
        Format::Text => line(&text()),
    }
}

/// Prints an error with its causes, its code and what to do about it.
pub fn failure(error: &dyn Coded) {
    let chain = Chain(&error).to_string();
    line_to_stderr(&format!(
        "{} {chain}\n{} {}\n{}",
        styled(AnsiColor::Red.on_default().bold(), "error:"),
        styled(BOLD, "hint:"),
        error.hint(),
        styled(DIM, format!("({}, exit code {})", error.code().name, error.code().exit as u8)),
    ));
}

/// A table with a heading and columns as wide as they need to be.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let join = |cells: [String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![styled(BOLD, join(heading.map(str::to_owned)))];
    lines.extend(rows.iter().map(|row| join(row.clone())));
    lines.join("\n")
}

fn write(to: &mut impl Write, text: &str) {
    // If the reader is gone there is nobody to tell; other errors of standard output are as hopeless.
    let _ = writeln!(to, "{text}").and_then(|()| to.flush());
}

/// A point in time for people, in UTC.
pub fn time(millis: Millis) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}
