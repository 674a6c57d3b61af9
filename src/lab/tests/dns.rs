//! Name servers, asked with hickory-proto messages over UDP and TCP.

use std::net::Ipv4Addr;
use std::str::FromStr;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use super::*;
use crate::lab::universe::RESOLVER;

const PRIMARY: Ipv4Addr = Ipv4Addr::new(127, 53, 10, 1);

struct Client {
    lab: Lab,
    socket: UdpSocket,
}

impl Client {
    async fn start(options: LabOptions) -> Self {
        Self { lab: lab(options).await, socket: UdpSocket::bind("127.0.0.1:0").await.unwrap() }
    }

    async fn ask(&self, server: Ipv4Addr, name: &str, kind: RecordType) -> Option<Message> {
        self.send(server, &query(name, kind, Some(1232)), SOON).await
    }

    async fn send(&self, server: Ipv4Addr, query: &Message, wait: Duration) -> Option<Message> {
        self.socket.send_to(&query.to_vec().unwrap(), (server, self.lab.ports.dns)).await.unwrap();
        let mut buffer = [0; 4096];
        let (length, peer) = timeout(wait, self.socket.recv_from(&mut buffer)).await.ok()?.unwrap();
        assert_eq!(peer.ip(), server);
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!((answer.id, &answer.queries), (query.id, &query.queries));
        Some(answer)
    }
}

fn query(name: &str, kind: RecordType, payload: Option<u16>) -> Message {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_str(name).unwrap(), kind));
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        query.edns = Some(edns);
    }
    query
}

/// Type and data of the answers, in order.
fn answers(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| format!("{} {}", record.record_type(), record.data)).collect()
}

fn authority(message: &Message) -> Vec<RecordType> {
    message.authorities.iter().map(hickory_proto::rr::Record::record_type).collect()
}

#[tokio::test]
async fn the_resolver_answers_follows_aliases_and_denies() {
    let client = Client::start(LabOptions::default()).await;
    let ask = async |name, kind| client.ask(RESOLVER, name, kind).await.unwrap();
    let soa = ask("PLNA-lab.cz.", RecordType::SOA).await;
    assert!(soa.recursion_available && !soa.authoritative);
    assert!(answers(&soa)[0].starts_with("SOA ns1.hosting-lab.cz. hostmaster.plna-lab.cz."), "{soa}");
    assert!(soa.answers[0].name.eq_case(&Name::from_str("PLNA-lab.cz.").unwrap()), "case is echoed: {soa}");
    assert_eq!(ask("plna-lab.cz.", RecordType::DNSKEY).await.answers.len(), 1);
    assert_eq!(ask("kruh-lab.org.", RecordType::DNSKEY).await.answers.len(), 0);
    assert_eq!(answers(&ask("plna-lab.cz.", RecordType::AAAA).await), ["AAAA ::1"]);
    assert_eq!(answers(&ask("ns1.hosting-lab.cz.", RecordType::A).await), ["A 127.53.10.1"]);

    let chain = ask("www.retez-lab.cz.", RecordType::A).await;
    let kinds: Vec<_> = chain.answers.iter().map(hickory_proto::rr::Record::record_type).collect();
    let [cname, a] = [RecordType::CNAME, RecordType::A];
    assert_eq!(kinds, [cname, cname, cname, a, a], "{chain}");
    let circle = ask("a.kruh-lab.org.", RecordType::A).await;
    assert_eq!((circle.response_code, circle.answers.len()), (ResponseCode::NoError, 2));
    let dangling = ask("shop.dangling-lab.com.", RecordType::A).await;
    assert_eq!((dangling.response_code, dangling.answers.len()), (ResponseCode::NXDomain, 1));

    for (name, kind, code) in [
        ("b.c.d.e.f.hluboka-lab.org.", RecordType::A, ResponseCode::NoError),
        ("ns1.vlastni-lab.com.", RecordType::SOA, ResponseCode::NoError),
        ("prazdna-lab.cz.", RecordType::A, ResponseCode::NoError),
        ("neni-tu.zdrava-lab.cz.", RecordType::A, ResponseCode::NXDomain),
        ("neexistuje-lab.cz.", RecordType::SOA, ResponseCode::NXDomain),
        ("host.invalidtld.", RecordType::A, ResponseCode::NXDomain),
        ("rozbita-lab.com.", RecordType::SOA, ResponseCode::ServFail),
        ("lame.obec-lab.cz.", RecordType::A, ResponseCode::ServFail),
        ("www.selhava-lab.org.", RecordType::TXT, ResponseCode::ServFail),
        ("www.selhava-lab.org.", RecordType::SOA, ResponseCode::NoError),
        ("stara-lab.com.", RecordType::AAAA, ResponseCode::NoError),
    ] {
        let answer = ask(name, kind).await;
        assert_eq!(answer.response_code, code, "{name} {kind}");
        let alias_only = |record: &hickory_proto::rr::Record| record.record_type() == cname;
        assert!(answer.answers.iter().all(alias_only), "{name} {kind}: {answer}");
        if code != ResponseCode::ServFail {
            assert_eq!(authority(&answer), [RecordType::SOA], "{name} {kind}");
        }
    }
    assert_eq!(answers(&ask("zavrena-lab.net.", RecordType::A).await), ["A 127.80.7.12"]);
    assert_eq!(answers(&ask("tissi-lab.net.", RecordType::A).await), ["A 127.80.8.13"]);
}

