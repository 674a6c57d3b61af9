//! Which requests an answer saves. What comes of every kind of answer: `tests/cases/rdap_ip/rows.toml`.

use super::*;
use crate::clock::ManualClock;
use crate::collect::net::loopback::{Server, client, http};
use crate::collect::net::rdap::RdapConfig;
use crate::collect::once::AskOnce;
use crate::model::Timestamp;

const NOW: i64 = 1_700_000_000_000;

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
