//! The DNS of the lab: a resolver and the authoritative servers, each on an address of its own, UDP and TCP on one port.
//!
//! Decides the message around an answer: flags, EDNS, letter case, truncation, delay. What is answered is in `answer.rs`.

mod answer;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::answer::{resolve, serve};
use super::LabError;
use super::listen;
use super::universe::{RESOLVER, Universe, text_name};

/// Greatest UDP answer (DNS flag day 2020); truncated above.
const MAX_UDP: u16 = 1232;
/// Answers that wait for their delay at once; queries above are dropped.
const MAX_DELAYED: usize = 4096;
/// How long a TCP client may take for its next query.
const IDLE: Duration = Duration::from_secs(10);

/// All name servers of the lab.
pub struct Dns {
    universe: Arc<Universe>,
    /// Names, canonical, whose answers wait so long; names below them wait as well.
    slow: Vec<(String, Duration)>,
}

impl Dns {
    /// Binds all servers to one port and starts them; returns the port.
    pub fn start(
        universe: Arc<Universe>,
        slow: Vec<(String, Duration)>,
        port: u16,
        tasks: &mut JoinSet<()>,
    ) -> Result<u16, LabError> {
        let addresses: Vec<IpAddr> =
            [RESOLVER].iter().chain(universe.server_modes.keys()).map(|&address| address.into()).collect();
        let dns = Arc::new(Self { universe, slow });
        let both = |address| Ok((listen::udp(address)?, listen::tcp(address)?));
        let (port, sockets) = listen::on_one_port(&addresses, port, both)?;
        for (address, (udp, tcp)) in sockets {
            let server = match address {
                IpAddr::V4(v4) if v4 != RESOLVER => Some(v4),
                _ => None,
            };
            tasks.spawn(dns.clone().udp(server, udp));
            tasks.spawn(dns.clone().tcp(server, tcp));
        }
        Ok(port)
    }

    /// Serves a socket as the authoritative server at an address, or as the resolver.
    async fn udp(self: Arc<Self>, server: Option<Ipv4Addr>, socket: UdpSocket) {
        let socket = Arc::new(socket);
        let mut delayed = JoinSet::new();
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => return tracing::warn!(%error, "a name server of the lab ends"),
            };
            let Some((answer, delay)) = self.respond(server, &buffer[..length], false) else { continue };
            if delay.is_zero() {
                // An answer that cannot be sent is lost, as on any network.
                let _ = socket.send_to(&answer, peer).await;
                continue;
            }
            while delayed.try_join_next().is_some() {}
            if delayed.len() < MAX_DELAYED {
                let socket = socket.clone();
                delayed.spawn(async move {
                    sleep(delay).await;
                    let _ = socket.send_to(&answer, peer).await;
                });
            }
        }
    }

    async fn tcp(self: Arc<Self>, server: Option<Ipv4Addr>, listener: TcpListener) {
        listen::accept(listener, |stream| self.clone().connection(server, stream)).await;
    }

    /// Queries and answers with a length in front (RFC 1035 section 4.2.2).
    async fn connection(self: Arc<Self>, server: Option<Ipv4Addr>, mut stream: TcpStream) {
        while let Ok(Ok(length)) = timeout(IDLE, stream.read_u16()).await {
            let mut query = vec![0; length.into()];
            let Ok(Ok(_)) = timeout(IDLE, stream.read_exact(&mut query)).await else { return };
            let Some((answer, delay)) = self.respond(server, &query, true) else { continue };
            sleep(delay).await;
            let Ok(length) = u16::try_from(answer.len()) else { return };
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            if stream.write_all(&framed).await.is_err() {
                return;
            }
        }
    }

    /// The answer to a query and how long it waits; `None` if there is none.
    fn respond(&self, server: Option<Ipv4Addr>, query: &[u8], tcp: bool) -> Option<(Vec<u8>, Duration)> {
        let query = Message::from_vec(query).ok().filter(|query| query.message_type == MessageType::Query)?;
        let max_size = if tcp { u16::MAX } else { query.max_payload().min(MAX_UDP) };
        let mut response = Message::response(query.id, query.op_code);
        response.metadata.recursion_desired = query.recursion_desired;
        response.metadata.recursion_available = server.is_none();
        response.edns = query.edns.as_ref().map(|_| {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_UDP);
            edns
        });
        let mut delay = Duration::ZERO;
        match query.queries.as_slice() {
            [question] if query.op_code == OpCode::Query => {
                let name = text_name(question.name());
                self.fill(&mut response, server, &name, question)?;
                delay = self.delay(&name);
            }
            _ => response.metadata.response_code = ResponseCode::FormErr,
        }
        response.queries = query.queries;
        let mut bytes = Vec::with_capacity(512);
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_max_size(max_size);
        // What does not fit is left out, and the answer is marked as truncated.
        response.emit(&mut encoder).ok()?;
        Some((bytes, delay))
    }

    /// Puts the answer into the message; `None` for silence.
    fn fill(
        &self,
        response: &mut Message,
        server: Option<Ipv4Addr>,
        name: &str,
        question: &Query,
    ) -> Option<()> {
        let kind = question.query_type();
        let mut answer = match server {
            Some(server) => serve(&self.universe, server, name, kind)?,
            None => resolve(&self.universe, name, kind)?,
        };
        // Servers echo the letter case of the question in the owner, by pointing to it.
        for record in answer.answers.iter_mut().filter(|record| record.name == *question.name()) {
            record.name = question.name().clone();
        }
        response.metadata.response_code = answer.code;
        response.metadata.authoritative = answer.authoritative;
        response.answers = answer.answers;
        response.authorities = answer.authorities;
        response.additionals = answer.additionals;
        Some(())
    }

    fn delay(&self, name: &str) -> Duration {
        let below =
            |slow: &str| name == slow || name.strip_suffix(slow).is_some_and(|above| above.ends_with('.'));
        self.slow.iter().find(|(slow, _)| below(slow)).map_or(Duration::ZERO, |(_, delay)| *delay)
    }
}
