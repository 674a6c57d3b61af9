//! `dead-letters`: what could not be read, and writing it again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::args::{DeadLetters, Format, Layers, LetterPlace, Which};
use super::show::{BOLD, DIM, styled};
use super::{show, start};
use crate::config::ConfigError;
use crate::embed::Letters;
use crate::error::{Exit, Failure};
use crate::flow::Letter;
use crate::io::IoError;

/// Bytes of a key that a list shows.
const KEY: usize = 60;

/// Lists, shows or replays.
pub async fn run(layers: &Layers, command: DeadLetters) -> Result<Exit, Failure> {
    match command {
        DeadLetters::List { which, limit, format } => list(layers, which, limit, format).await,
        DeadLetters::Show { place, spec, format } => show_one(layers, place, &spec, format).await,
        DeadLetters::Replay { which, all, format } => replay(layers, which, all, format).await,
    }
}

fn open(layers: &Layers, spec: &str) -> Result<Letters, Failure> {
    let (settings, plan) = start::open(layers, spec)?;
    Letters::open(&settings, &plan)
}

impl LetterPlace {
    fn is_of(self, letter: &Letter) -> bool {
        (self.partition, self.offset) == (letter.place.partition, letter.place.offset)
    }
}

impl Which {
    fn fits(&self, letter: &Letter) -> bool {
        self.code.as_ref().is_none_or(|code| *code == letter.code)
            && self.topic.as_ref().is_none_or(|topic| *topic == letter.topic)
            && (self.places.is_empty() || self.places.iter().any(|place| place.is_of(letter)))
    }

    fn picks(&self) -> bool {
        self.code.is_some() || self.topic.is_some() || !self.places.is_empty()
    }
}

async fn list(layers: &Layers, which: Which, limit: usize, format: Format) -> Result<Exit, Failure> {
    let letters = open(layers, &which.spec)?;
    let (listed, counts) = blocking(move || {
        let (mut listed, mut counts) = (Vec::new(), BTreeMap::<String, usize>::new());
        letters.read(None, |letter| {
            if which.fits(&letter) {
                *counts.entry(letter.code.clone()).or_default() += 1;
                if listed.len() < limit {
                    listed.push(letter);
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok((listed, counts))
    })
    .await?;
    let json = json!({ "counts": counts, "letters": listed.iter().map(facts).collect::<Vec<_>>() });
    show::either(format, &json, || {
        let rows: Vec<_> = listed.iter().map(row).collect();
        let total: usize = counts.values().sum();
        let by_code =
            counts.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ");
        match total {
            0 => "no dead letters".to_owned(),
            _ => format!(
                "{}\n\n{total} in all: {by_code}",
                show::table(["letter", "code", "stage", "of", "key"], &rows)
            ),
        }
    });
    Ok(Exit::Done)
}

async fn show_one(layers: &Layers, place: LetterPlace, spec: &str, format: Format) -> Result<Exit, Failure> {
    let letters = open(layers, spec)?;
    let found = blocking(move || {
        let mut found = None;
        letters.read(None, |letter| {
            if !place.is_of(&letter) {
                return ControlFlow::Continue(());
            }
            found = Some(letter);
            ControlFlow::Break(())
        })?;
        Ok(found)
    })
    .await?;
    let Some(letter) = found else {
        return Err(nothing(&format!("there is no dead letter at {}:{}", place.partition, place.offset)));
    };
    let mut json = facts(&letter);
    json["headers"] =
        letter.record.headers.0.iter().map(|(name, value)| json!([name, text(value)])).collect();
    json["value"] = letter.record.value.as_ref().map_or(Value::Null, |value| text(value).into());
    show::either(format, &json, || {
        let line = |name: &str, value: String| format!("{} {value}", styled(BOLD, format!("{name:8}")));
        let value = letter.record.value.as_ref().map_or_else(|| styled(DIM, "null"), |value| text(value));
        [
            line("code", letter.code.clone()),
            line("message", letter.message.clone()),
            line("stage", letter.stage.clone()),
            line("of", source(&letter)),
            line("time", show::time(letter.record.time)),
            line("key", key(&letter)),
            line("value", value),
        ]
        .join("\n")
    });
    Ok(Exit::Done)
}

async fn replay(layers: &Layers, which: Which, all: bool, format: Format) -> Result<Exit, Failure> {
    if !all && !which.picks() {
        return Err(nothing("nothing says which letters are to be replayed"));
    }
    let letters = open(layers, &which.spec)?;
    let (written, kept) = blocking(move || letters.replay(|letter| which.fits(letter))).await?;
    show::either(format, &json!({ "written": written, "kept": kept }), || {
        let kept = match kept {
            0 => String::new(),
            kept => {
                format!("; {kept} cannot be, since they were too large or their topic is not one of the flow")
            }
        };
        format!("{written} records were written again where they came from{kept}")
    });
    Ok(Exit::Done)
}

/// The topics are read and written by calls that block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IoError> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(IoError::Stopped.into()),
    }
}

fn nothing(message: &str) -> Failure {
    ConfigError::Conflict {
        message: message.to_owned(),
        hint: "see `domainflow dead-letters list`; pick with --code, --topic or --letter PARTITION:OFFSET, or --all"
            .to_owned(),
    }
    .into()
}

fn row(letter: &Letter) -> [String; 5] {
    let place = format!("{}:{}", letter.place.partition, letter.place.offset);
    let mut key = key(letter);
    if let Some((end, _)) = key.char_indices().nth(KEY) {
        key.replace_range(end.., "...");
    }
    [place, letter.code.clone(), letter.stage.clone(), source(letter), key]
}

fn facts(letter: &Letter) -> Value {
    json!({
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "code": letter.code,
        "message": letter.message,
        "stage": letter.stage,
        "cut": letter.cut,
        "of": { "topic": letter.topic, "partition": letter.partition, "offset": letter.offset, "time": letter.record.time },
        "key": letter.record.key.as_ref().map(|key| text(key)),
    })
}

fn source(letter: &Letter) -> String {
    match letter.offset {
        ..0 => format!("{} (refused)", letter.topic),
        offset => format!("{} {}:{offset}", letter.topic, letter.partition),
    }
}

fn key(letter: &Letter) -> String {
    letter.record.key.as_ref().map_or_else(|| styled(DIM, "none"), |key| text(key))
}

/// Bytes as text: printable ASCII as it is, the rest escaped as in Rust.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}
