//! A DNS server for tests that does what a script says, on real UDP and TCP sockets of the loopback.
//!
//! A script is a function from what was asked to the datagrams sent back; [`zone`] makes one from the text of a zone
//! with faults in it. Used by the tests of the engine, of `collect/zone` and of `collect/dns`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a server was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub query: Message,
    pub from: SocketAddr,
    pub tcp: bool,
    /// How often the same was asked before over the same transport.
    pub before: usize,
}

/// One datagram of the server, or one message on its TCP connection.
#[derive(Clone, Debug)]
pub(crate) enum Send {
    Reply(Message),
    Bytes(Vec<u8>),
    /// From another port than was asked.
    Elsewhere(Message),
}

type Script = dyn Fn(&Asked) -> Vec<Send> + std::marker::Send + Sync;

/// A server at work; ends when dropped.
pub(crate) struct Server {
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    count: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

impl Asked {
    pub fn name(&self) -> &Name {
        &self.query.queries[0].name
    }

    pub fn rr_type(&self) -> RecordType {
        self.query.queries[0].query_type
    }

    /// An empty reply that fits.
    pub fn reply(&self) -> Message {
        let mut reply = self.query.clone();
        reply.metadata.message_type = MessageType::Response;
        reply.metadata.recursion_available = true;
        reply.edns = None;
        reply
    }

    /// A reply with an address for the name.
    pub fn address(&self, address: &str) -> Message {
        let mut reply = self.reply();
        reply.add_answer(record(&self.name().to_ascii(), 60, "A", address));
        reply
    }

    /// A reply that says only this.
    pub fn code(&self, code: ResponseCode) -> Message {
        let mut reply = self.reply();
        reply.metadata.response_code = code;
        reply
    }
}

impl Server {
    /// A server on a free port of 127.0.0.1.
    pub async fn start(script: impl Fn(&Asked) -> Vec<Send> + std::marker::Send + Sync + 'static) -> Self {
        Self::bind("127.0.0.1:0", script).await.unwrap()
    }

    /// A server at `address`; port 0 stands for a free one.
    pub async fn bind(
        address: &str,
        script: impl Fn(&Asked) -> Vec<Send> + std::marker::Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind(address).await?;
            match TcpListener::bind(udp.local_addr()?).await {
                Ok(tcp) => break (udp, tcp),
                // The port is free for one transport only.
                Err(_) if address.ends_with(":0") => {}
                Err(error) => return Err(error),
            }
        };
        let address = udp.local_addr()?;
        let log = Arc::new(Mutex::new(vec![]));
        let (counter, count) = watch::channel(0);
        let desk = Arc::new(Desk { script: Box::new(script), log: log.clone(), counter });
        let mut tasks = JoinSet::new();
        tasks.spawn(over_udp(udp, desk.clone()));
        tasks.spawn(over_tcp(tcp, desk));
        Ok(Self { address, log, count, _tasks: tasks })
    }

    /// All that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }

    /// How often `rr_type` of `name` was asked for.
    pub fn times(&self, name: &str, rr_type: RecordType) -> usize {
        let name = absolute(name);
        self.asked().iter().filter(|asked| *asked.name() == name && asked.rr_type() == rr_type).count()
    }

    /// Waits until so many queries have come.
    pub async fn has_heard(&self, queries: usize) {
        self.count.clone().wait_for(|&count| count >= queries).await.unwrap();
    }
}

struct Desk {
    script: Box<Script>,
    log: Arc<Mutex<Vec<Asked>>>,
    counter: watch::Sender<usize>,
}

impl Desk {
    fn serve(&self, query: &[u8], from: SocketAddr, tcp: bool) -> Vec<Send> {
        let query = Message::from_vec(query).unwrap();
        let mut asked = Asked { query, from, tcp, before: 0 };
        let mut log = self.log.lock().unwrap();
        let same = |other: &&Asked| {
            (other.name(), other.rr_type(), other.tcp) == (asked.name(), asked.rr_type(), tcp)
        };
        asked.before = log.iter().filter(same).count();
        log.push(asked.clone());
        let acts = (self.script)(&asked);
        self.counter.send_replace(log.len());
        acts
    }
}

async fn over_udp(socket: UdpSocket, desk: Arc<Desk>) {
    let mut buffer = [0; 1500];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        for send in desk.serve(&buffer[..length], from, false) {
            match send {
                Send::Reply(reply) => socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap(),
                Send::Bytes(bytes) => socket.send_to(&bytes, from).await.unwrap(),
                Send::Elsewhere(reply) => {
                    let other = UdpSocket::bind((socket.local_addr().unwrap().ip(), 0)).await.unwrap();
                    other.send_to(&reply.to_vec().unwrap(), from).await.unwrap()
                }
            };
        }
    }
}

async fn over_tcp(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, from) = listener.accept().await.unwrap();
        let desk = desk.clone();
        // A client that hangs up ends its connection and nothing else.
        connections.spawn(async move {
            let _ = converse(stream, from, &desk).await;
        });
    }
}

async fn converse(mut stream: TcpStream, from: SocketAddr, desk: &Desk) -> std::io::Result<()> {
    let mut query = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut query).await?;
    for send in desk.serve(&query, from, true) {
        let bytes = match send {
            Send::Reply(reply) | Send::Elsewhere(reply) => reply.to_vec().unwrap(),
            Send::Bytes(bytes) => bytes,
        };
        stream.write_u16(bytes.len().try_into().unwrap()).await?;
        stream.write_all(&bytes).await?;
    }
    Ok(())
}

/// A name, with or without its final dot.
pub(crate) fn absolute(name: impl AsRef<str>) -> Name {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    name
}

