//! Chains of WHOIS servers on the loopback.

use serde_json::json;

use super::*;
use crate::collect::net::LimitsConfig;
use crate::collect::net::loopback::{
    Asked, Framing, Hosts, Reply, Server as Loopback, client, closed, dialer,
};
use crate::units::{Size, Span};

const REGISTRATION: &str = "Domain Name: OK.ZZ\r\nRegistrar: R\r\n";

fn say(text: impl AsRef<[u8]>) -> Reply {
    Reply::Write(text.as_ref().to_vec())
}

async fn server(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Loopback {
    Loopback::start(None, Framing::Line, script).await
}

/// A client whose list of servers is `list`.
fn whois(list: &str, change: impl FnOnce(&mut WhoisConfig)) -> (WhoisClient, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, list).unwrap();
    let servers = vec![file.path().to_str().unwrap().to_owned()];
    let mut config = WhoisConfig { servers, timeout: Span::millis(300), ..WhoisConfig::default() };
    change(&mut config);
    let limiter = Arc::new(Limiter::new(LimitsConfig::default()));
    (WhoisClient::new(config, dialer(&[("whois.example", &["127.0.0.1"])]), client(&[]), limiter), file)
}

fn name(name: &str) -> DomainName {
    DomainName::parse(name).unwrap()
}

fn heads(server: &Loopback) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.head).collect()
}

#[tokio::test]
async fn follows_referrals_and_reads_the_last_answer() {
    let registrar =
        server(|_| say("Domain Name: ok.zz\nRegistrar: R, Inc.\nRegistrant Name: Žaneta\n")).await;
    let referral =
        format!("{REGISTRATION}Registrar WHOIS Server: whois.example:{}\r\n", registrar.address.port());
    let registry = server(move |_| say(&referral)).await;
    let (whois, _file) = whois(&format!("zz whois.example:{} domain %s", registry.address.port()), |_| {});
    let found = whois.look_up(&name("ok.zz")).await.unwrap();
    assert!(found.raw.starts_with(REGISTRATION) && found.raw.ends_with("Registrant Name: Žaneta\n"));
    let parsed: serde_json::Value = serde_json::from_str(found.parsed.text()).unwrap();
    assert_eq!(parsed, json!({"domain_name": "ok.zz", "registrar": "R, Inc.", "registrant_name": "Žaneta"}));
    assert_eq!(
        (heads(&registry), heads(&registrar)),
        (vec!["domain ok.zz\r\n".into()], vec!["ok.zz\r\n".into()])
    );
}

#[tokio::test]
async fn the_root_is_asked_once_who_knows_a_top_level_domain() {
    let registry = server(|_| say(REGISTRATION)).await;
    let refer = format!("domain: ZZ\nwhois: {}\n", registry.address);
    let root = server(move |asked| match asked.head.as_str() {
        "zz\r\n" => say(&refer),
        _ => say("% no such domain\n"),
    })
    .await;
    let (whois, _file) = whois(&format!(". {}", root.address), |_| {});
    for ok in ["ok.zz", "other.zz"] {
        assert_eq!(whois.look_up(&name(ok)).await.unwrap().raw, REGISTRATION);
    }
    assert_eq!(heads(&root), ["zz\r\n"]);
    let unknown = whois.look_up(&name("ok.yy")).await.unwrap_err();
    assert!(matches!(unknown, WhoisError::NoServer), "{unknown:?}");
    assert_eq!(unknown.status(), Status::CANNOT_FETCH);
}

#[tokio::test]
async fn a_failing_referral_takes_nothing_away() {
    let closed = closed().await.to_string();
    let limited = server(|_| say("Query rate limit exceeded")).await.address.to_string();
    let strange = server(|_| say("Something in a shape that nobody knows")).await.address.to_string();
    for next in [closed, limited, strange, "unknown.example".to_owned()] {
        let text = format!("{REGISTRATION}Registrar WHOIS Server: {next}\r\n");
        let registry = server(move |_| say(&text)).await;
        let (whois, _file) = whois(&format!("zz {}", registry.address), |_| {});
        let found = whois.look_up(&name("ok.zz")).await.unwrap();
        assert!(found.raw.starts_with(REGISTRATION) && found.parsed.text().contains("OK.ZZ"), "{next}");
    }
}

