//! What can be wrong with a dataflow file, told with the place and the nearest name that would have been right.

use serde_saphyr::Location;

use crate::error::{Code, Coded, Exit};

/// A mistake in a dataflow file.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct SpecError {
    file: String,
    line: u64,
    column: u64,
    message: String,
    hint: Option<String>,
}

static SPEC: Code = Code {
    name: "spec-invalid",
    exit: Exit::Usage,
    about: "The dataflow file cannot be used.",
    hint: "see docs/reference/dataflow.md, and dataflows/ for files that work",
};

/// All codes of this component.
pub static SPEC_CODES: &[&Code] = &[&SPEC];

impl Coded for SpecError {
    fn code(&self) -> &'static Code {
        &SPEC
    }

    fn hint(&self) -> String {
        self.hint.clone().unwrap_or_else(|| SPEC.hint.to_owned())
    }
}

impl SpecError {
    pub(super) fn at(file: &str, place: Location, message: impl Into<String>) -> Self {
        let (line, column) = (place.line(), place.column());
        Self { file: file.to_owned(), line, column, message: message.into(), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An unknown name: tells the nearest of those that are known.
    pub(super) fn unknown<'a>(
        file: &str,
        place: Location,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let error = Self::at(file, place, format!("unknown {what} `{name}`"));
        match nearest(name, known.iter().copied()) {
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!("known are: {}", known.join(", "))),
        }
    }
}

/// The known name that is most like `name`, if one is like it at all.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// A mistake that the YAML reader found.
pub(super) fn syntax(file: &str, error: &serde_saphyr::Error) -> SpecError {
    let error = error.without_snippet();
    let place = error.location().unwrap_or(Location::UNKNOWN);
    match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => {
            SpecError::unknown(file, place, "key", field, expected.iter().copied())
        }
        serde_saphyr::Error::SerdeMissingField { field, .. } => {
            SpecError::at(file, place, format!("the key `{field}` is missing"))
        }
        other => SpecError::at(file, place, plain(&other.to_string())),
    }
}

/// The first line of the reader's message, without the place, which stands before ours.
fn plain(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim_start_matches("error: ").split(" at line ").next().unwrap_or_default().to_owned()
}
