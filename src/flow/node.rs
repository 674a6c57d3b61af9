//! What a collector node does with one record: read the request, collect, write the result and what follows from it.
//! Every record gives exactly one result, or is a dead letter; nothing here can fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::dead_letter::{DeadLetters, Place};
use super::follow_up::{Excludes, LeadsTo, Next};
use super::headers::{CUT, CUT_PAGE, FOUND, RUN};
use crate::clock::SharedClock;
use crate::codec::{DecodeError, TopicCodec, Wire};
use crate::collect::Collector;
use crate::collect::catalogue::SubjectKind;
use crate::io::{Headers, Outgoing, RawRecord, Topic, Topics, partition_of};
use crate::model::{
    DNSRequest, IPRequest, Outcome, RDAPDomainRequest, Status, Subject, SubjectError, Verdict,
};
use crate::telemetry::NodeMeter;

/// One record for a node.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it was read.
    pub place: Place,
    /// The record.
    pub record: RawRecord,
}

/// The work of a node, whatever its collector.
pub trait Work: Send + Sync + 'static {
    /// Does the work; the records to be written.
    fn run(self: Arc<Self>, job: Job) -> BoxFuture<'static, Vec<Outgoing>>;

    /// The records to be written when the call was lost: it panicked.
    fn lost(&self, job: &Job) -> Vec<Outgoing>;
}

/// A topic to write to.
#[derive(Clone)]
pub struct To<T> {
    /// The topic.
    pub topic: Topic,
    /// Its codec.
    pub codec: TopicCodec<T>,
}

/// Where the requests go that follow; `None` where the flow has no topic for them.
#[derive(Clone, Default)]
pub struct FollowUps {
    /// DNS requests.
    pub dns: Option<To<DNSRequest>>,
    /// RDAP requests.
    pub rdap_dn: Option<To<RDAPDomainRequest>>,
    /// TLS requests.
    pub tls: Option<To<String>>,
    /// Requests of addresses.
    pub ip: Option<To<IPRequest>>,
}

/// A collector on its topics.
pub struct Node<C: Collector> {
    /// The collector.
    pub collector: Arc<C>,
    /// What its keys are.
    pub subject: SubjectKind,
    /// Reads its requests.
    pub requests: TopicCodec<C::Request>,
    /// Writes its results.
    pub results: To<C::Record>,
    /// Writes what follows.
    pub follow_ups: FollowUps,
    /// Whether it gives a run to requests that have none: it is the first of the flow.
    pub starts_runs: bool,
    /// The topics, with their numbers of partitions.
    pub topics: Topics,
    /// Longest time of a call.
    pub limit: Duration,
    /// Where unreadable records go; `None` if another node of the topic sees to that.
    pub dead_letters: Option<DeadLetters>,
    /// Counts.
    pub meter: Arc<NodeMeter>,
    /// The time.
    pub clock: SharedClock,
}

impl<C> Work for Node<C>
where
    C: Collector,
    C::Request: Wire + Excludes,
    C::Record: Wire + LeadsTo<C::Request>,
{
    fn run(self: Arc<Self>, job: Job) -> BoxFuture<'static, Vec<Outgoing>> {
        async move {
            let subject = match self.read_subject(&job.record) {
                Ok(subject) => subject,
                Err(error) => {
                    let letter = self.dead_letters.as_ref();
                    let letter = letter.map(|to| to.key(C::NAME, job.place, job.record, &error));
                    return letter.into_iter().collect();
                }
            };
            let run = self.run_of(&job);
            let request = match &job.record.value {
                None => None,
                Some(value) if value.is_empty() => None,
                Some(value) => match self.requests.decode(value).await {
                    Ok(request) => Some(request),
                    Err(error) => return self.refuse(job, &subject, run.as_ref(), &error),
                },
            };
            if request.as_ref().is_some_and(|request| request.excludes(C::NAME)) {
                return Vec::new();
            }
            let (record, took) = self.call(&subject, request.clone()).await;
            self.meter.finished(record.verdict().status, took);
            self.write(&subject, run.as_ref(), &record, request.as_ref())
        }
        .boxed()
    }

    fn lost(&self, job: &Job) -> Vec<Outgoing> {
        tracing::error!(node = C::NAME, "a call panicked; please report this, with the message above");
        match self.read_subject(&job.record) {
            Ok(subject) => {
                let record = self.failure(&subject, Status::INTERNAL_ERROR, "the collector failed");
                self.meter.finished(Status::INTERNAL_ERROR, Duration::ZERO);
                self.write(&subject, self.run_of(job).as_ref(), &record, None)
            }
            Err(_) => Vec::new(),
        }
    }
}

