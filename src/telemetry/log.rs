//! The log: lines on standard error, or wherever the program shows it. ERROR is data loss or a broken invariant, WARN a recovering fault, INFO the life of
//! the process; nothing is logged for single records.

use std::io::{IsTerminal as _, Write};

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Section `log`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// What is logged: a level, or a list of `target=level`.
    pub level: String,
    /// How it is written.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; coloured on terminals.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts the log of this process, written to `writer`. A second call changes nothing.
pub fn init_log<W: Write + Copy + Send + Sync + 'static>(config: &LogConfig, writer: W) {
    // It warns of each wrong signature, which is a result like others.
    let levels = format!("hickory_net::dnssec=off,{}", config.level);
    let filter: Targets = levels.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || writer)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // It fails only if a log has been started before, by an embedding program or a test.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