#[tokio::test]
async fn servers_of_a_zone_answer_refer_refuse_and_stay_silent() {
    let client = Client::start(LabOptions::default()).await;
    let at = |third: u8, fourth: u8| Ipv4Addr::new(127, 53, third, fourth);
    let own = client.ask(PRIMARY, "plna-lab.cz.", RecordType::MX).await.unwrap();
    assert!(own.authoritative && !own.recursion_available);
    assert_eq!(answers(&own), ["MX 10 mail.plna-lab.cz."]);
    let alias = client.ask(PRIMARY, "www.plna-lab.cz.", RecordType::A).await.unwrap();
    assert_eq!(answers(&alias), ["CNAME plna-lab.cz.", "A 127.80.1.10"]);
    let out = client.ask(PRIMARY, "www.cdn-klient-lab.cz.", RecordType::A).await.unwrap();
    assert_eq!(answers(&out), ["CNAME www-cdn-klient.edge.cdn-lab.net."]);

    // From the root to the zone, by referrals.
    for (server, name, refers_to) in [
        (at(1, 1), "ci.vyvoj.firma-lab.cz.", "a.tld.registry-lab.net."),
        (at(2, 1), "ci.vyvoj.firma-lab.cz.", "ns1.hosting-lab.cz."),
        (PRIMARY, "ci.vyvoj.firma-lab.cz.", "dns1.wolke-lab.de."),
        (PRIMARY, "x.lame.obec-lab.cz.", "ns1.broken-lab.net."),
    ] {
        let referral = client.ask(server, name, RecordType::A).await.unwrap();
        assert!(!referral.authoritative && referral.answers.is_empty(), "{referral}");
        assert_eq!(referral.authorities[0].data.to_string(), refers_to);
        assert_eq!(referral.additionals.len(), referral.authorities.len());
    }
    let end = client.ask(at(12, 1), "ci.vyvoj.firma-lab.cz.", RecordType::A).await.unwrap();
    assert_eq!((end.authoritative, answers(&end)), (true, vec!["A 127.80.5.13".to_owned()]));

    for (server, name, code) in [
        (PRIMARY, "alias-lab.com.", ResponseCode::Refused),
        (PRIMARY, "neni-tu.zdrava-lab.cz.", ResponseCode::NXDomain),
        (at(20, 1), "skryta-lab.com.", ResponseCode::Refused),
        (at(20, 2), "skryta-lab.com.", ResponseCode::NoError),
        (at(21, 1), "zavrena-lab.net.", ResponseCode::Refused),
        (at(22, 2), "ticha-lab.com.", ResponseCode::NoError),
        (at(24, 2), "polomrtva-lab.net.", ResponseCode::NoError),
        (at(25, 1), "lame.obec-lab.cz.", ResponseCode::ServFail),
        (at(11, 1), "stara-lab.com.", ResponseCode::ServFail),
        (at(11, 1), "www.selhava-lab.org.", ResponseCode::ServFail),
    ] {
        let kind = if name == "stara-lab.com." { RecordType::AAAA } else { RecordType::A };
        assert_eq!(client.ask(server, name, kind).await.unwrap().response_code, code, "{server} {name}");
    }
    for (server, name, kind) in [
        (at(22, 1), "ticha-lab.com.", RecordType::A),
        (at(23, 1), "tissi-lab.net.", RecordType::A),
        (at(24, 1), "polomrtva-lab.net.", RecordType::A),
        (at(26, 1), "mrtva.kraj-lab.cz.", RecordType::A),
        (RESOLVER, "mrtva-lab.net.", RecordType::SOA),
        (RESOLVER, "mrtva.kraj-lab.cz.", RecordType::A),
        (RESOLVER, "filtr-lab.cz.", RecordType::TXT),
        (PRIMARY, "filtr-lab.cz.", RecordType::MX),
        (RESOLVER, "www.mlci-lab.org.", RecordType::A),
    ] {
        let silence = client.send(server, &query(name, kind, None), SILENCE).await;
        assert!(silence.is_none(), "{server} {name}: {silence:?}");
    }
    assert_eq!(
        answers(&client.ask(PRIMARY, "filtr-lab.cz.", RecordType::A).await.unwrap()),
        ["A 127.80.1.10"]
    );
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_truncated_and_whole_over_tcp() {
    let client = Client::start(LabOptions::default()).await;
    for payload in [None, Some(512), Some(1232), Some(4096)] {
        let query = query("tlusta-lab.info.", RecordType::TXT, payload);
        let answer = client.send(RESOLVER, &query, SOON).await.unwrap();
        assert!(answer.truncation && answer.answers.len() < 12, "{payload:?}");
        assert_eq!(answer.edns.is_some(), payload.is_some());
    }
    let mut stream = TcpStream::connect((RESOLVER, client.lab.ports.dns)).await.unwrap();
    for _ in 0..2 {
        let query = query("tlusta-lab.info.", RecordType::TXT, None).to_vec().unwrap();
        stream.write_u16(query.len() as u16).await.unwrap();
        stream.write_all(&query).await.unwrap();
        let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut answer).await.unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        assert_eq!((answer.truncation, answer.answers.len()), (false, 12));
    }
}

