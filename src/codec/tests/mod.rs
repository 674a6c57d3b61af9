//! Golden bytes of both formats, foreign and broken input. Next: `splice.rs` and `evolution.rs`, over the records of
//! `arbitrary.rs`, `fit.rs`, and `facts.rs` and `reference.rs` (what the join reads and, in its other reading, writes).

mod arbitrary;
mod evolution;
mod facts;
mod fit;
mod page;
mod reference;
mod splice;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::*;
use crate::model::*;

/// A registry in memory that can be unreachable for a while.
#[derive(Default)]
struct Memory {
    schemas: std::sync::Mutex<Vec<(String, String)>>,
    failures: AtomicU32,
}

impl Registry for Memory {
    fn register<'a>(
        &'a self,
        subject: &'a str,
        schema: &'a str,
    ) -> BoxFuture<'a, Result<SchemaId, RegistryError>> {
        let mut schemas = self.schemas.lock().unwrap();
        let entry = (subject.to_owned(), schema.to_owned());
        let index = schemas.iter().position(|known| *known == entry).unwrap_or_else(|| {
            schemas.push(entry);
            schemas.len() - 1
        });
        std::future::ready(Ok(SchemaId(index as u32 + 7))).boxed()
    }

    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Option<String>, RegistryError>> {
        let fails =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let found = match fails {
            Ok(_) => Err(RegistryError::Unreachable { url: "memory".into(), detail: "down".into() }),
            Err(_) => Ok(self
                .schemas
                .lock()
                .unwrap()
                .get((id.0 as usize).wrapping_sub(7))
                .map(|(_, text)| text.clone())),
        };
        std::future::ready(found).boxed()
    }

    fn latest<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<(SchemaId, String)>, RegistryError>> {
        std::future::ready(Ok(None)).boxed()
    }
}

