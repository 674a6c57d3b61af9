//! Records of every shape that fits, for property tests.

use proptest::prelude::*;

use crate::model::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,8}"]
}
fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..3)
}
fn option<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    prop::option::of(strategy)
}
fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::OK), (-1_i32..50).prop_map(Status)]
}
fn free() -> impl Strategy<Value = FreeJson> {
    prop_oneof![Just("0"), Just("[]"), Just(r#"{"a":[1e3,"\u00e9",{"b":null}],"Z":12345678901234567890}"#)]
        .prop_map(|text| FreeJson::parse(text).unwrap())
}

pub fn zone_result() -> impl Strategy<Value = ZoneResult> {
    let soa = (text(), any::<i64>());
    let zone = (text(), soa, option(any::<bool>()), texts(), texts());
    let zone = zone.prop_map(|(name, (primary, number), has_dnskey, ips, servers)| ZoneInfo {
        zone: name.clone(),
        soa: SOARecord {
            primary_ns: primary,
            resp_mailbox_dname: name.clone(),
            serial: number.to_string(),
            refresh: number,
            retry: number.wrapping_add(1),
            expire: 0,
            min_ttl: -1,
        },
        public_suffix: name,
        has_dnskey,
        primary_nameserver_ips: ips.clone(),
        secondary_nameservers: servers,
        secondary_nameserver_ips: ips,
    });
    (status(), option(text()), any::<i64>(), option(zone), option(text())).prop_map(
        |(status_code, error, at, zone, label)| ZoneResult {
            status_code,
            error,
            last_attempt: Timestamp(at),
            zone,
            label,
        },
    )
}

pub fn dns_result() -> impl Strategy<Value = DNSResult> {
    let mx = (text(), any::<i32>(), option(texts()));
    let mx = mx.prop_map(|(value, priority, related_ips)| MXRecord { value, priority, related_ips });
    let table = prop::collection::btree_map(text(), any::<i64>(), 0..3);
    let data = (table, option(texts()), option(prop::collection::vec(mx, 0..3)), option(texts()));
    let data = data.prop_map(|(ttl, a, mx, txt)| DNSData {
        ttl_values: TextMap(ttl),
        cname: a.clone().map(|a| CNAMERecord { value: "c".into(), related_ips: Some(a) }),
        errors: txt.is_none().then(|| [("TXT".to_owned(), "Timeout".to_owned())].into_iter().collect()),
        ns: txt.clone().map(|txt| vec![NSRecord { nameserver: "n".into(), related_ips: Some(txt) }]),
        aaaa: None,
        a,
        mx,
        txt_joined: txt.clone(),
        dnssec: txt.is_some().then(|| [("TXT".to_owned(), "secure".to_owned())].into_iter().collect()),
        txt,
    });
    let ips = prop::collection::vec((text(), text()), 0..4);
    let ips = ips.prop_map(|ips| ips.into_iter().map(|(ip, rr_type)| IPFromRecord { ip, rr_type }).collect());
    (status(), option(text()), any::<i64>(), option(data), option(ips)).prop_map(
        |(status_code, error, at, dns_data, ips)| DNSResult {
            status_code,
            error,
            last_attempt: Timestamp(at),
            dns_data,
            ips,
        },
    )
}

pub fn tls_result() -> impl Strategy<Value = TLSResult> {
    let chain = prop::collection::vec((text(), prop::collection::vec(any::<u8>(), 0..20)), 0..3);
    let data = (text(), chain).prop_map(|(from_ip, chain)| TLSData {
        cipher: from_ip.clone(),
        openssl_cipher: Some(from_ip.clone()),
        protocol: "TLSv1.3".into(),
        from_ip,
        certificates: chain
            .into_iter()
            .map(|(dn, der)| Certificate { rfc4514_dn: Some(dn.clone()), dn, der_data: Der(der) })
            .collect(),
    });
    (status(), option(text()), any::<i64>(), option(data), option(text())).prop_map(
        |(status_code, error, at, tls_data, html)| TLSResult {
            status_code,
            error,
            last_attempt: Timestamp(at),
            tls_data,
            html,
            final_http_code: Some(200),
            html_cut: false,
        },
    )
}

pub fn rdap_result() -> impl Strategy<Value = RDAPDomainResult> {
    (status(), option(text()), any::<i64>(), option(free()), option(text())).prop_map(
        |(status_code, error, at, json, whois_raw)| RDAPDomainResult {
            status_code,
            whois_error: error.clone(),
            error,
            last_attempt: Timestamp(at),
            rdap_target: "t".into(),
            whois_status_code: status_code,
            rdap_data: json.clone(),
            entities: json.clone(),
            whois_raw,
            whois_parsed: json.clone(),
            rdap_registry_data: json,
            rdap_registrar_data: None,
            found: None,
        },
    )
}

pub fn ip_result(collector: &'static str) -> impl Strategy<Value = CommonIPResult> {
    let data =
        (free(), -1e9..1e9_f64, option(any::<i64>())).prop_map(move |(json, number, asn)| match collector {
            "nerd" => IPData::Nerd(NERDData { reputation: number }),
            "rtt" => IPData::Rtt(RTTData { min: number, avg: -number, ..RTTData::default() }),
            "geo-asn" => IPData::GeoAsn(Box::new(GeoIPData {
                asn,
                latitude: asn.map(|_| number),
                ..GeoIPData::default()
            })),
            _ => IPData::Json(json),
        });
    (status(), option(text()), any::<i64>(), prop_oneof![Just(IPData::None), data]).prop_map(
        move |(status_code, error, at, data)| CommonIPResult {
            status_code,
            error,
            last_attempt: Timestamp(at),
            collector: collector.into(),
            data,
            found: None,
        },
    )
}

pub fn joined() -> impl Strategy<Value = (Option<ZoneResult>, AllCollectedData)> {
    let of_address =
        (ip_result("nerd"), ip_result("rtt"), ip_result("geo-asn"), ip_result("rdap-ip"), 0_usize..5);
    let of_address = of_address.prop_map(|(nerd, rtt, geo, rdap, count)| {
        let results = [nerd, rtt, geo, rdap].into_iter().take(count);
        results.map(|result| (result.collector.clone(), result)).collect::<TextMap<_>>()
    });
    let ips = prop::collection::btree_map(text(), of_address, 0..3).prop_map(TextMap);
    let missing = prop::collection::btree_map(text(), text(), 0..3).prop_map(TextMap);
    (option(zone_result()), dns_result(), option(tls_result()), option(rdap_result()), option(ips), missing)
        .prop_map(|(zone, dns_result, tls_result, rdap_domain_result, ip_results, missing)| {
            let info = zone.as_ref().and_then(|zone| zone.zone.clone());
            let label = zone.as_ref().and_then(|zone| zone.label.clone());
            (
                zone,
                AllCollectedData {
                    zone: info,
                    dns_result,
                    tls_result,
                    rdap_domain_result,
                    ip_results,
                    label,
                    missing: Some(missing),
                },
            )
        })
}