#[tokio::test]
async fn slow_names_answer_late_and_hold_nobody_up() {
    let delay = Duration::from_millis(300);
    let slow = vec![("Plna-LAB.cz".to_owned(), delay)];
    let client = Client::start(LabOptions { slow, ..LabOptions::default() }).await;
    let start = Instant::now();
    let late = query("www.plna-lab.cz.", RecordType::A, None).to_vec().unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    other.send_to(&late, (RESOLVER, client.lab.ports.dns)).await.unwrap();
    client.ask(RESOLVER, "kavarna-lab.cz.", RecordType::SOA).await.unwrap();
    assert!(start.elapsed() < delay);
    timeout(SOON, other.recv(&mut [0; 512])).await.unwrap().unwrap();
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn computed_names_are_served_like_stored_ones() {
    let client = Client::start(LabOptions { scale: 30, ..LabOptions::default() }).await;
    let names = client.lab.names();
    assert_eq!(names.iter().filter(|name| name.contains("n0000")).count(), 30);
    let soa = client.ask(RESOLVER, "n000011-lab.com.", RecordType::SOA).await.unwrap();
    assert_eq!(soa.answers.len(), 1);
    let referral = client.ask(Ipv4Addr::new(127, 53, 3, 1), "n000011-lab.com.", RecordType::A).await.unwrap();
    assert!(!referral.authorities.is_empty() && referral.answers.is_empty(), "{referral}");
    let beyond = client.ask(RESOLVER, "n000031-lab.com.", RecordType::SOA).await.unwrap();
    assert_eq!(beyond.response_code, ResponseCode::NXDomain);
}
