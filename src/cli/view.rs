//! Records for people: what matters of a joined record in a screenful, and any value as indented text.

use serde_json::Value;

use super::show::{BAD, BOLD, DIM, GOOD, styled};
use crate::model::Status;

/// Longest text of one line.
const WIDTH: usize = 160;

/// A joined record.
pub fn record(record: &Value) -> String {
    let mut lines = vec![styled(BOLD, text(&record["domainName"]))];
    let mut put = |label: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {label:<10} {}", cut(value)));
        }
    };
    let zone = &record["zone"];
    put(
        "zone",
        format!(
            "{}  primary {}  DNSKEY {}",
            text(&zone["zone"]),
            text(&zone["soa"]["primaryNS"]),
            text(&zone["hasDNSKEY"])
        ),
    );
    let dns = &record["dnsResult"];
    put("dns", status(dns));
    let data = &dns["dnsData"];
    for kind in ["A", "AAAA", "TXT"] {
        put(kind, list(&data[kind]));
    }
    put("CNAME", text(&data["CNAME"]["value"]));
    put("MX", each(&data["MX"], |mx| format!("{} {}", text(&mx["priority"]), text(&mx["value"]))));
    put("NS", each(&data["NS"], |ns| text(&ns["nameserver"])));
    let tls = &record["tlsResult"];
    if !tls.is_null() {
        put("tls", status(tls));
        let data = &tls["tlsData"];
        if !data.is_null() {
            put(
                "",
                format!(
                    "{} {} from {}",
                    text(&data["protocol"]),
                    text(&data["cipher"]),
                    text(&data["fromIP"])
                ),
            );
            put("", each(&data["certificates"], |certificate| text(&certificate["dn"])));
        }
        put(
            "page",
            tls["html"].as_str().map_or(String::new(), |html| format!("{} characters", html.chars().count())),
        );
    }
    let rdap = &record["rdapDomainResult"];
    if !rdap.is_null() {
        put("rdap", status(rdap));
        let events = each(&rdap["rdapData"]["events"], |event| {
            format!("{} {}", text(&event["eventAction"]), text(&event["eventDate"]))
        });
        put("", events);
        let whois = rdap["whoisStatusCode"].as_i64().map(|code| Status(code as i32));
        put(
            "whois",
            whois.filter(|status| *status != Status::WHOIS_NOT_PERFORMED).map_or(String::new(), coloured),
        );
        put("", text(&rdap["whoisParsed"]["registrar"]));
    }
    for (address, results) in record["ipResults"].as_object().into_iter().flatten() {
        let data = |collector: &str| &results[collector]["data"];
        let geo = data("geo-asn");
        let parts = [
            format!("{} {}", text(&geo["countryCode"]), text(&geo["city"])),
            geo["asn"].as_i64().map_or(String::new(), |asn| format!("AS{asn} {}", text(&geo["asnOrg"]))),
            data("rtt")["avg"].as_f64().map_or(String::new(), |avg| format!("rtt {avg:.1} ms")),
            data("nerd")["reputation"].as_f64().map_or(String::new(), |score| format!("nerd {score}")),
            text(&data("rdap-ip")["handle"]),
        ];
        let failed =
            results.as_object().into_iter().flatten().filter(|(_, result)| result["statusCode"] != 0);
        let failed: Vec<_> =
            failed.map(|(collector, result)| format!("{collector} {}", status(result))).collect();
        let parts =
            parts.iter().map(|part| part.trim().to_owned()).chain(failed).filter(|part| !part.is_empty());
        put(address, parts.collect::<Vec<_>>().join("  "));
    }
    lines.join("\n")
}

/// Any value, indented.
pub fn value(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.lines().map(|line| cut(format!("  {line}"))).collect::<Vec<_>>().join("\n")
}

fn status(result: &Value) -> String {
    let status = Status(result["statusCode"].as_i64().unwrap_or(-1) as i32);
    match result["error"].as_str() {
        Some(error) => format!("{} {}", coloured(status), styled(DIM, error)),
        None => coloured(status),
    }
}

fn coloured(status: Status) -> String {
    styled(if status.ok() { GOOD } else { BAD }, status)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> String {
    each(value, text)
}

fn each(value: &Value, show: impl Fn(&Value) -> String) -> String {
    value.as_array().into_iter().flatten().map(show).collect::<Vec<_>>().join(", ")
}

fn cut(text: String) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}
