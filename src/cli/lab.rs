//! `lab`: the miniature internet, for people and other processes; and how other commands get one.

use std::time::Duration;

use super::args::Lab as Options;
use super::show;
use super::signal::Stop;
use crate::config::{ConfigError, Loader};
use crate::embed::with_lab;
use crate::error::{Exit, Failure};
use crate::lab::{Lab, LabOptions};
use crate::units::Span;

/// Prints names, or runs until a signal.
pub async fn run(args: Options) -> Result<Exit, Failure> {
    let stop = Stop::listen();
    let lab = Lab::start(LabOptions { scale: args.scale, slow: slow(&args.slow)?, ports: args.port }).await?;
    if args.names {
        lab.names().iter().for_each(|name| show::line(name));
        return Ok(Exit::Done);
    }
    if args.settings {
        lab.settings().iter().for_each(|(key, value)| show::line(&format!("{key}={value}")));
    } else {
        lab.describe().iter().for_each(|line| show::line(line));
    }
    show::line_to_stderr("the lab runs; stop it with Ctrl-C");
    stop.asked().await;
    Ok(Exit::Done)
}

/// A lab to which the configuration leads, if one is wanted.
pub async fn behind(
    loader: &mut Loader,
    wanted: bool,
    scale: usize,
    slow_names: &[String],
) -> Result<Option<Lab>, Failure> {
    if !wanted {
        return Ok(None);
    }
    let options = LabOptions { scale, slow: slow(slow_names)?, ports: 0 };
    with_lab(loader, options).await.map(Some)
}

fn slow(names: &[String]) -> Result<Vec<(String, Duration)>, ConfigError> {
    let read = |text: &String| {
        let (name, time) = text.split_once('=')?;
        Some((name.to_owned(), time.parse::<Span>().ok()?.0))
    };
    names
        .iter()
        .map(|text| {
            read(text).ok_or_else(|| ConfigError::Conflict {
                message: format!("`{text}` is not a name and a time"),
                hint: "write it as example.cz=60s".to_owned(),
            })
        })
        .collect()
}