fn schemas() -> (Arc<Memory>, Schemas) {
    let memory = Arc::new(Memory::default());
    (memory.clone(), Schemas::new(memory))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_bytes() {
    let (_, schemas) = schemas();
    let request = RDAPDomainRequest { zone: Some("ok.cz".into()) };
    let result = CommonIPResult {
        status_code: Status::TIMEOUT,
        error: None,
        last_attempt: Timestamp(1_700_000_000_000),
        collector: "rtt".into(),
        data: IPData::None,
        found: None,
    };
    run(async {
        let codec = TopicCodec::new(Format::Avro, "to_process_RDAP_DN", &schemas).await.unwrap();
        assert_eq!(hex(&codec.encode(&request).unwrap()), "0000000007020a6f6b2e637a");
        let codec = TopicCodec::new(Format::Json, "to_process_RDAP_DN", &schemas).await.unwrap();
        assert_eq!(&codec.encode(&request).unwrap()[..], br#"{"zone":"ok.cz"}"#);
        let codec = TopicCodec::new(Format::Avro, "collected_IP_data", &schemas).await.unwrap();
        assert_eq!(hex(&codec.encode(&result).unwrap()), "0000000008160080a0abfef9620672747400");
        let codec = TopicCodec::new(Format::Json, "collected_IP_data", &schemas).await.unwrap();
        assert_eq!(
            &codec.encode(&result).unwrap()[..],
            br#"{"statusCode":11,"error":null,"lastAttempt":1700000000000,"collector":"rtt","data":null}"#
        );
        let address = "192.0.2.1".to_owned();
        let codec = TopicCodec::new(Format::Json, "to_process_TLS", &schemas).await.unwrap();
        assert_eq!(&codec.encode(&address).unwrap()[..], b"192.0.2.1");
        let codec = TopicCodec::new(Format::Avro, "to_process_TLS", &schemas).await.unwrap();
        assert_eq!(codec.decode(&codec.encode(&address).unwrap()).await.unwrap(), address);
    });
}

/// A newer producer adds fields (a nested record among them), an older one lacks some: both are read as ours.
#[test]
fn foreign_schemas_are_resolved() {
    let (memory, schemas) = schemas();
    let foreign = r#"{"type":"record","name":"ZoneRequest","namespace":"elsewhere","fields":[
        {"name":"priority","type":{"type":"record","name":"Priority","fields":[{"name":"level","type":"int"}]}},
        {"name":"collectRDAP","type":"boolean"},
        {"name":"label","type":["null","string"]}]}"#;
    run(async {
        let id = memory.register("x-value", foreign).await.unwrap();
        memory.failures.store(3, Ordering::SeqCst);
        let codec = TopicCodec::<ZoneRequest>::new(Format::Avro, "to_process_zone", &schemas).await.unwrap();
        let value = [&[0, 0, 0, 0, id.0 as u8][..], &[8, 0, 2, 2, b'x']].concat();
        let expected = ZoneRequest { collect_rdap: false, label: Some("x".into()), ..ZoneRequest::default() };
        assert_eq!(codec.decode(&value).await.unwrap(), expected);
        let error = codec.decode(&[0, 0, 0, 1, 0, 2]).await.unwrap_err();
        assert_eq!(error, DecodeError::UnknownSchema(SchemaId(256)));
        let other = memory.register("y-value", r#""long""#).await.unwrap();
        let error = codec.decode(&[0, 0, 0, 0, other.0 as u8, 2]).await.unwrap_err();
        assert!(matches!(error, DecodeError::Incompatible { .. }), "{error}");
        // The same schema registered for another topic is ours as well.
        let same = schemas.register::<ZoneRequest>("another_topic").await.unwrap();
        assert!(matches!(schemas.learn::<ZoneRequest>(same).await, Known::Ours));
    });
}

#[test]
fn broken_values_are_refused_with_a_bounded_message() {
    let (_, schemas) = schemas();
    run(async {
        let codec = TopicCodec::<ZoneRequest>::new(Format::Avro, "to_process_zone", &schemas).await.unwrap();
        let value = codec.encode(&ZoneRequest::default()).unwrap();
        for end in 0..value.len() {
            let error = codec.decode(&value[..end]).await.unwrap_err();
            assert!(error.to_string().len() < 500);
        }
        let longer = [&value[..], &[0]].concat();
        assert!(matches!(codec.decode(&longer).await, Err(DecodeError::Malformed(_))));
        assert_eq!(codec.decode(b"{}").await, Err(DecodeError::NotFramed));
        let codec = TopicCodec::<ZoneRequest>::new(Format::Json, "to_process_zone", &schemas).await.unwrap();
        for value in [&b"{bad json"[..], b"", b"[]", br#"{"collectDNS":"maybe"}"#, b"\xff"] {
            assert!(codec.decode(value).await.is_err(), "{value:?}");
        }
    });
}

fn read(reader: &PartReader, value: &Bytes) -> Result<Part, DecodeError> {
    match reader.read(value)? {
        Reading::Part(part) => Ok(part),
        Reading::Learn(id) => panic!("schema {id} is not known"),
    }
}

#[test]
fn parts_without_a_readable_head_are_refused() {
    let (_, schemas) = schemas();
    let reader = PartReader::new(PartKind::Ip, Format::Json, Format::Json, schemas.clone());
    for value in [
        r#"{"statusCode":"0","lastAttempt":1,"collector":"rtt"}"#, // C6
        "garbage",
        "{}",
        r#"{"data":{"statusCode":0},"lastAttempt":1,"collector":"rtt"}"#, // C7: only the top level counts
        r#"{"statusCode":0,"lastAttempt":1,"data":null}"#,                // C9
        r#"{"statusCode":0,"lastAttempt":1,"collector":"rtt","data":{"a":}"#,
    ] {
        assert!(matches!(read(&reader, &Bytes::from(value)), Err(DecodeError::Malformed(_))), "{value}");
    }
    let kept = r#"{"data":{"statusCode":99},"statusCode":12,"lastAttempt":5,"collector":"x","new":[1]}"#;
    let part = read(&reader, &Bytes::from(kept)).unwrap();
    assert_eq!((part.status.0, part.attempt, part.collector.as_deref()), (12, 5, Some("x")));
    assert_eq!(part.body, kept);
}

#[test]
fn a_folder_keeps_its_ids_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = run(async {
        let folder = FolderRegistry::open(dir.path()).unwrap();
        let zone = folder.register("processed_zone-value", r#"{"type": "string"}"#).await.unwrap();
        assert_eq!(folder.register("processed_zone-value", r#""string""#).await.unwrap(), zone);
        assert_ne!(folder.register("processed_zone-value", r#""bytes""#).await.unwrap(), zone);
        assert!(folder.register("x-value", "{").await.is_err());
        zone
    });
    run(async {
        let folder = FolderRegistry::open(dir.path()).unwrap();
        assert_eq!(folder.schema(first).await.unwrap().unwrap(), r#"{"type": "string"}"#);
        assert_eq!(folder.latest("processed_zone-value").await.unwrap().unwrap().1, r#""bytes""#);
        assert_eq!(folder.schema(SchemaId(99)).await.unwrap(), None);
    });
}
