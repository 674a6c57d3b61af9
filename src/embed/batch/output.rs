//! The file of records: each joined record as one line of JSON, `domainName` first. The length of the file is kept with the
//! position in the topic, so that a batch that was killed writes no record twice and loses none.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::BatchError;
use super::job::Job;
use crate::codec::{Format, TopicCodec, Wire as _};
use crate::embed::Process;
use crate::error::Failure;
use crate::io::embedded::Log;
use crate::io::{Fetched, IoError, Position, Topic};
use crate::model::{AllCollectedData, FreeJson, Status, ZoneResult};

/// The group that writes the file.
const GROUP: &str = "export";

/// Bytes that are read from a partition at once.
const PIECE: usize = 1 << 20;

/// How often new records are looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Names without a record that are told by name.
const TOLD: usize = 20;

/// Where records go.
pub enum Output {
    /// A file, made anew unless the batch is taken up again.
    File(PathBuf),
    /// Any stream, such as standard output; a batch to it cannot be taken up again.
    Stream(Box<dyn Write + Send + Sync>),
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::File(path) => path.display().fmt(f),
            Output::Stream(_) => f.write_str("-"),
        }
    }
}

impl<W: Write + Send + Sync + 'static> From<W> for Output {
    fn from(stream: W) -> Self {
        Self::Stream(Box::new(stream))
    }
}

/// What was written, and which names got nothing.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Records written.
    pub records: u64,
    /// Zone results that are failures, by status: names that get no record.
    pub without_record: BTreeMap<Status, u64>,
    /// The first of them.
    pub examples: Vec<(String, Status)>,
}

/// Writes joined records as they come.
pub struct Exporter {
    counts: Arc<Mutex<Counts>>,
    end: watch::Sender<bool>,
    running: Option<JoinHandle<Result<(), Failure>>>,
}

struct Writing {
    log: Log,
    joined: Topic,
    zones: Option<(Topic, TopicCodec<ZoneResult>)>,
    codec: TopicCodec<AllCollectedData>,
    path: PathBuf,
    to: Sink,
    job: Job,
    counts: Arc<Mutex<Counts>>,
}

enum Sink {
    File(BufWriter<File>, u64),
    Stream(Box<dyn Write + Send + Sync>),
}

impl Exporter {
    /// Opens the file and starts writing what lies in the topic called `joined`.
    pub async fn open(process: &Process, joined: &str, output: Output, job: &Job) -> Result<Self, Failure> {
        let log = process.log.clone().ok_or(IoError::Stopped)?;
        let format = |topic: &str| process.plan.topic(topic).map(|topic| topic.format).unwrap_or_default();
        let codec = TopicCodec::new(format(joined), joined, &process.schemas).await?;
        let zones = match process.plan.collects.iter().find(|node| node.collector.name == "zone") {
            None => None,
            Some(node) => {
                let codec = TopicCodec::new(format(&node.to), &node.to, &process.schemas).await?;
                Some((process.topics.find(&node.to).ok_or(IoError::Stopped)?, codec))
            }
        };
        let path = PathBuf::from(output.to_string());
        let to = match output {
            Output::Stream(stream) => Sink::Stream(stream),
            Output::File(path) => {
                let error = |source| BatchError::Output { path: path.clone(), source };
                let mut file =
                    OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(error)?;
                // What was written after the last position was kept is written again.
                file.set_len(job.written()).map_err(error)?;
                let at = file.seek(SeekFrom::End(0)).map_err(error)?;
                Sink::File(BufWriter::new(file), at)
            }
        };
        let counts = Arc::new(Mutex::new(Counts::default()));
        let joined = process.topics.find(joined).ok_or(IoError::Stopped)?;
        let mut writing =
            Writing { log, joined, zones, codec, path, to, job: job.clone(), counts: counts.clone() };
        if !job.resumed() {
            writing.skip_old()?;
        }
        let (end, mut ended) = watch::channel(false);
        let running = tokio::spawn(async move {
            loop {
                let last = *ended.borrow_and_update();
                while writing.write_some().await? {}
                if last {
                    return Ok(());
                }
                // The timeout is the normal case: it is time to look again.
                let _ = tokio::time::timeout(LOOK, ended.changed()).await;
            }
        });
        Ok(Self { counts, end, running: Some(running) })
    }

    /// What was written so far; may be read while it is.
    pub fn counts(&self) -> Arc<Mutex<Counts>> {
        self.counts.clone()
    }

