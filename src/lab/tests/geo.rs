//! The rows about places and systems, on databases written for each: `tests/cases/geo/rows.toml` says what must come of them.
//! And databases that change while they are used.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::Deserialize;
use serde_json::Value as Json;

use super::*;
use crate::clock::ManualClock;
use crate::collect::Collector;
use crate::collect::geo_asn::{GeoAsnCollector, GeoConfig, Values};
use crate::lab::databases::mmdb::{Value, Writer};
use crate::model::{IPData, Status, Subject};

#[derive(Deserialize)]
struct Table {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    city: Option<HashMap<String, String>>,
    asn: Option<HashMap<String, String>>,
    #[serde(default)]
    values: Values,
    address: String,
    is: String,
    data: Option<String>,
}

#[tokio::test]
async fn geo_rows() {
    let table: Table = toml::from_str(include_str!("../../../tests/cases/geo/rows.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for case in table.case {
        let file = |name, records: &Option<HashMap<String, String>>| {
            let path = folder.path().join(name);
            records.as_ref().map(|records| write(&path, records))
        };
        let (city_db, asn_db) = (file("city", &case.city), file("asn", &case.asn));
        let collector = open(GeoConfig { city_db, asn_db, values: case.values });
        let (status, data) = locate(&collector, &case.address).await;
        assert_eq!(status.to_string(), case.is, "{}", case.row);
        let expected = case.data.map(|data| serde_json::from_str::<Json>(&data).unwrap());
        assert_eq!(data, expected, "{}", case.row);
    }
}

/// Who looks up while files are replaced, broken and repaired finds what the old file says, or the new one.
#[test]
fn a_file_that_changes_is_read_again_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn");
    let system = |number: u64| {
        let record = format!(r#"{{"autonomous_system_number": {number}}}"#);
        // Another size each time, so that versions differ even within the resolution of file times.
        let networks = (0..number).map(|n| (format!("192.0.{n}.0/24"), record.clone()));
        networks.collect::<HashMap<_, _>>()
    };
    write(&path, &system(1));
    let collector = open(GeoConfig { asn_db: Some(path.clone()), ..GeoConfig::default() });
    let number = |(status, data): (Status, Option<Json>)| {
        assert_eq!(status, Status::OK);
        data.unwrap()["asn"].as_u64().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = || number(runtime.block_on(locate(&collector, "192.0.0.1")));
    let becomes = |wanted: u64| {
        collector.look_next();
        let deadline = Instant::now() + Duration::from_secs(60);
        while ask() != wanted {
            assert!(Instant::now() < deadline, "{wanted} is not read");
            std::thread::yield_now();
        }
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut last = 0;
            while !over.load(Ordering::Relaxed) {
                let found = number(runtime.block_on(locate(&collector, "192.0.0.1")));
                assert!(found >= last, "{found} after {last}");
                last = found;
            }
        });
        assert_eq!(ask(), 1);
        write(&path, &system(2));
        becomes(2);
        let whole = std::fs::read(&path).unwrap();
        for broken in ["not a database".as_bytes(), &whole[..whole.len() / 2], &[]] {
            std::fs::write(&path, broken).unwrap();
            collector.look_next();
            assert_eq!(ask(), 2);
        }
        std::fs::remove_file(&path).unwrap();
        collector.look_next();
        assert_eq!(ask(), 2);
        write(&path, &system(3));
        becomes(3);
        over.store(true, Ordering::Relaxed);
        looking.join().unwrap();
    });
}

fn open(config: GeoConfig) -> GeoAsnCollector {
    GeoAsnCollector::open(&config, Arc::new(ManualClock::at(7))).unwrap()
}

/// The status, and the data without what is null.
async fn locate(collector: &GeoAsnCollector, address: &str) -> (Status, Option<Json>) {
    let record = collector.collect(&Subject::pair("a.cz", address), None).await;
    assert_eq!((record.collector.as_str(), record.error.is_none()), ("geo-asn", record.status_code.ok()));
    let data = match record.data {
        IPData::GeoAsn(data) => {
            let mut data = serde_json::to_value(data).unwrap();
            data.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            Some(data)
        }
        _ => None,
    };
    (record.status_code, data)
}

/// Puts a database in the place of what was there.
fn write(path: &Path, records: &HashMap<String, String>) -> PathBuf {
    let mut writer = Writer::default();
    for (network, record) in records {
        let record: Json = serde_json::from_str(record).unwrap();
        writer.insert(network.parse().unwrap(), value(&record));
    }
    let new = path.with_extension("new");
    std::fs::write(&new, writer.finish("Test")).unwrap();
    std::fs::rename(&new, path).unwrap();
    path.to_owned()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Object(fields) => {
            // The writer has keys of the program text; those of a test live as long.
            let field = |(key, of): (&String, &Json)| (&*key.clone().leak(), value(of));
            Value::Map(fields.iter().map(field).collect())
        }
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match number.as_u64() {
            Some(number) => Value::U32(number.try_into().unwrap()),
            None => Value::Double(number.as_f64().unwrap()),
        },
        other => panic!("no value: {other}"),
    }
}
