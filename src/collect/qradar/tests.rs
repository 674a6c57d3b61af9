//! The rows Q1 to Q3 of the reference's test table (spec/domainradar.md section 8.4) in their target reading, and the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Asked, Reply, Server, client, http};
use crate::collect::once::{AskOnce, Once};
use crate::secret::Secret;

const NOW: i64 = 1_700_000_000_000;

const SOURCES: &str = r#"[
    {"id": 7, "source_ip": "192.0.2.1", "domain_id": 3, "magnitude": 4, "network": "x", "offense_ids": [12, 11]},
    {"id": 8, "source_ip": "2001:db8::1", "magnitude": 1.5, "offense_ids": []}]"#;
const OFFENSES: &str = r#"[
    {"id": 11, "description": "Port scan", "event_count": 5, "flow_count": 1, "device_count": 2, "severity": 3,
     "magnitude": 4, "last_updated_time": 1700000000123, "status": "OPEN", "source_address_ids": [9, 7, 9]},
    {"id": 12, "description": null}]"#;

fn collector(url: &str, token: &str) -> (Once<QradarCollector>, Arc<ManualClock>) {
    let config = QradarConfig {
        url: url.to_owned(),
        token: Secret::new(token),
        timeout: Span::millis(500),
        linger: Span::millis(50),
        ..QradarConfig::default()
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let collector = QradarCollector::new(config, client(&[]), clock.clone()).unwrap();
    let once = AskOnce { config: CacheConfig::default(), kept: None, clock: clock.clone() };
    (once.over(collector), clock)
}

async fn collect(collector: &Once<QradarCollector>, addresses: &[&str]) -> Vec<CommonIPResult> {
    let subjects: Vec<Subject> = addresses.iter().map(|address| Subject::pair("ok.cz", address)).collect();
    join_all(subjects.iter().map(|subject| collector.collect(subject, None))).await
}

fn statuses(records: &[CommonIPResult]) -> Vec<Status> {
    records.iter().map(|record| record.status_code).collect()
}

fn is_about_offenses(asked: &Asked) -> bool {
    asked.path().starts_with("/api/siem/offenses?")
}

fn qradar(asked: &Asked) -> Reply {
    http("200 OK", "", if is_about_offenses(asked) { OFFENSES } else { SOURCES })
}

#[tokio::test]
async fn gives_what_qradar_knows() {
    let server = Server::http(qradar).await;
    let (collector, _) = collector(&format!("http://{}/api", server.address), "t0ken");
    let records = collect(&collector, &["192.0.2.1", "2001:DB8::1", "198.51.100.1", "x"]).await;
    assert_eq!(
        statuses(&records),
        [Status::OK, Status::OK, Status::NOT_FOUND, Status::INVALID_ADDRESS],
        "Q1 is the third: {records:?}"
    );
    let IPData::Json(data) = &records[0].data else { panic!("{records:?}") };
    assert_eq!(
        data.text(),
        concat!(
            r#"{"sourceAddressId":7,"qradarDomainId":3,"magnitude":4.0,"offenses":["#,
            r#"{"id":12,"description":null,"eventCount":0,"flowCount":0,"deviceCount":0,"severity":0.0,"#,
            r#""magnitude":0.0,"lastUpdatedTime":0,"status":null,"sourceAddressIds":[]},"#,
            r#"{"id":11,"description":"Port scan","eventCount":5,"flowCount":1,"deviceCount":2,"severity":3.0,"#,
            r#""magnitude":4.0,"lastUpdatedTime":1700000000123,"status":"OPEN","sourceAddressIds":[7,9]}]}"#
        )
    );
    // One request of each kind for the whole batch, with the token.
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.head.to_ascii_lowercase().contains("\r\nsec: t0ken\r\n")));
    let filter = "filter=source_ip+%3D+%22192.0.2.1%22+or+source_ip+%3D+%222001%3Adb8%3A%3A1%22";
    assert!(asked[0].path().starts_with(&format!("/api/siem/source_addresses?{filter}")), "{asked:?}");
    assert_eq!(asked[1].path(), "/api/siem/offenses?filter=id+%3D+11+or+id+%3D+12");
}

/// Row Q2.
#[tokio::test]
async fn without_an_account_it_is_disabled() {
    for (url, token) in [("", ""), ("http://127.0.0.1:1/", ""), (" ", "t")] {
        let (collector, _) = collector(url, token);
        let records = collect(&collector, &["192.0.2.1", "x"]).await;
        assert_eq!(statuses(&records), [Status::DISABLED, Status::DISABLED]);
    }
    for url in ["qradar", "ftp://qradar.example/", "http://"] {
        let config = QradarConfig { url: url.to_owned(), token: Secret::new("t"), ..QradarConfig::default() };
        let error = QradarCollector::new(config, client(&[]), Arc::new(ManualClock::at(NOW))).err().unwrap();
        assert_eq!((error.code().name, error.to_string().contains(url)), ("qradar-url", true));
    }
}

/// Row Q3: what came without its offenses is a failure, and is not remembered as anything else.
#[tokio::test]
async fn half_an_answer_is_none() {
    let calls = AtomicUsize::new(0);
    let server = Server::http(move |asked| match is_about_offenses(asked) {
        true if calls.fetch_add(1, Ordering::SeqCst) == 0 => http("500 Oops", "", ""),
        _ => qradar(asked),
    })
    .await;
    let (collector, clock) = collector(&format!("http://{}/api/", server.address), "t0ken");
    assert_eq!(statuses(&collect(&collector, &["192.0.2.1"]).await), [Status::CANNOT_FETCH]);
    clock.set(NOW + 61_000);
    let records = collect(&collector, &["192.0.2.1"]).await;
    assert_eq!(statuses(&records), [Status::OK]);
    assert!(
        matches!(&records[0].data, IPData::Json(data) if data.text().contains("Port scan")),
        "{records:?}"
    );
}

#[tokio::test]
async fn what_went_wrong_is_the_status() {
    for (answer, status) in [
        (http("200 OK", "", "<html>"), Status::INVALID_RESPONSE),
        (http("200 OK", "", r#"{"id": 1}"#), Status::INVALID_RESPONSE),
        (http("401 Unauthorized", "", ""), Status::CANNOT_FETCH),
        (http("302 Found", "location: http://127.0.0.1:1/\r\n", ""), Status::CANNOT_FETCH),
        (http("429 Too Many Requests", "retry-after: 3600\r\n", ""), Status::RATE_LIMITED),
        (Reply::Reset, Status::CANNOT_FETCH),
        (Reply::Hang(vec![]), Status::TIMEOUT),
    ] {
        let server = Server::http(move |_| answer.clone()).await;
        let (collector, _) = collector(&format!("http://{}/api/", server.address), "t0ken");
        let records = collect(&collector, &["192.0.2.1", "192.0.2.2"]).await;
        assert_eq!(statuses(&records), [status; 2], "{records:?}");
        assert!(records.iter().all(|record| !record.error.as_deref().unwrap_or_default().contains("t0ken")));
    }
}
