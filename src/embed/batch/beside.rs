//! Requests of the lab beside the list: written to the topics of single collectors before the list enters.

use bytes::Bytes;

use super::BatchError;
use crate::codec::{TopicCodec, Wire};
use crate::embed::Process;
use crate::error::Failure;
use crate::io::{IoError, Outgoing, RawRecord, partition_of};
use crate::lab::LabRequest;
use crate::model::{DNSRequest, Subject};

/// Writes requests that the flow of `process` has a collector for.
pub async fn write(process: &Process, requests: &[LabRequest]) -> Result<(), Failure> {
    if requests.is_empty() {
        return Ok(());
    }
    let log = process.log.as_ref().ok_or(IoError::Stopped)?;
    let mut records = Vec::new();
    for request in requests {
        let node = process.plan.collects.iter().find(|node| node.collector.name == request.collector);
        let Some((node, topic)) = node.and_then(|node| Some((node, process.topics.find(&node.from)?))) else {
            continue;
        };
        let key = Bytes::from(request.key.clone());
        let name = Subject::of_address(Some(&key)).map_or(request.key.clone(), |subject| subject.name);
        let value = match (&request.value, &request.request) {
            (Some(value), _) => Some(Bytes::from(value.clone())),
            (None, Some(json)) => {
                let value = match request.collector.as_str() {
                    "tls" => encoded::<String>(process, &node.from, json).await,
                    _ => encoded::<DNSRequest>(process, &node.from, json).await,
                };
                Some(value?)
            }
            (None, None) => None,
        };
        let record = RawRecord { key: Some(key), value, time: process.clock.now(), ..RawRecord::default() };
        let partition = partition_of(name.as_bytes(), process.topics.partitions());
        records.push(Outgoing::new(topic, partition, record));
    }
    log.append(&records, log.store().batch())?;
    Ok(())
}

/// The bytes of a request, given as JSON, in the format of its topic.
async fn encoded<R: Wire>(process: &Process, topic: &str, json: &str) -> Result<Bytes, Failure> {
    let format = process.plan.topic(topic).map(|topic| topic.format).unwrap_or_default();
    let codec = TopicCodec::new(format, topic, &process.schemas).await?;
    let request = R::from_json(json.as_bytes()).map_err(BatchError::Record)?;
    Ok(codec.encode(&request).map_err(BatchError::Record)?)
}