    /// Writes what is left in the topic, and ends.
    pub async fn finish(&mut self) -> Result<Counts, Failure> {
        self.end.send_replace(true);
        if let Some(running) = self.running.take() {
            running.await.map_err(|_| IoError::Stopped)??;
        }
        Ok(self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A batch that does not come to its end writes nothing more.
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

impl Writing {
    /// Leaves out what batches before this one left in the topics.
    fn skip_old(&self) -> Result<(), IoError> {
        let mut batch = self.log.store().batch();
        for topic in [Some(self.joined), self.zones.as_ref().map(|(topic, _)| *topic)].into_iter().flatten() {
            for partition in 0..self.log.topics().partitions_of(topic) {
                let offset = self.log.end(topic, partition);
                let position = Position { topic, partition, offset, metadata: String::new() };
                self.log.put_position(GROUP, &position, &mut batch);
            }
        }
        Ok(batch.write()?)
    }

    /// Writes a piece of each partition; whether there was any.
    async fn write_some(&mut self) -> Result<bool, Failure> {
        let mut found = false;
        for partition in 0..self.log.topics().partitions() {
            found |= self.write_records(partition).await?;
            found |= self.count_zones(partition).await?;
        }
        Ok(found)
    }

    fn next(&self, topic: Topic, partition: u32) -> Result<Vec<Fetched>, IoError> {
        let from = self.log.position(GROUP, topic, partition)?.map_or(0, |position| position.offset);
        self.log.read(topic, partition, from, PIECE)
    }

    async fn write_records(&mut self, partition: u32) -> Result<bool, Failure> {
        let records = self.next(self.joined, partition)?;
        let Some(last) = records.last().map(|fetched| fetched.offset) else { return Ok(false) };
        for Fetched { record, .. } in &records {
            let name = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
            let json = self.json(record.value.as_deref().unwrap_or_default()).await?;
            let line = line(&name, &json);
            let error = |source| BatchError::Output { path: self.path.clone(), source };
            match &mut self.to {
                Sink::File(file, at) => {
                    file.write_all(line.as_bytes()).map_err(error)?;
                    *at += line.len() as u64;
                }
                Sink::Stream(stream) => stream.write_all(line.as_bytes()).map_err(error)?,
            }
        }
        let mut batch = self.log.store().batch();
        let error = |source| BatchError::Output { path: self.path.clone(), source };
        match &mut self.to {
            Sink::File(file, at) => {
                file.flush().map_err(error)?;
                self.job.put_written(*at, &mut batch);
            }
            Sink::Stream(stream) => stream.flush().map_err(error)?,
        }
        self.keep(self.joined, partition, last + 1, batch)?;
        // Nobody else reads the output of a batch: it need not stay on the disk.
        self.log.trim(self.joined, partition, last + 1)?;
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).records += records.len() as u64;
        Ok(true)
    }

    async fn count_zones(&mut self, partition: u32) -> Result<bool, Failure> {
        let Some((topic, codec)) = &self.zones else { return Ok(false) };
        let records = self.next(*topic, partition)?;
        let Some(last) = records.last().map(|fetched| fetched.offset) else { return Ok(false) };
        for Fetched { record, .. } in &records {
            let zone = codec.decode(record.value.as_deref().unwrap_or_default()).await;
            let status = zone.map_err(BatchError::Record)?.status_code;
            if !status.ok() {
                let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
                *counts.without_record.entry(status).or_default() += 1;
                if counts.examples.len() < TOLD {
                    let name =
                        String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
                    counts.examples.push((name, status));
                }
            }
        }
        self.keep(*topic, partition, last + 1, self.log.store().batch())?;
        Ok(true)
    }

    fn keep(
        &self,
        topic: Topic,
        partition: u32,
        offset: i64,
        mut batch: crate::state::Batch,
    ) -> Result<(), IoError> {
        let position = Position { topic, partition, offset, metadata: String::new() };
        self.log.put_position(GROUP, &position, &mut batch);
        Ok(batch.write()?)
    }

    /// The JSON of a joined record, on one line.
    async fn json(&self, value: &[u8]) -> Result<String, BatchError> {
        if self.codec.format() == Format::Json {
            let text = String::from_utf8_lossy(value);
            let json = FreeJson::parse(&text).map_err(crate::codec::DecodeError::malformed);
            return Ok(json.map_err(BatchError::Record)?.text().to_owned());
        }
        let record = self.codec.decode(value).await.map_err(BatchError::Record)?;
        let json = record.to_json().map_err(BatchError::Record)?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    }
}

/// A line of the file: the record with the name in front of its fields.
pub fn line(name: &str, json: &str) -> String {
    let name = serde_json::Value::from(name);
    match json.strip_prefix('{') {
        Some(fields) if !fields.starts_with('}') => format!("{{\"domainName\":{name},{fields}\n"),
        _ => format!("{{\"domainName\":{name}}}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_the_name() {
        assert_eq!(line("a\"b", r#"{"zone":null}"#), "{\"domainName\":\"a\\\"b\",\"zone\":null}\n");
        assert_eq!(line("a", "{}"), "{\"domainName\":\"a\"}\n");
    }
}
