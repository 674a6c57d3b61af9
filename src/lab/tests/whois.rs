//! WHOIS servers, asked as the table of servers says.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

/// The bytes that a server sends; `None` for silence, an error if the port is closed.
async fn ask(lab: &Lab, server: Ipv4Addr, query: &str) -> std::io::Result<Option<Vec<u8>>> {
    let mut stream = TcpStream::connect((server, lab.ports.whois)).await?;
    stream.write_all(format!("{query}\r\n").as_bytes()).await?;
    let mut text = vec![];
    match timeout(SILENCE * 4, stream.read_to_end(&mut text)).await {
        Ok(read) => read.map(|_| Some(text)),
        Err(_) => Ok(None),
    }
}

/// The address of the server that the table names for a top-level domain.
fn server(lab: &Lab, tld: &str) -> Ipv4Addr {
    let table = std::fs::read_to_string(&list(lab, "whois.servers")[0]).unwrap();
    let line = table.lines().find_map(|line| line.strip_prefix(&format!("{tld} "))).unwrap();
    let (host, port) = line.split_once(':').unwrap();
    assert_eq!(port, lab.ports.whois.to_string());
    let whois = lab.universe.registries.iter().filter_map(|registry| registry.whois.as_ref());
    whois.into_iter().find(|whois| whois.host == host).unwrap().at
}

#[tokio::test]
async fn answers_have_the_shape_of_their_registry() {
    let lab = lab(LabOptions::default()).await;
    for (name, lines) in [
        ("plna-lab.cz", &["domain:       plna-lab.cz\r\n", "registered:   "][..]),
        ("alias-lab.com", &["   Domain Name: ALIAS-LAB.COM\r\n", "Registrar WHOIS Server: whois."]),
        ("hosted-mail-lab.org", &["Domain Name: hosted-mail-lab.org\r\n", "Registrant Name: "]),
        ("ohne-rdap-lab.de", &["Domain: ohne-rdap-lab.de\r\n", "Status: connect\r\n"]),
        ("sans-rdap-lab.eu", &["Registrar:\r\n        Name: "]),
        ("never-lab.io", &["Domain not found."]),
        ("neznama-lab.cz", &["%ERROR:101: no entries found"]),
        ("related-lab.cz", &["no entries found"]),
        ("unknown-lab.io", &["Domain not found."]),
        ("limited-lab.io", &["too fast"]),
        ("stranka-rdap-lab.info", &["Queried interval is too short"]),
    ] {
        let tld = name.rsplit('.').next().unwrap();
        let text = ask(&lab, server(&lab, tld), name).await.unwrap().unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in lines {
            assert!(text.contains(line), "{name}: {line:?} is not in {text}");
        }
        assert!(!text.contains('{') && !text.replace("\r\n", "").contains('\n'), "{text}");
    }
    // Latin-1, from a registry whose names are all ordinary ones.
    let mut facts = lab.universe.names.iter().filter_map(|(name, _)| lab.universe.facts(name));
    let facts = facts
        .find(|facts| facts.registry.tld == "co.uk" && facts.contact.organization.contains('ü'))
        .unwrap();
    let text = ask(&lab, server(&lab, "uk"), facts.domain).await.unwrap().unwrap();
    let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&text);
    assert!(text.contains(&format!("Domain name:\r\n        {}\r\n", facts.domain)), "{text}");
    assert!(text.contains("Müller Bau GmbH"), "{text}");
}

#[tokio::test]
async fn a_thin_registry_refers_to_the_registrar() {
    let lab = lab(LabOptions::default()).await;
    let thin = ask(&lab, server(&lab, "com"), "domain referral-lab.com").await.unwrap().unwrap();
    let thin = String::from_utf8(thin).unwrap();
    let (_, rest) = thin.split_once("Registrar WHOIS Server: whois.").unwrap();
    let (host, port) = rest.lines().next().unwrap().split_once(':').unwrap();
    assert_eq!(port, lab.ports.whois.to_string());
    let registrar = lab.universe.registrars.iter().find(|registrar| registrar.host == host).unwrap();
    let thick =
        String::from_utf8(ask(&lab, registrar.at, "referral-lab.com").await.unwrap().unwrap()).unwrap();
    assert!(thick.contains("Registrant Name: "), "{thick}");
}

#[tokio::test]
async fn some_servers_close_or_say_nothing() {
    let lab = lab(LabOptions::default()).await;
    let closed = ask(&lab, server(&lab, "cz"), "rozbity-rdap-lab.cz").await;
    assert!(matches!(&closed, Ok(Some(text)) if text.is_empty()), "{closed:?}");
    assert!(ask(&lab, server(&lab, "cz"), "tichy-rdap-lab.cz").await.unwrap().is_none());
    let refused = ask(&lab, server(&lab, "fr"), "zavreny-whois-lab.fr").await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
