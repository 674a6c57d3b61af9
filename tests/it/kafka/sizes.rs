//! Records that are too large for their topics, by our own limit and by the broker's.

use rdkafka::message::Message as _;

use super::flow::{Flow, Foreign, header, key, servers};
use super::{audit, joined_once};
use crate::support::status;

/// The page is cut to what we are told to write, and further where the broker takes even less; both records say so.
#[test]
fn pages_that_are_too_large_are_cut_and_lose_no_name() {
    // What is written is compressed: a broker takes more by the same limit.
    for (prefix, of_topics, of_job, most) in
        [("cut", "4MiB", "64KiB", 64 << 10), ("refused", "32KiB", "4MiB", 1 << 20)]
    {
        let limit = |size: &str| format!("topics.max_record={size}");
        let (of_topics, of_job) = (limit(of_topics), limit(of_job));
        let flow = Flow::on(servers().clone(), prefix, 2, &["--set", &of_topics]);
        let names = ["obrovska-lab.cz".to_owned(), "plna-lab.cz".to_owned()];
        flow.produce_names(&names);
        let limits = ["--set", &of_job, "--set", "tls.max_body=4MiB", "--set", "tls.timeout=30s"];
        let (running, address) = flow.start(0, 2, &limits);
        let joined = flow.joined(&names);
        let results = flow.read("processed_TLS", |messages| messages.len() >= 2);
        let mut foreign = Foreign::new(&flow.servers.1);
        for message in joined.iter().chain(&results) {
            let record = foreign.read(message.payload().unwrap());
            let tls = record.get("tlsResult").unwrap_or(&record);
            let page = tls["html"].as_str().unwrap();
            assert!(tls["tlsData"].is_object(), "nothing else is missing");
            let cut = key(message) == "obrovska-lab.cz";
            assert_eq!(
                header(message, "domainflow-cut").as_deref(),
                cut.then_some("html"),
                "{}",
                key(message)
            );
            assert!(if cut { (1..most).contains(&page.len()) } else { page.trim_end().ends_with("</html>") });
        }
        let report = status(&address).unwrap();
        assert!(report["cut_pages"].as_u64() >= Some(2), "{report}");
        assert_eq!(report["dead_letters"], serde_json::json!({}));
        assert!(running.stop("TERM").success());
        joined_once(&flow, 2, &names);
    }
}

/// The joined record of a name with many addresses does not fit even without its page. An audit says what became of it.
#[test]
fn a_name_whose_record_is_a_dead_letter_is_not_missing() {
    let flow = Flow::new("letter", 2);
    let names = ["mnoho-lab.com".to_owned(), "plna-lab.cz".to_owned()];
    flow.produce_names(&names);
    let (running, _) = flow.start(0, 2, &["--set", "topics.max_record=16KiB"]);
    let letters = flow.read("dead_letters", |messages| !messages.is_empty());
    flow.joined(&names[1..]);
    assert!(running.stop("TERM").success());
    let told =
        ["topic", "code", "cut"].map(|what| header(&letters[0], &format!("domainflow-dead-{what}")).unwrap());
    assert_eq!(told, [&*flow.topic("all_collected_data"), "record-too-large", "value"]);
    assert_eq!((key(&letters[0]).as_str(), letters[0].payload()), (names[0].as_str(), None));
    assert_eq!(
        audit(&flow, 2, 0),
        serde_json::json!({
            "requests": 2, "joined": 1, "ended_early": 1, "dead_letters": 1, "open": 0, "missing": 0, "twice": 0, "named": []
        })
    );
}
