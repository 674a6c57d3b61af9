//! RDAP and NERD, asked over TLS with the root certificate of the lab, by the hosts that the bootstrap files name.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::*;
use crate::lab::universe::{NERD, NERD_HOST, RDAP};

/// A client that trusts the authority of the lab and nobody else.
pub(super) fn trusting(lab: &Lab) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(&settings(lab)["net.ca_file"]).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Sends `head` and `body` to `host` at an address and returns status and body; `None` for silence.
async fn exchange(lab: &Lab, at: Ipv4Addr, host: &str, head: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let stream = TcpStream::connect((at, lab.ports.services)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut stream = trusting(lab).connect(name, stream).await.unwrap();
    let port = lab.ports.services;
    let length = body.len();
    let head =
        format!("{head}\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = vec![];
    // The head comes at once or not at all.
    let first = timeout(SILENCE * 4, stream.read_buf(&mut answer)).await.ok()?.unwrap();
    assert!(first > 0);
    // An end without close_notify is an end.
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    Some((status, answer.split_off(end + 4)))
}

/// GETs an RDAP URL.
async fn get(lab: &Lab, url: &str) -> Option<(u16, Value)> {
    let (authority, path) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let (host, _) = authority.split_once(':').unwrap();
    let (status, body) = exchange(lab, RDAP, host, &format!("GET /{path} HTTP/1.1"), b"").await?;
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// The base URL that a bootstrap file of the lab gives for a key.
fn base(lab: &Lab, file: usize, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(&list(lab, "rdap.bootstrap")[file]).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["version"], "1.0");
    let services = file["services"].as_array().unwrap();
    let has = |service: &&Value| service[0].as_array().unwrap().iter().any(|k| k == key);
    services.iter().find(has).map(|service| service[1][0].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn rdap_domains_answer_as_their_registration_says() {
    let lab = lab(LabOptions { scale: 20, ..LabOptions::default() }).await;
    let domain = |tld: &str, name: &str| format!("{}domain/{name}", base(&lab, 0, tld).unwrap());
    let (status, thick) = get(&lab, &domain("cz", "plna-lab.cz")).await.unwrap();
    assert_eq!(
        (status, &thick["objectClassName"], &thick["ldhName"]),
        (200, &"domain".into(), &"plna-lab.cz".into())
    );
    let registrant =
        thick["entities"].as_array().unwrap().iter().find(|e| e["roles"][0] == "registrant").unwrap();
    assert_eq!(registrant["vcardArray"][0], "vcard");
    let stub = thick["entities"].as_array().unwrap().iter().find(|e| e["roles"][0] == "technical").unwrap();
    assert!(stub["vcardArray"].is_null());
    let (status, entity) = get(&lab, stub["links"][0]["href"].as_str().unwrap()).await.unwrap();
    assert_eq!((status, &entity["vcardArray"][0]), (200, &"vcard".into()));
    let idn = DomainName::parse("háčky-a-čárky-lab.cz").unwrap();
    let (_, idn) = get(&lab, &domain("cz", idn.as_str())).await.unwrap();
    assert_eq!(idn["unicodeName"], "háčky-a-čárky-lab.cz");

    for (name, registrar) in
        [("related-lab.com", 200), ("related404-lab.com", 404), ("related500-lab.com", 500)]
    {
        let (status, thin) = get(&lab, &domain("com", name)).await.unwrap();
        let related = thin["links"].as_array().unwrap().iter().find(|link| link["rel"] == "related").unwrap();
        let (there, _) = get(&lab, related["href"].as_str().unwrap()).await.unwrap();
        assert_eq!((status, there), (200, registrar), "{name}");
    }
    for (tld, name, status) in [
        ("cz", "neznama-lab.cz", 404),
        ("cz", "www.plna-lab.cz", 404),
        ("cz", "related-lab.com", 404),
        ("org", "omezena-lab.org", 429),
        ("cz", "rozbity-rdap-lab.cz", 500),
        ("info", "stranka-rdap-lab.info", 200),
        ("uk", "n000002-lab.co.uk", 200),
    ] {
        let (answered, object) = get(&lab, &domain(tld, name)).await.unwrap();
        assert_eq!(answered, status, "{name}");
        assert_eq!(object.is_null(), tld == "info", "{name}: {object}");
    }
    assert!(get(&lab, &domain("cz", "tichy-rdap-lab.cz")).await.is_none());
    assert_eq!(["de", "eu", "io"].map(|tld| base(&lab, 0, tld)), [None, None, None]);
}

#[tokio::test]
async fn rdap_networks_answer_as_the_network_says() {
    let lab = lab(LabOptions::default()).await;
    let v4 = base(&lab, 1, "127.80.0.0/16").unwrap();
    for (address, status) in
        [("127.80.1.10", 200), ("127.80.121.10", 404), ("127.80.122.10", 429), ("127.80.123.10", 500)]
    {
        let (answered, object) = get(&lab, &format!("{v4}ip/{address}")).await.unwrap();
        assert_eq!(answered, status, "{address}");
        if status == 200 {
            assert_eq!(
                (&object["startAddress"], &object["endAddress"]),
                (&"127.80.1.0".into(), &"127.80.1.255".into())
            );
        }
    }
    let (status, cidr) = get(&lab, &format!("{v4}ip/127.80.1.0/24")).await.unwrap();
    assert_eq!((status, &cidr["name"]), (200, &"LAB-BRNO-1".into()));
    assert!(get(&lab, &format!("{v4}ip/127.80.124.10")).await.is_none());
    assert_eq!(get(&lab, &format!("{v4}ip/127.80.125.10")).await.unwrap(), (200, Value::Null));
    let (status, v6) = get(&lab, &format!("{}ip/::1", base(&lab, 2, "::1/128").unwrap())).await.unwrap();
    assert_eq!((status, &v6["ipVersion"]), (200, &"v6".into()));
    assert_ne!(base(&lab, 1, "127.80.128.0/17").unwrap(), v4);
    assert_eq!(base(&lab, 1, "127.99.0.0/16"), None);
}

#[tokio::test]
async fn nerd_tells_reputations_and_fails_for_some_addresses() {
    let lab = lab(LabOptions::default()).await;
    let settings = settings(&lab);
    let path =
        settings["nerd.url"].strip_prefix(&format!("https://{NERD_HOST}:{}", lab.ports.services)).unwrap();
    let post = async |token: &str, addresses: &[[u8; 4]]| {
        let head = format!("POST {path} HTTP/1.1\r\nAuthorization: {token}");
        exchange(&lab, NERD, NERD_HOST, &head, addresses.as_flattened()).await
    };
    let token = settings["nerd.token"].as_str();
    let plain = [127, 80, 1, 10];
    let (status, scores) =
        post(token, &[plain, [127, 80, 135, 10], [10, 0, 0, 1], [127, 80, 6, 10]]).await.unwrap();
    let scores: Vec<f64> = scores.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    assert_eq!((status, scores), (200, vec![0.0, 0.934, 0.0, 0.11]));
    assert_eq!(post("wrong", &[plain]).await.unwrap().0, 403);
    assert_eq!(post(token, &[[127, 80, 132, 10]]).await.unwrap().0, 403);
    assert_eq!(post(token, &[[127, 80, 133, 10]]).await.unwrap().0, 429);
    assert!(post(token, &[[127, 80, 134, 10]]).await.is_none());
    let (status, short) = post(token, &[[127, 80, 131, 10]]).await.unwrap();
    assert_eq!((status, short.len()), (200, 7));
    // In a batch with others the client is made to split.
    for peculiar in [131, 132, 133, 134] {
        let (status, short) = post(token, &[plain, [127, 80, peculiar, 10]]).await.unwrap();
        assert_eq!((status, short.len()), (200, 15), "{peculiar}");
    }
}
