//! Recursion by others: the configured resolvers, or those of the system, each question to the next of them, with
//! failover (`race.rs`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::net::NetError;
use hickory_resolver::system_conf::read_system_conf;
use tokio::time::Instant;

use super::cache::{Cache, Outcome, key};
use super::session::Session;
use super::signed::Signed;
use super::upstream::{Transport, Upstream};
use super::{Answer, AskError, DnsConfig, Exchange, Question, ResolverError, race};
use crate::collect::net::NetConfig;
use crate::collect::net::trust::{TrustError, trust};

/// The recursive resolvers of the configuration, and what they said lately.
#[derive(Debug)]
pub(super) struct Forwarder {
    exchange: Arc<Exchange>,
    servers: Vec<Server>,
    /// Counts the questions, so that the resolvers take turns.
    turn: AtomicUsize,
    timeout: Duration,
    answers: Cache<Answer>,
    signed: Cache<Signed>,
}

/// What is made of a reply.
type Read<T> = fn(&Question, Message) -> Result<T, AskError>;

/// A resolver, by how it is asked.
#[derive(Debug)]
enum Server {
    /// Through the exchange.
    Datagrams(SocketAddr),
    /// Over a connection.
    Session(Box<Session>),
}

impl Forwarder {
    /// The resolvers of `config`, or those of the system if it names none. Certificates are checked as `net` says.
    pub fn new(exchange: Arc<Exchange>, config: &DnsConfig, net: &NetConfig) -> Result<Self, ResolverError> {
        let upstreams = match config.resolvers.as_slice() {
            [] => of_system().map_err(ResolverError::System)?,
            configured => configured.to_vec(),
        };
        let server = |upstream: Upstream| match upstream.transport {
            Transport::Udp => Ok(Server::Datagrams(upstream.address)),
            _ => Ok(Server::Session(Box::new(Session::new(upstream, config, trust(net)?)))),
        };
        let servers = upstreams.into_iter().map(server).collect::<Result<_, TrustError>>()?;
        let room = config.cache.bytes();
        let of_signed = if config.dnssec { room / 4 } else { 0 };
        Ok(Self {
            exchange,
            servers,
            turn: AtomicUsize::new(0),
            timeout: config.timeout.0,
            answers: Cache::new(room - of_signed),
            signed: Cache::new(of_signed),
        })
    }

    /// The answer to a question, from the cache or from the resolvers.
    pub async fn lookup(&self, name: &Name, rr_type: RecordType) -> Outcome<Answer> {
        let question = Question { name: name.clone(), rr_type, recursion: true, signed: false };
        let flight = self.answers.flight(key(name, rr_type));
        self.answers.outcome(&flight, || self.ask(question, Answer::read)).await
    }

    /// What a validator needs to know of a name and type.
    pub async fn signed(&self, name: &Name, rr_type: RecordType) -> Outcome<Signed> {
        let question = Question { name: name.clone(), rr_type, recursion: true, signed: true };
        let flight = self.signed.flight(key(name, rr_type));
        self.signed.outcome(&flight, || self.ask(question, Signed::read)).await
    }

    async fn ask<T>(&self, question: Question, read: Read<T>) -> Outcome<T> {
        let (turn, count) = (self.turn.fetch_add(1, Ordering::Relaxed), self.servers.len());
        let until = Instant::now() + self.timeout;
        let runners = (0..count).map(|place| {
            let server = &self.servers[turn.wrapping_add(place) % count];
            self.put(&question, server, read, until)
        });
        race::race(runners, self.timeout).await.map(Arc::new)
    }

    async fn put<T>(
        &self,
        question: &Question,
        server: &Server,
        read: Read<T>,
        until: Instant,
    ) -> Result<T, AskError> {
        let rest = until.duration_since(Instant::now());
        let reply = match server {
            Server::Datagrams(address) => self.exchange.ask(*address, question, rest).await?,
            Server::Session(session) => session.ask(question, rest).await?,
        };
        read(question, reply)
    }
}

fn of_system() -> Result<Vec<Upstream>, NetError> {
    let (config, _) = read_system_conf()?;
    let port = |server: &hickory_resolver::config::NameServerConfig| {
        server.connections.first().map_or(53, |connection| connection.port)
    };
    Ok(config.name_servers.iter().map(|server| SocketAddr::new(server.ip, port(server)).into()).collect())
}
