//! The list of names: one a line, white space around it and lines that are empty or begin with `#` left out. Each line is
//! one request. Names enter in pieces, and no faster than the flow takes them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tokio::task::JoinHandle;

use super::BatchError;
use super::job::Job;
use crate::clock::SharedClock;
use crate::error::Failure;
use crate::io::embedded::Log;
use crate::io::{IoError, Outgoing, RawRecord, Topic, partition_of};

/// Names that are written at once.
const PIECE: usize = 500;

/// Names that may lie in the first topic before more are written: the disk holds what is under way, not the list.
const AHEAD: i64 = 10_000;

/// The longest line that is read; longer ones are cut, and such a name is none anyway.
const LONGEST: u64 = 4096;

/// Where the names come from.
pub enum Input {
    /// A file. A batch of a file can be taken up again.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Names at hand.
    Names(Vec<String>),
}

impl Input {
    /// Names at hand.
    pub fn names(names: impl IntoIterator<Item = String>) -> Self {
        Self::Names(names.into_iter().collect())
    }

    /// What tells one list from another; `None` where a list cannot be read again.
    pub(super) fn identity(&self) -> Result<Option<String>, BatchError> {
        let Input::File(path) = self else { return Ok(None) };
        let error = |source| BatchError::Input { path: path.clone(), source };
        let mut file = File::open(path).map_err(error)?;
        let (mut digest, mut piece) = (Context::new(&SHA256), vec![0; 64 << 10]);
        loop {
            match file.read(&mut piece).map_err(error)? {
                0 => break,
                length => digest.update(&piece[..length]),
            }
        }
        Ok(Some(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The number of names, where it can be told before.
    pub(super) fn count(&self) -> Result<Option<u64>, BatchError> {
        match self {
            Input::Stdin => Ok(None),
            Input::Names(names) => Ok(Some(names.len() as u64)),
            Input::File(path) => {
                let error = |source| BatchError::Input { path: path.clone(), source };
                let mut lines = Lines(BufReader::new(File::open(path).map_err(error)?));
                let mut count = 0;
                while lines.next_name().map_err(error)?.is_some() {
                    count += 1;
                }
                Ok(Some(count))
            }
        }
    }

    /// Writes the names to the topic `entry`, from where `job` was; the number of all names, when the list is done.
    pub(super) fn feed(
        self,
        log: Log,
        group: String,
        entry: Topic,
        job: Job,
        clock: SharedClock,
    ) -> JoinHandle<Result<u64, Failure>> {
        tokio::spawn(async move {
            let mut names = self.open()?;
            let mut fed = 0;
            loop {
                let (piece, rest) = tokio::task::spawn_blocking(move || {
                    let mut names = names;
                    read_piece(&mut names).map(|piece| (piece, names))
                })
                .await
                .map_err(|_| IoError::Stopped)??;
                names = rest;
                if piece.is_empty() {
                    return Ok(fed);
                }
                let before = fed;
                fed += piece.len() as u64;
                let skip = job.fed().saturating_sub(before).min(piece.len() as u64) as usize;
                if skip < piece.len() {
                    while log.lag(&group, &[entry])? > AHEAD {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    write_piece(&log, entry, &piece[skip..], fed, &job, &clock)?;
                }
            }
        })
    }

    fn open(self) -> Result<Names, BatchError> {
        Ok(match self {
            Input::Stdin => Names::Lines(PathBuf::from("-"), Lines(Box::new(BufReader::new(stdin())))),
            Input::Names(names) => Names::List(names.into_iter()),
            Input::File(path) => {
                let file = File::open(&path);
                let file = file.map_err(|source| BatchError::Input { path: path.clone(), source })?;
                Names::Lines(path, Lines(Box::new(BufReader::new(file))))
            }
        })
    }
}

enum Names {
    Lines(PathBuf, Lines<Box<dyn BufRead + Send>>),
    List(std::vec::IntoIter<String>),
}

struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    /// The next name, as bytes: what is no text is told by its dead letter.
    fn next_name(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            if (&mut self.0).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let name = line.trim_ascii();
            if !name.is_empty() && !name.starts_with(b"#") {
                return Ok(Some(name.to_vec()));
            }
        }
    }
}

fn read_piece(names: &mut Names) -> Result<Vec<Vec<u8>>, BatchError> {
    let mut piece = Vec::new();
    while piece.len() < PIECE {
        let next = match names {
            Names::List(names) => names.next().map(String::into_bytes),
            Names::Lines(path, lines) => {
                lines.next_name().map_err(|source| BatchError::Input { path: path.clone(), source })?
            }
        };
        match next {
            Some(name) => piece.push(name),
            None => break,
        }
    }
    Ok(piece)
}

/// Writes names and how far the list is, in one write.
fn write_piece(
    log: &Log,
    entry: Topic,
    names: &[Vec<u8>],
    fed: u64,
    job: &Job,
    clock: &SharedClock,
) -> Result<(), Failure> {
    let (time, partitions) = (clock.now(), log.topics().partitions());
    let request = |name: &Vec<u8>| {
        let record = RawRecord { key: Some(Bytes::copy_from_slice(name)), time, ..RawRecord::default() };
        Outgoing::new(entry, partition_of(name, partitions), record)
    };
    let requests: Vec<Outgoing> = names.iter().map(request).collect();
    let mut batch = log.store().batch();
    job.put_fed(fed, &mut batch);
    log.append(&requests, batch)?;
    job.set_fed(fed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names() {
        let mut lines = Lines(&b"# list\n a.cz \r\n\n\xff.cz\nb.cz"[..]);
        let mut names = vec![];
        while let Some(name) = lines.next_name().unwrap() {
            names.push(name);
        }
        assert_eq!(names, [b"a.cz".to_vec(), b"\xff.cz".to_vec(), b"b.cz".to_vec()]);
    }
}
