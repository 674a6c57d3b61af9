//! The rows N1 to N6 of the reference's test table (spec/domainradar.md section 8.4) in their target reading.

use std::sync::Arc;

use futures_util::future::join_all;

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Asked, Reply, Server, client, closed, http};
use crate::model::Timestamp;
use crate::secret::Secret;
use crate::units::Span;

const NOW: i64 = 1_700_000_000_000;

fn collector(address: std::net::SocketAddr, change: impl FnOnce(&mut NerdConfig)) -> NerdCollector {
    let mut config = NerdConfig {
        url: format!("http://{address}/bulk/").parse().unwrap(),
        token: Secret::new("s3cret"),
        timeout: Span::millis(200),
        ..NerdConfig::default()
    };
    change(&mut config);
    NerdCollector::new(config, client(&[]), Arc::new(ManualClock::at(NOW)))
}

/// Records of these addresses, asked for at the same time.
async fn collect(collector: &NerdCollector, addresses: &[&str]) -> Vec<CommonIPResult> {
    let subjects: Vec<Subject> = addresses.iter().map(|address| Subject::pair("ok.cz", address)).collect();
    join_all(subjects.iter().map(|subject| collector.collect(subject, None))).await
}

fn doubles(values: impl IntoIterator<Item = f64>) -> Reply {
    http("200 OK", "", values.into_iter().flat_map(f64::to_le_bytes).collect::<Vec<u8>>())
}

/// The last byte of each address, over four.
fn quarters(asked: &Asked) -> Reply {
    doubles(asked.body.chunks(4).map(|address| f64::from(address[3]) / 4.0))
}

fn statuses(records: &[CommonIPResult]) -> Vec<Status> {
    records.iter().map(|record| record.status_code).collect()
}

#[tokio::test]
async fn n1_without_token() {
    for token in ["", " "] {
        let collector = collector(closed().await, |config| config.token = Secret::new(token));
        let records = collect(&collector, &["192.0.2.1", "::1", "x"]).await;
        assert_eq!(statuses(&records), [Status::DISABLED; 3]);
        assert_eq!((&records[0].error, &records[0].data), (&None, &IPData::None));
    }
}

#[tokio::test]
async fn n2_and_n3_a_batch() {
    let server = Server::http(quarters).await;
    let collector = collector(server.address, |config| {
        // The batch goes out when it is full: no test waits for the linger.
        (config.batch, config.linger) = (3, Span::secs(60));
    });
    let records = collect(&collector, &["192.0.2.1", "::1", "192.0.2.2", "999.1.1.1", "192.0.2.3"]).await;
    let expected = [Status::OK, Status::UNSUPPORTED_ADDRESS, Status::OK, Status::INVALID_ADDRESS, Status::OK];
    assert_eq!(statuses(&records), expected);
    for (index, reputation) in [(0, 0.25), (2, 0.5), (4, 0.75)] {
        assert_eq!(records[index].data, IPData::Nerd(NERDData { reputation }));
        assert_eq!(
            (records[index].collector.as_str(), records[index].last_attempt),
            ("nerd", Timestamp(NOW))
        );
    }
    let [asked] = server.asked().try_into().unwrap();
    assert_eq!(asked.body, [192, 0, 2, 1, 192, 0, 2, 2, 192, 0, 2, 3]);
    assert!(asked.head.starts_with("POST /bulk/ "), "{}", asked.head);
    assert!(
        asked.head.contains("authorization: s3cret\r\ncontent-type: application/octet-stream\r\n"),
        "{}",
        asked.head
    );
}

#[tokio::test]
async fn a_batch_has_a_bound() {
    let server = Server::http(quarters).await;
    let collector = collector(server.address, |config| config.batch = 2);
    let records = collect(&collector, &["192.0.2.1"; 5]).await;
    assert_eq!(statuses(&records), [Status::OK; 5]);
    let mut sizes: Vec<usize> = server.asked().iter().map(|asked| asked.body.len() / 4).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 2]);
}

#[tokio::test]
async fn n4_to_n6_failures() {
    for (case, reply, status) in [
        ("N4 seven bytes", http("200 OK", "", [0; 7]), Status::INVALID_RESPONSE),
        ("N4 one too many", doubles([0.5, 0.5]), Status::INVALID_RESPONSE),
        ("N4 empty", http("200 OK", "", ""), Status::INVALID_RESPONSE),
        ("N4 not a number", doubles([f64::NAN]), Status::INVALID_RESPONSE),
        ("N5 403", http("403 Forbidden", "", "x".repeat(1000)), Status::CANNOT_FETCH),
        ("N5 429", http("429 Too Many Requests", "", ""), Status::RATE_LIMITED),
        (
            "N6 read timeout",
            Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n".to_vec()),
            Status::TIMEOUT,
        ),
        ("not HTTP", Reply::Write(b"x".to_vec()), Status::CANNOT_FETCH),
    ] {
        let server = Server::http(move |_| reply.clone()).await;
        let records = collect(&collector(server.address, |_| {}), &["192.0.2.1"]).await;
        assert_eq!(statuses(&records), [status], "{case}");
        assert_eq!((records[0].error.is_some(), &records[0].data), (true, &IPData::None), "{case}");
    }
    let records = collect(&collector(closed().await, |_| {}), &["192.0.2.1"]).await;
    assert_eq!((statuses(&records), records[0].error.is_some()), (vec![Status::CANNOT_FETCH], true));
}

#[tokio::test]
async fn one_odd_address_spoils_only_its_half() {
    let server = Server::http(|asked| match asked.body.chunks(4).any(|address| address[3] == 9) {
        true => http("200 OK", "", "odd"),
        false => quarters(asked),
    })
    .await;
    let collector = collector(server.address, |config| config.batch = 4);
    let records = collect(&collector, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"]).await;
    let (ok, odd) = (Status::OK, Status::INVALID_RESPONSE);
    assert_eq!(statuses(&records), [ok, ok, odd, odd]);
    assert_eq!(server.asked().len(), 3, "no third try");
}

#[test]
fn the_configuration_hides_the_token() {
    let config = NerdConfig { token: Secret::new("s3cret"), ..NerdConfig::default() };
    let json = serde_json::to_string(&config).unwrap();
    assert!(
        json.contains("\"https://nerd.cesnet.cz/nerd/api/v1/ip/bulk/\"") && !json.contains("s3cret"),
        "{json}"
    );
    assert!(
        serde_json::from_str::<NerdConfig>(r#"{"url":"nowhere"}"#)
            .unwrap_err()
            .to_string()
            .contains("`nowhere` is not a URL")
    );
}