/// A record from the text of its parts.
pub(crate) fn record(owner: &str, ttl: u32, rr_type: &str, data: &str) -> Record {
    let rr_type: RecordType = rr_type.parse().unwrap();
    let data = match rr_type {
        // hickory reads no text of these. Flags, protocol and algorithm (RFC 4034 section 2.1) are those of any zone, key tag
        // and algorithms of a digest (section 5.1) as good as others; what follows does not matter here.
        RecordType::DNSKEY => opaque(rr_type, [1, 1, 3, 13], data),
        RecordType::DS => opaque(rr_type, [0, 1, 13, 2], data),
        _ => RData::try_from_str(rr_type, data).unwrap(),
    };
    Record::from_rdata(absolute(owner), ttl, data)
}

fn opaque(code: RecordType, head: [u8; 4], tail: &str) -> RData {
    let rdata = hickory_proto::rr::rdata::NULL::with([&head, tail.as_bytes()].concat());
    RData::Unknown { code, rdata }
}

/// A script from text. Lines are records, `owner ttl type data`, or faults, `owner[/type] ! fault`, where the owner `*`
/// stands for all names and the fault is SILENT, LAME, TRUNCATED (over UDP), EDNS (FORMERR to queries with it) or a response
/// code. Aliases are followed. NS records below a SOA are delegations, unless they have a SOA themselves.
pub(crate) fn zone(
    text: &str,
    authoritative: bool,
) -> impl Fn(&Asked) -> Vec<Send> + std::marker::Send + Sync + use<> {
    let mut records = vec![];
    let mut faults = HashMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((owner, fault)) = line.split_once(" ! ") {
            faults.insert(owner.to_owned(), fault.to_owned());
        } else {
            let mut parts = line.splitn(4, ' ');
            let mut part = || parts.next().unwrap();
            records.push(record(part(), part().parse().unwrap(), part(), part()));
        }
    }
    move |asked| {
        let name = asked.name().to_lowercase().to_ascii();
        let name = name.trim_end_matches('.');
        let typed = format!("/{}", asked.rr_type());
        let owners = [format!("{name}{typed}"), name.to_owned(), format!("*{typed}"), "*".to_owned()];
        let fault = owners.iter().find_map(|owner| faults.get(owner)).map(String::as_str);
        let reply = match fault {
            Some("SILENT") => return vec![],
            Some("LAME") => {
                let mut reply = asked.reply();
                reply.add_authority(record("example", 60, "NS", "ns.example."));
                reply
            }
            Some("TRUNCATED") if !asked.tcp => {
                let mut reply = asked.reply();
                reply.metadata.truncation = true;
                reply
            }
            Some("EDNS") if asked.query.edns.is_some() => asked.code(ResponseCode::FormErr),
            Some("TRUNCATED" | "EDNS") | None => from_records(&records, asked, authoritative),
            Some("SERVFAIL") => asked.code(ResponseCode::ServFail),
            Some("REFUSED") => asked.code(ResponseCode::Refused),
            Some("NXDOMAIN") => asked.code(ResponseCode::NXDomain),
            Some(other) => panic!("no such fault: {other}"),
        };
        vec![Send::Reply(reply)]
    }
}

fn from_records(records: &[Record], asked: &Asked, authoritative: bool) -> Message {
    let mut reply = asked.reply();
    let mut name = asked.name().clone();
    if authoritative && let Some(child) = delegated(records, &name, asked.rr_type()) {
        let servers = || records.iter().filter(|ns| ns.record_type() == RecordType::NS && ns.name == child);
        let is_glue = |record: &&Record| {
            record.data.ip_addr().is_some()
                && servers().any(|ns| matches!(&ns.data, RData::NS(host) if host.0 == record.name))
        };
        reply.add_authorities(servers().cloned());
        reply.add_additionals(records.iter().filter(is_glue).cloned());
        return reply;
    }
    reply.metadata.authoritative = authoritative;
    for _ in 0..8 {
        let of_name = || records.iter().filter(|record| record.name == name);
        let found: Vec<_> = of_name().filter(|record| record.record_type() == asked.rr_type()).collect();
        if !found.is_empty() {
            reply.add_answers(found.into_iter().cloned());
            return reply;
        }
        let Some(alias) = of_name().find(|record| record.record_type() == RecordType::CNAME) else { break };
        reply.add_answer(alias.clone());
        let RData::CNAME(target) = &alias.data else { unreachable!("filtered by type") };
        name = target.0.clone();
        name.set_fqdn(true);
    }
    if !records.iter().any(|record| name.zone_of(&record.name)) {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    let of_zones =
        records.iter().filter(|record| record.record_type() == RecordType::SOA && record.name.zone_of(&name));
    reply.add_authorities(of_zones.max_by_key(|soa| soa.name.iter().len()).cloned());
    reply
}

/// The child that a name lies in, if the zone leaves that to others.
fn delegated(records: &[Record], name: &Name, rr_type: RecordType) -> Option<Name> {
    let has_soa = |owner: &Name| {
        records.iter().any(|record| record.record_type() == RecordType::SOA && record.name == *owner)
    };
    let cuts = records.iter().filter(|ns| ns.record_type() == RecordType::NS && ns.name.zone_of(name));
    let deepest = cuts.map(|ns| &ns.name).max_by_key(|owner| owner.iter().len())?;
    let is_below = (0..deepest.iter().len()).any(|labels| has_soa(&deepest.trim_to(labels)));
    // DS records are with the parent.
    let is_parents = rr_type == RecordType::DS && deepest == name;
    (is_below && !has_soa(deepest) && !is_parents).then(|| deepest.clone())
}
