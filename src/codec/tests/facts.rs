//! What the join learns of a DNS result: rows M12, M13, M14 and M21 of the behaviour report, in both formats.

use super::*;

#[test]
fn what_a_dns_result_says_of_the_other_parts() {
    let (_, schemas) = schemas();
    let ips = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> =
            pairs.iter().map(|(ip, of)| format!(r#"{{"ip":"{ip}","rrType":"{of}"}}"#)).collect();
        format!("[{}]", pairs.join(","))
    };
    for (row, data, ips, addresses, tls) in [
        ("an address", r#"{"A":["192.0.2.1"]}"#, ips(&[("192.0.2.1", "A")]), vec!["192.0.2.1"], true),
        ("M12", r#"{"CNAME":{"value":"x.cz","relatedIPs":[]}}"#, ips(&[]), vec![], false),
        ("M12, null", r#"{"CNAME":{"value":"x.cz","relatedIPs":null}}"#, ips(&[]), vec![], false),
        (
            "an alias",
            r#"{"CNAME":{"value":"x.cz","relatedIPs":["::1"]}}"#,
            ips(&[("::1", "CNAME")]),
            vec!["::1"],
            true,
        ),
        (
            "M13",
            r#"{"MX":[{"value":"m.cz","priority":1,"relatedIPs":["192.0.2.1"]}]}"#,
            ips(&[("192.0.2.1", "MX")]),
            vec!["192.0.2.1"],
            false,
        ),
        ("M14", r#"{"A":["192.0.2.1"]}"#, ips(&[]), vec![], true),
        (
            "M21",
            r#"{"A":["192.0.2.1"],"AAAA":["::1"]}"#,
            ips(&[("192.0.2.1", "A"), ("::1", "AAAA"), ("192.0.2.1", "MX"), ("192.0.2.1", "A")]),
            vec!["192.0.2.1", "::1"],
            true,
        ),
        ("M8", "null", "null".to_owned(), vec![], false),
    ] {
        let json = format!(r#"{{"statusCode":0,"error":null,"lastAttempt":7,"dnsData":{data},"ips":{ips}}}"#);
        for joined in [Format::Json, Format::Avro] {
            let reader = PartReader::new(PartKind::Dns, Format::Json, joined, schemas.clone());
            for reader in [reader.clone(), reader.for_reference()] {
                let part = read(&reader, &json.clone().into()).unwrap();
                let addresses = addresses.iter().map(|address| (*address).into()).collect();
                assert_eq!(part.dns, Some((addresses, tls)), "{row} {joined:?}");
            }
        }
    }
}
