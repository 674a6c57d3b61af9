//! How a command starts: its settings from all layers, its dataflow, its log.

use std::path::Path;

use super::args::Layers;
use crate::config::{Loader, Settings};
use crate::error::{Code, Coded, Exit, Failure};
use crate::spec::Plan;
use crate::telemetry::LogConfig;

/// The dataflows that are part of the program.
pub const SHIPPED: [(&str, &str); 5] = [
    ("domainradar", include_str!("../../dataflows/domainradar.yaml")),
    ("collectors", include_str!("../../dataflows/collectors.yaml")),
    ("join", include_str!("../../dataflows/join.yaml")),
    ("merger", include_str!("../../dataflows/merger.yaml")),
    ("qradar", include_str!("../../dataflows/qradar.yaml")),
];

/// A dataflow file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the dataflow file {path} cannot be read")]
pub struct SpecFile {
    path: String,
    source: std::io::Error,
}

static SPEC_FILE: Code = Code {
    name: "spec-file",
    exit: Exit::Usage,
    about: "A dataflow file cannot be read.",
    hint: "give the path of a file, or the name of a shipped dataflow: domainradar, collectors, join",
};

/// All codes of this component.
pub static CODES: &[&Code] = &[&SPEC_FILE];

impl Coded for SpecFile {
    fn code(&self) -> &'static Code {
        &SPEC_FILE
    }
}

/// The settings of files, environment and `--set`, over those of `base`.
pub fn settings(layers: &Layers, mut base: Loader) -> Result<Settings, Failure> {
    for file in &layers.config {
        base.file(file)?;
    }
    base.environment(
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )?;
    for setting in &layers.set {
        base.set(setting)?;
    }
    Ok(base.finish()?)
}

/// The dataflow in a file, or a shipped one.
pub fn plan(spec: &str, settings: &Settings) -> Result<Plan, Failure> {
    let shipped = SHIPPED.iter().find(|(name, _)| *name == spec && !Path::new(spec).is_file());
    let text = match shipped {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(spec).map_err(|source| SpecFile { path: spec.to_owned(), source })?,
    };
    Ok(crate::spec::parse(spec, &text, settings.topics.format)?)
}

/// The settings and the dataflow of a command that looks at them beside a job; its log has started, quietly.
pub fn open(layers: &Layers, spec: &str) -> Result<(Settings, Plan), Failure> {
    let settings = settings(layers, Loader::new())?;
    start(&settings, true);
    let plan = plan(spec, &settings)?;
    Ok((settings, plan))
}

/// Starts the log. `quiet` commands show warnings only, unless the level is configured.
pub fn start(settings: &Settings, quiet: bool) {
    let mut log = settings.log.clone();
    if quiet && log.level == LogConfig::default().level {
        log.level = "warn".to_owned();
    }
    crate::telemetry::init_log(&log, super::progress::Writer);
}