#[tokio::test]
async fn circles_and_long_chains_end() {
    // A server that refers to itself, then one that refers on to further servers for ever.
    let port = Arc::new(std::sync::OnceLock::new());
    let own = port.clone();
    let circle =
        server(move |_| say(format!("{REGISTRATION}Whois Server: 127.0.0.1:{}\n", own.get().unwrap()))).await;
    port.set(circle.address.port()).unwrap();
    let (client, _file) = whois(&format!("zz {}", circle.address), |_| {});
    client.look_up(&name("ok.zz")).await.unwrap();
    assert_eq!(heads(&circle).len(), 1);

    let asked_at =
        |address: &str| format!("{REGISTRATION}Whois Server: {address}:{}\n", circle.address.port());
    let chain: Vec<String> = ["127.0.0.1", "localhost"].map(asked_at).to_vec();
    let second = server(move |_| say(&chain[0])).await;
    let first_text = format!("{REGISTRATION}Whois Server: {}\n", second.address);
    let first = server(move |_| say(&first_text)).await;
    let (client, _file) = whois(&format!("zz {}", first.address), |config| config.max_servers = 2);
    client.look_up(&name("ok.zz")).await.unwrap();
    assert_eq!((heads(&first).len(), heads(&second).len(), heads(&circle).len()), (1, 1, 1));
}

#[tokio::test]
async fn says_why_there_is_no_answer() {
    for (case, reply, status) in [
        ("R17 not found", say("No match for \"OK.ZZ\".\r\n"), Status::NOT_FOUND),
        ("R17 limited", say("WHOIS LIMIT EXCEEDED\r\n"), Status::RATE_LIMITED),
        ("R17 nothing", say(""), Status::CANNOT_FETCH),
        ("R18 silence", Reply::Hang(b"Domain".to_vec()), Status::TIMEOUT),
    ] {
        let server = server(move |_| reply.clone()).await;
        let (whois, _file) = whois(&format!("zz {}", server.address), |_| {});
        assert_eq!(whois.look_up(&name("ok.zz")).await.unwrap_err().status(), status, "{case}");
    }
    let reset = Loopback::start(None, Framing::Bytes(1), |_| Reply::Reset).await;
    for (case, server, status) in [
        ("R18 reset", reset.address.to_string(), Status::CANNOT_FETCH),
        ("R18 refused", closed().await.to_string(), Status::CANNOT_FETCH),
        ("R18 DNS failure", "unknown.example".to_owned(), Status::CANNOT_FETCH),
        ("R18 DNS timeout", Hosts::SILENT.to_owned(), Status::TIMEOUT),
        ("policy", "0.0.0.0".to_owned(), Status::CANNOT_FETCH),
    ] {
        let (whois, _file) = whois(&format!("zz {server}"), |_| {});
        assert_eq!(whois.look_up(&name("ok.zz")).await.unwrap_err().status(), status, "{case}");
    }
    let (whois, _file) = whois("a-line-without-server\n", |_| {});
    assert!(matches!(whois.look_up(&name("ok.zz")).await, Err(WhoisError::List(_))));
}

#[tokio::test]
async fn long_answers_are_cut_and_odd_bytes_read() {
    for (answer, expected) in [
        (&b"Registrar: \xe9\n"[..], "Registrar: é\n".to_owned()),
        ("Registrar: é".as_bytes(), "Registrar: é".to_owned()),
        (&[b"Registrar: ", &[b'x'; 100][..]].concat(), format!("Registrar: {}", "x".repeat(29))),
    ] {
        let answer = answer.to_vec();
        let server = server(move |_| say(&answer)).await;
        let (whois, _file) = whois(&format!("zz {}", server.address), |config| config.max_answer = Size(40));
        assert_eq!(whois.look_up(&name("ok.zz")).await.unwrap().raw, expected);
    }
}

/// A server that says so in prose is left alone as one is that says so in a status of HTTP.
#[tokio::test]
async fn a_server_that_limits_us_is_left_alone_for_a_while() {
    let server = server(|_| say("WHOIS LIMIT EXCEEDED\r\n")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("zz {}", server.address)).unwrap();
    let servers = vec![file.path().to_str().unwrap().to_owned()];
    // Nobody waits, so that being left alone shows.
    let limits = LimitsConfig { wait: Span::secs(0), ..LimitsConfig::default() };
    let config = WhoisConfig { servers, ..WhoisConfig::default() };
    let whois = WhoisClient::new(config, dialer(&[]), client(&[]), Arc::new(Limiter::new(limits)));
    let mut statuses = vec![];
    for name in ["a.zz", "b.zz"] {
        statuses.push(whois.look_up(&DomainName::parse(name).unwrap()).await.unwrap_err().status());
    }
    assert_eq!((statuses, heads(&server).len()), (vec![Status::RATE_LIMITED, Status::LOCAL_RATE_LIMIT], 1));
}
