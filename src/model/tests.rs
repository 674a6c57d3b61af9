//! The wire forms of the records: JSON byte for byte, and Avro through the derived schemas and back.

use apache_avro::AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::{Serialize, de::DeserializeOwned};

use super::*;

/// Checks the JSON of a record and that both formats give it back.
fn check<T>(record: &T, json: &str)
where
    T: AvroSchema + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(serde_json::to_string(record).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), record);
    let schema = T::get_schema();
    let bytes = GenericDatumWriter::builder(&schema)
        .human_readable(false)
        .build()
        .unwrap()
        .write_ser_to_vec(record)
        .unwrap();
    let reader = GenericDatumReader::builder(&schema).human_readable(false).build().unwrap();
    assert_eq!(&reader.read_deser::<T>(&mut &bytes[..]).unwrap(), record);
    let value = reader.read_value(&mut &bytes[..]).unwrap();
    assert_eq!(&apache_avro::from_value::<T>(&value).unwrap(), record);
}

fn ip_result(collector: &str, data: IPData) -> CommonIPResult {
    CommonIPResult {
        status_code: Status::OK,
        error: None,
        last_attempt: Timestamp(1_700_000_000_123),
        collector: collector.to_owned(),
        data,
        found: None,
    }
}

#[test]
fn results_of_addresses() {
    check(
        &ip_result("nerd", IPData::Nerd(NERDData { reputation: 0.25 })),
        r#"{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"nerd","data":{"reputation":0.25}}"#,
    );
    let rtt = RTTData { min: 1.0, avg: 1.5, max: 2.0, sent: 5, received: 5, jitter: 0.5 };
    check(
        &ip_result("rtt", IPData::Rtt(rtt)),
        r#"{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"rtt","data":{"min":1.0,"avg":1.5,"max":2.0,"sent":5,"received":5,"jitter":0.5}}"#,
    );
    let free = FreeJson::parse(r#"{"handle":"N","n":1e400,"z":null,"a":[]}"#).unwrap();
    check(
        &ip_result("rdap-ip", IPData::Json(free)),
        r#"{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"rdap-ip","data":{"handle":"N","n":1e400,"z":null,"a":[]}}"#,
    );
    check(
        &ip_result("new-one", IPData::None),
        r#"{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"new-one","data":null}"#,
    );
    let geo = GeoIPData { asn: Some(64500), prefix_length: Some(24), ..Default::default() };
    check(
        &ip_result("geo-asn", IPData::GeoAsn(Box::new(geo))),
        r#"{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"geo-asn","data":{"continentCode":null,"countryCode":null,"region":null,"regionCode":null,"city":null,"postalCode":null,"latitude":null,"longitude":null,"timezone":null,"registeredCountryGeoNameId":null,"representedCountryGeoNameId":null,"asn":64500,"asnOrg":null,"networkAddress":null,"prefixLength":24}}"#,
    );
}

#[test]
fn results_of_names() {
    let zone = ZoneInfo {
        zone: "ok.cz".into(),
        soa: SOARecord {
            primary_ns: "ns1.ok.cz".into(),
            resp_mailbox_dname: "admin.ok.cz".into(),
            serial: "2026010101".into(),
            refresh: 1,
            retry: 2,
            expire: 3,
            min_ttl: 4,
        },
        public_suffix: "cz".into(),
        has_dnskey: Some(false),
        primary_nameserver_ips: vec!["192.0.2.1".into()],
        secondary_nameservers: vec![],
        secondary_nameserver_ips: vec![],
    };
    let zone_json = r#"{"zone":"ok.cz","soa":{"primaryNS":"ns1.ok.cz","respMailboxDname":"admin.ok.cz","serial":"2026010101","refresh":1,"retry":2,"expire":3,"minTTL":4},"publicSuffix":"cz","hasDNSKEY":false,"primaryNameserverIPs":["192.0.2.1"],"secondaryNameservers":[],"secondaryNameserverIPs":[]}"#;
    check(
        &ZoneResult {
            status_code: Status::OK,
            error: None,
            last_attempt: Timestamp(1),
            zone: Some(zone.clone()),
            label: None,
        },
        &format!(r#"{{"statusCode":0,"error":null,"lastAttempt":1,"zone":{zone_json},"label":null}}"#),
    );
    let dns = DNSResult {
        status_code: Status::OK,
        error: None,
        last_attempt: Timestamp(2),
        dns_data: Some(DNSData {
            ttl_values: [("CNAME".to_owned(), 60)].into_iter().collect(),
            cname: Some(CNAMERecord { value: "x.cz".into(), related_ips: Some(vec![]) }),
            errors: Some([("A".to_owned(), "Timeout".to_owned())].into_iter().collect()),
            ..Default::default()
        }),
        ips: Some(vec![IPFromRecord { ip: "::1".into(), rr_type: "CNAME".into() }]),
    };
    let dns_json = r#"{"statusCode":0,"error":null,"lastAttempt":2,"dnsData":{"ttlValues":{"CNAME":60},"A":null,"AAAA":null,"CNAME":{"value":"x.cz","relatedIPs":[]},"MX":null,"NS":null,"TXT":null,"TXTJoined":null,"errors":{"A":"Timeout"},"DNSSEC":null},"ips":[{"ip":"::1","rrType":"CNAME"}]}"#;
    check(&dns, dns_json);
    let tls = TLSResult {
        status_code: Status::OK,
        error: None,
        last_attempt: Timestamp(3),
        tls_data: Some(TLSData {
            from_ip: "::1".into(),
            protocol: "TLSv1.3".into(),
            cipher: "TLS_AES_256_GCM_SHA384".into(),
            certificates: vec![Certificate {
                dn: "CN=x.cz".into(),
                der_data: Der(vec![0, 255, 16]),
                rfc4514_dn: None,
            }],
            openssl_cipher: Some("TLS_AES_256_GCM_SHA384".into()),
        }),
        final_http_code: Some(404),
        html: Some("<p>\u{e9}</p>".into()),
        html_cut: false,
    };
    let tls_json = "{\"statusCode\":0,\"error\":null,\"lastAttempt\":3,\"tlsData\":{\"fromIP\":\"::1\",\"protocol\":\"TLSv1.3\",\"cipher\":\"TLS_AES_256_GCM_SHA384\",\"certificates\":[{\"dn\":\"CN=x.cz\",\"derData\":\"AP8Q\",\"rfc4514Dn\":null}],\"opensslCipher\":\"TLS_AES_256_GCM_SHA384\"},\"html\":\"<p>\u{e9}</p>\",\"finalHttpCode\":404}";
    check(&tls, tls_json);
    let rdap = RDAPDomainResult {
        status_code: Status::NOT_FOUND,
        error: None,
        last_attempt: Timestamp(4),
        rdap_target: "ok.cz".into(),
        whois_status_code: Status::OK,
        rdap_data: None,
        entities: None,
        whois_error: None,
        whois_raw: Some("domain: ok.cz\n".into()),
        whois_parsed: Some(FreeJson::parse(r#"{"domain_name":"ok.cz"}"#).unwrap()),
        rdap_registry_data: Some(FreeJson::parse(r#"{"a":1.0}"#).unwrap()),
        rdap_registrar_data: None,
        found: None,
    };
    let rdap_json = r#"{"statusCode":12,"error":null,"lastAttempt":4,"rdapTarget":"ok.cz","whoisStatusCode":0,"rdapData":null,"entities":null,"whoisError":null,"whoisRaw":"domain: ok.cz\n","whoisParsed":{"domain_name":"ok.cz"},"rdapRegistryData":{"a":1.0},"rdapRegistrarData":null}"#;
    check(&rdap, rdap_json);

    let nerd = ip_result("nerd", IPData::Nerd(NERDData::default()));
    let ips = TextMap::from_iter([("::1".to_owned(), TextMap::from_iter([("nerd".to_owned(), nerd)]))]);
    check(
        &AllCollectedData {
            zone: Some(zone),
            dns_result: dns,
            tls_result: Some(tls),
            rdap_domain_result: Some(rdap),
            ip_results: Some(ips),
            label: Some("l".into()),
            missing: Some(TextMap::from_iter([("rtt of ::1".to_owned(), "deadline".to_owned())])),
        },
        &format!(
            r#"{{"zone":{zone_json},"dnsResult":{dns_json},"tlsResult":{tls_json},"rdapDomainResult":{rdap_json},"ipResults":{{"::1":{{"nerd":{{"statusCode":0,"error":null,"lastAttempt":1700000000123,"collector":"nerd","data":{{"reputation":0.0}}}}}}}},"label":"l","missing":{{"rtt of ::1":"deadline"}}}}"#
        ),
    );
}

#[test]
fn requests_have_defaults() {
    assert_eq!(serde_json::from_str::<ZoneRequest>("{}").unwrap(), ZoneRequest::default());
    assert!(serde_json::from_str::<ZoneRequest>(r#"{"collectDNS":"maybe"}"#).is_err());
    check(
        &ZoneRequest { dns_types_to_process_ips_from: Some(vec![]), ..Default::default() },
        r#"{"collectDNS":true,"collectRDAP":true,"dnsTypesToCollect":null,"dnsTypesToProcessIPsFrom":[],"label":null,"collectors":null}"#,
    );
}
