//! Partitions into which nothing comes any more: what is due there is due all the same.

use rdkafka::message::Message as _;

use super::flow::{Flow, header, key};

/// Results of foreign collectors, of which some never come; no other partition and no other topic has a record at all.
#[test]
fn a_deadline_passes_where_nothing_else_arrives() {
    let flow = Flow::new("quiet", 4);
    let settings = ["--set", "topics.format=json", "--set", "join.patience=1s"];
    let (running, _) = flow.start(0, 4, &settings);
    let zone = br#"{"statusCode":0,"error":null,"lastAttempt":1,"zone":null}"#;
    let dns = br#"{"statusCode":0,"error":null,"lastAttempt":2,"dnsData":null,"ips":[{"ip":"192.0.2.1","rrType":"A"}]}"#;
    flow.produce("processed_zone", &[(Some(b"quiet.cz"), Some(zone))]);
    flow.produce("processed_DNS", &[(Some(b"quiet.cz"), Some(dns))]);
    let joined = flow.joined(&["quiet.cz".to_owned()]);
    assert_eq!((key(&joined[0]).as_str(), joined.len()), ("quiet.cz", 1));
    let record: serde_json::Value = serde_json::from_slice(joined[0].payload().unwrap()).unwrap();
    assert_eq!(record["ipResults"], serde_json::json!({ "192.0.2.1": {} }));
    let missing = header(&joined[0], "domainflow-complete").unwrap();
    assert!(missing.starts_with("missing: rdap-dn, geo-asn of 192.0.2.1"), "{missing}");
    assert!(running.stop("TERM").success());
}