impl<C> Node<C>
where
    C: Collector,
    C::Request: Wire + Excludes,
    C::Record: Wire + LeadsTo<C::Request>,
{
    fn read_subject(&self, record: &RawRecord) -> Result<Subject, SubjectError> {
        match self.subject {
            SubjectKind::Name => Subject::of_name(record.key.as_ref()),
            SubjectKind::Address => Subject::of_address(record.key.as_ref()),
        }
    }

    fn run_of(&self, job: &Job) -> Option<Bytes> {
        run_of(&job.record, job.place, self.starts_runs)
    }

    async fn call(&self, subject: &Subject, request: Option<C::Request>) -> (C::Record, Duration) {
        let started = Instant::now();
        self.meter.started.fetch_add(1, Ordering::Relaxed);
        let running = Running::start(&self.meter);
        let record = match timeout(self.limit, self.collector.collect(subject, request)).await {
            Ok(record) => record,
            Err(_) => {
                tracing::error!(node = C::NAME, limit = ?self.limit, "a call did not end in time");
                self.failure(subject, Status::TIMEOUT, "the collector did not end in time")
            }
        };
        drop(running);
        (record, started.elapsed())
    }

    fn failure(&self, subject: &Subject, status: Status, error: &str) -> C::Record {
        C::Record::without_data(Verdict::failed(status, error, self.clock.now()), subject, C::NAME)
    }

    /// The result for a request that cannot be read, and its bytes for the dead letters.
    fn refuse(&self, job: Job, subject: &Subject, run: Option<&Bytes>, error: &DecodeError) -> Vec<Outgoing> {
        let record = self.failure(subject, Status::INVALID_MESSAGE, &error.to_string());
        self.meter.finished(Status::INVALID_MESSAGE, Duration::ZERO);
        let mut out = self.write(subject, run, &record, None);
        let letter = self.dead_letters.as_ref();
        out.extend(letter.map(|to| to.value(C::NAME, job.place, job.record, error)));
        out
    }

    fn write(
        &self,
        subject: &Subject,
        run: Option<&Bytes>,
        record: &C::Record,
        request: Option<&C::Request>,
    ) -> Vec<Outgoing> {
        let mut headers = Headers::default();
        if let Some(run) = run {
            headers.push(RUN, run.clone());
        }
        let mut of_result = headers.clone();
        if record.is_cut() {
            of_result.push(CUT, CUT_PAGE);
        }
        if let Some(found) = record.found() {
            of_result.push(FOUND, found.to_string());
            self.meter.reused.fetch_add(1, Ordering::Relaxed);
        }
        for (header, left_out) in request.iter().flat_map(|request| request.left_out()) {
            of_result.push(header, left_out);
        }
        let time = record.verdict().last_attempt;
        let outgoing = |topic: Topic, key: &Bytes, value: Option<Bytes>| {
            let headers = if topic == self.results.topic { &of_result } else { &headers };
            let record = RawRecord { key: Some(key.clone()), value, headers: headers.clone(), time };
            let partition = partition_of(subject.name.as_bytes(), self.topics.partitions_of(topic));
            Outgoing::new(topic, partition, record)
        };
        let mut out = Vec::new();
        // Our own records always encode; were one not to, the reason must not be lost.
        let mut put = |topic: Topic, key: &Bytes, value: Result<Option<Bytes>, DecodeError>| match value {
            Ok(value) => out.push(outgoing(topic, key, value)),
            Err(error) => tracing::error!(node = C::NAME, %error, "a record of ours cannot be written"),
        };
        put(self.results.topic, &subject.key, self.results.codec.encode(record).map(Some));
        for next in record.next(request) {
            match (next, &self.follow_ups) {
                (Next::Dns(request), FollowUps { dns: Some(to), .. }) => {
                    put(to.topic, &subject.key, to.codec.encode(&request).map(Some));
                }
                (Next::RdapDn(request), FollowUps { rdap_dn: Some(to), .. }) => {
                    put(to.topic, &subject.key, to.codec.encode(&request).map(Some));
                }
                (Next::Tls(address), FollowUps { tls: Some(to), .. }) => {
                    put(to.topic, &subject.key, to.codec.encode(&address).map(Some));
                }
                (Next::Ip(address, request), FollowUps { ip: Some(to), .. }) => {
                    let request = request.map(|request| to.codec.encode(&request)).transpose();
                    put(to.topic, &Subject::pair(&subject.name, &address).key, request);
                }
                _ => {}
            }
        }
        out
    }
}

/// The run of a record. Where runs start, one that names none has one made of its place, so that a request that is read
/// again after a crash gives the same run.
pub fn run_of(record: &RawRecord, place: Place, starts_runs: bool) -> Option<Bytes> {
    let (_, known) = record.headers.0.iter().rev().find(|(name, _)| name == RUN).cloned().unzip();
    known.or_else(|| {
        let (time, Place { partition, offset, .. }) = (record.time, place);
        starts_runs.then(|| format!("{time:x}-{partition:x}-{offset:x}").into())
    })
}

/// Counts a call as running until it is dropped, also when the call is.
struct Running<'a>(&'a NodeMeter);

impl<'a> Running<'a> {
    fn start(meter: &'a NodeMeter) -> Self {
        meter.running.fetch_add(1, Ordering::Relaxed);
        Self(meter)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
