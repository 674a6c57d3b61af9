//! The reading of the reference in JSON: its fields in its order, nulls, sets; rows I16 and I17, and what survives a join in
//! the default reading instead.

use super::*;

fn part(kind: PartKind, reference: bool, json: &str) -> String {
    let (_, schemas) = schemas();
    let reader = PartReader::new(kind, Format::Json, Format::Json, schemas);
    let reader = if reference { reader.for_reference() } else { reader };
    text(&read(&reader, &json.to_owned().into()).unwrap().body)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_reference_keeps_its_own_fields_in_its_own_order() {
    let ours = r#"{"newer":[1], "statusCode":0,"error":null,"lastAttempt":7,"dnsData":{"A":["1.1.1.1","1.1.1.1"],
        "ttlValues":{"A":60},"TXT":["a","a"],"TXTJoined":["aa"],"MX":[{"priority":1,"value":"m.cz"}]},
        "ips":[{"rrType":"A","ip":"1.1.1.1"},{"ip":"1.1.1.1","rrType":"A"},{"ip":"1.1.1.1","rrType":"MX"}]}"#;
    let reference = concat!(
        r#"{"statusCode":0,"error":null,"lastAttempt":7,"dnsData":{"ttlValues":{"A":60},"A":["1.1.1.1"],"#,
        r#""AAAA":null,"CNAME":null,"MX":[{"value":"m.cz","priority":1,"relatedIPs":null}],"NS":null,"#,
        r#""TXT":["a","a"],"errors":null},"ips":[{"ip":"1.1.1.1","rrType":"A"},{"ip":"1.1.1.1","rrType":"MX"}]}"#,
    );
    assert_eq!(part(PartKind::Dns, true, ours), reference);
    assert_eq!(part(PartKind::Dns, false, ours), ours);
    // The collector's order of the last group, and the merger's (1.2).
    assert_eq!(
        part(
            PartKind::Rdap,
            true,
            r#"{"statusCode":0,"error":null,"lastAttempt":7,"rdapTarget":"a.cz","whoisStatusCode":35,
            "rdapData":{"free": {"form":[1, 2.50]}},"entities":[ ],"whoisError":null,"whoisRaw":null,"whoisParsed":null}"#
        ),
        concat!(
            r#"{"statusCode":0,"error":null,"lastAttempt":7,"rdapTarget":"a.cz","rdapData":{"free":{"form":[1,2.50]}},"#,
            r#""entities":[],"whoisStatusCode":35,"whoisError":null,"whoisRaw":null,"whoisParsed":null}"#
        )
    );
    // Its map of TTLs is never null.
    assert_eq!(
        part(PartKind::Dns, true, r#"{"statusCode":20,"lastAttempt":7,"dnsData":{"errors":{"A":"x"}}}"#),
        concat!(
            r#"{"statusCode":20,"error":null,"lastAttempt":7,"dnsData":{"ttlValues":{},"A":null,"AAAA":null,"CNAME":null,"#,
            r#""MX":null,"NS":null,"TXT":null,"errors":{"A":"x"}},"ips":null}"#
        )
    );
    // I16: one rtt result.
    let rtt = r#"{"statusCode":0,"error":null,"lastAttempt":7,"collector":"rtt","data":{"min":1.5,"avg":2.0,"max":2.5,"sent":2,"received":2,"jitter":1.0}}"#;
    assert_eq!(part(PartKind::Ip, true, rtt), rtt);
    assert_eq!(
        part(PartKind::Ip, true, r#"{"collector":"rtt","lastAttempt":7,"statusCode":11}"#),
        r#"{"statusCode":11,"error":null,"lastAttempt":7,"collector":"rtt","data":null}"#
    );
    assert_eq!(
        part(
            PartKind::Zone,
            true,
            r#"{"statusCode":12,"error":"Zone not found","lastAttempt":7,"label":"x"}"#
        ),
        r#"{"statusCode":12,"error":"Zone not found","lastAttempt":7,"zone":null}"#
    );
}

#[test]
fn joined_records_have_the_fields_of_their_reading() {
    let (_, schemas) = schemas();
    run(async {
        let splicer = Splicer::new(Format::Json, "all_collected_data", &schemas).await.unwrap();
        let zone = Bytes::from_static(
            br#"{"statusCode":0,"error":null,"lastAttempt":1,"zone":{"zone":"a.cz"},"label":"mine"}"#,
        );
        let dns = Bytes::from_static(br#"{"statusCode":0}"#);
        let rtt = Bytes::from_static(br#"{"collector":"rtt"}"#);
        let missing = [("tls".to_owned(), "deadline".to_owned())];
        let parts = |addresses| JoinedParts {
            zone: Some(&zone),
            dns: &dns,
            tls: None,
            rdap: None,
            addresses,
            missing: &missing,
        };
        // I17: no addresses are null, addresses without results an empty object each (1.4).
        for (addresses, results) in [
            (None, "null"),
            (Some(vec![]), "{}"),
            (
                Some(vec![("::1", vec![]), ("::2", vec![("rtt", &rtt)])]),
                r#"{"::1":{},"::2":{"rtt":{"collector":"rtt"}}}"#,
            ),
        ] {
            let reference = format!(
                r#"{{"zone":{{"zone":"a.cz"}},"dnsResult":{{"statusCode":0}},"tlsResult":null,"rdapDomainResult":null,"ipResults":{results}}}"#
            );
            let parts = parts(addresses);
            assert_eq!(text(&splicer.clone().for_reference().splice(&parts).unwrap().concat()), reference);
            let ours = text(&splicer.splice(&parts).unwrap().concat());
            assert!(ours.starts_with(&reference[..reference.len() - 1]), "{ours}");
            assert!(ours.ends_with(r#","label":"mine","missing":{"tls":"deadline"}}"#), "{ours}");
        }
    });
}

/// Values that the reference's reader takes though they are of another type, as it writes them again.
#[test]
fn values_are_taken_as_the_reference_takes_them() {
    let zone = |value: &str| {
        let fields =
            r#""publicSuffix":1.50,"soa":{"serial":20,"refresh":"60","retry":1.9,"expire":1e2,"minTTL":""}"#;
        let json = format!(
            r#"{{"statusCode":0,"lastAttempt":1,"zone":{{"zone":true,"hasDNSKEY":{value},{fields}}}}}"#
        );
        part(PartKind::Zone, true, &json)
    };
    let soa = r#""soa":{"primaryNS":null,"respMailboxDname":null,"serial":"20","refresh":60,"retry":1,"expire":100,"minTTL":null}"#;
    let lists = r#""primaryNameserverIPs":null,"secondaryNameservers":null,"secondaryNameserverIPs":null"#;
    for (value, taken) in
        [("true", "true"), ("0", "false"), ("2", "true"), (r#""TRUE""#, "true"), (r#""""#, "null")]
    {
        let expected = format!(
            r#"{{"statusCode":0,"error":null,"lastAttempt":1,"zone":{{"zone":"true",{soa},"publicSuffix":"1.50","hasDNSKEY":{taken},{lists}}}}}"#
        );
        assert_eq!(zone(value), expected);
    }
    let dns =
        r#"{"statusCode":0,"lastAttempt":1,"dnsData":{"ttlValues":{"A":"5","b\"":2.5},"errors":{"A":1}}}"#;
    let dns = part(PartKind::Dns, true, dns);
    assert!(dns.contains(r#""ttlValues":{"A":5,"b\"":2}"#) && dns.contains(r#""errors":{"A":"1"}"#), "{dns}");
}

/// What crashes the reference is a dead letter here.
#[test]
fn what_has_another_shape_is_refused() {
    let (_, schemas) = schemas();
    for (kind, json) in [
        (PartKind::Dns, r#"{"statusCode":0,"lastAttempt":1,"dnsData":[],"ips":[]}"#),
        (PartKind::Dns, r#"{"statusCode":0,"lastAttempt":1,"dnsData":null,"ips":{}}"#),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":"a.cz"}"#),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":["a.cz"]}}"#),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":"a.cz","hasDNSKEY":"yes"}}"#),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":"a.cz","hasDNSKEY":1.0}}"#),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":"a.cz","soa":{"refresh":true}}}"#),
        (
            PartKind::Zone,
            r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":"a.cz","soa":{"refresh":"1.5"}}}"#,
        ),
        (PartKind::Zone, r#"{"statusCode":0,"lastAttempt":1,"zone":{"zone":"a.cz","soa":{"refresh":1e30}}}"#),
        (PartKind::Dns, r#"{"statusCode":0,"lastAttempt":1,"dnsData":{"A":[{}]}}"#),
        (PartKind::Dns, r#"{"statusCode":0,"lastAttempt":1,"dnsData":{"ttlValues":{"A":"x"}}}"#),
        (PartKind::Dns, r#"{"statusCode":0,"lastAttempt":1,"dnsData":{"errors":[]}}"#),
        (PartKind::Tls, r#"{"statusCode":0,"lastAttempt":1,"tlsData":{"certificates":[{"derData":"AA"}]}}"#),
        (PartKind::Tls, r#"{"statusCode":0,"lastAttempt":1,"html":{}}"#),
        (PartKind::Tls, r#"[]"#),
        (PartKind::Tls, r#"{"statusCode":"0","lastAttempt":1}"#),
        (PartKind::Ip, r#"{"statusCode":0,"lastAttempt":1}"#),
        (PartKind::Ip, r#"{"statusCode":0,"lastAttempt":1,"collector":"rtt""#),
    ] {
        let reader = PartReader::new(kind, Format::Json, Format::Json, schemas.clone()).for_reference();
        assert!(read(&reader, &json.to_owned().into()).is_err(), "{json}");
    }
}
