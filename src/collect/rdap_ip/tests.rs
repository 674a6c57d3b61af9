//! The rows P1 to P4 of the reference's test table (spec/domainradar.md section 8.4) in their target reading.

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Reply, Server, client, http};
use crate::collect::net::rdap::RdapConfig;
use crate::collect::once::AskOnce;
use crate::units::Span;

const NOW: i64 = 1_700_000_000_000;

async fn collect(reply: Reply, address: &str) -> (CommonIPResult, Vec<String>) {
    let server = Server::http(move |_| reply.clone()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let base = format!("http://{}/rdap", server.address);
    let list = format!(r#"{{"services":[[["192.0.0.0/8","2001:db8:1::/48"],["{base}"]]]}}"#);
    std::fs::write(&file, list).unwrap();
    let bootstrap = vec![file.path().to_str().unwrap().to_owned()];
    let config = RdapConfig { bootstrap, timeout: Span::millis(200), ..RdapConfig::default() };
    let rdap = Arc::new(RdapClient::new(config, client(&[])));
    let collector = RdapIpCollector::new(rdap, Arc::new(ManualClock::at(NOW)));
    let record = collector.collect(&Subject::pair("ok.cz", address), None).await;
    (record, server.paths())
}

#[tokio::test]
async fn p1_answers_come_as_they_are() {
    let body =
        r#"{"handle":"N","entities":[{"x":1e2}],"links":[{"rel":"related","href":"http://0.0.0.0/other"}]}"#;
    for (address, path) in [("192.0.2.1", "/rdap/ip/192.0.2.1"), ("2001:DB8:1::1", "/rdap/ip/2001:db8:1::1")]
    {
        let (record, paths) = collect(http("200 OK", "", body), address).await;
        assert_eq!(
            (record.status_code, record.error, record.last_attempt),
            (Status::OK, None, Timestamp(NOW))
        );
        assert_eq!((record.collector.as_str(), paths), ("rdap-ip", vec![path.to_owned()]));
        assert!(matches!(record.data, IPData::Json(data) if data.text() == body));
    }
}

#[tokio::test]
async fn p2_to_p4_and_failures() {
    let ok = || http("200 OK", "", "{}");
    for (case, reply, address, status, asked) in [
        ("P2 private", ok(), "10.0.0.1", Status::NO_ENDPOINT, false),
        ("P3 documentation", ok(), "2001:db8::1", Status::NO_ENDPOINT, false),
        ("P4 no address", ok(), "999.1.1.1", Status::INVALID_ADDRESS, false),
        ("404", http("404 Not Found", "", "{}"), "192.0.2.1", Status::NOT_FOUND, true),
        ("429", http("429 Too Many Requests", "", ""), "192.0.2.1", Status::RATE_LIMITED, true),
        ("400", http("400 Bad Request", "", ""), "192.0.2.1", Status::CANNOT_FETCH, true),
        ("500", http("500 Oops", "", ""), "192.0.2.1", Status::CANNOT_FETCH, true),
        ("HTML", http("200 OK", "", "<html>"), "192.0.2.1", Status::INVALID_RESPONSE, true),
        ("silence", Reply::Hang(vec![]), "192.0.2.1", Status::TIMEOUT, true),
    ] {
        let (record, paths) = collect(reply, address).await;
        assert_eq!((record.status_code, record.data), (status, IPData::None), "{case}");
        assert_eq!((record.error.is_some(), !paths.is_empty()), (true, asked), "{case}");
    }
}

#[tokio::test]
async fn links_to_other_networks_are_not_followed() {
    for (link, followed) in [("/up", false), ("/rdap/ip/192.0.2.1?deeper", true)] {
        let body = format!(r#"{{"links":[{{"rel":"related","href":"{link}"}}]}}"#);
        let (record, paths) = collect(http("200 OK", "", body), "192.0.2.1").await;
        assert_eq!((record.status_code, paths.len()), (Status::OK, 1 + usize::from(followed)), "{link}");
    }
}

/// What the answer is about is not asked for again under another address of it; a name's record is told from when it is.
#[tokio::test]
async fn an_answer_answers_for_its_network() {
    let server =
        Server::http(|_| http("200 OK", "", r#"{"startAddress":"192.0.2.0","endAddress":"192.0.3.255"}"#))
            .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!(r#"{{"services":[[["192.0.0.0/8"],["http://{}"]]]}}"#, server.address))
        .unwrap();
    let bootstrap = vec![file.path().to_str().unwrap().to_owned()];
    let rdap = RdapClient::new(RdapConfig { bootstrap, ..RdapConfig::default() }, client(&[]));
    let clock = Arc::new(ManualClock::at(NOW));
    let memory = AskOnce { config: CacheConfig::default(), kept: None, clock: clock.clone() };
    let collector = memory.over(RdapIpCollector::new(Arc::new(rdap), clock.clone()));
    for (seconds, address, asked, found) in [
        (0, "192.0.2.1", 1, None),
        (1, "192.0.3.77", 1, Some(NOW)),
        (2, "192.0.4.1", 2, None),
        (24 * 60 * 60, "192.0.2.1", 3, None),
    ] {
        let now = NOW + seconds * 1000;
        clock.set(now);
        let record = collector.collect(&Subject::pair("ok.cz", address), None).await;
        assert_eq!(
            (record.status_code, record.last_attempt, record.found()),
            (Status::OK, Timestamp(now), found)
        );
        assert_eq!(server.paths().len(), asked, "{address}");
    }
}
