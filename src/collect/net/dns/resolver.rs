//! Recursion through the configured resolvers: failover, a cache by TTL, one flight for identical questions.
//!
//! NXDOMAIN and NODATA are answers. Failures are remembered for some seconds too (RFC 9520), so that a dead name
//! server is not asked anew for each of its zones. Next: `race.rs` for the failover.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::net::NetError;
use hickory_resolver::system_conf::read_system_conf;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::name::write_wire;
use super::recent::Recent;
use super::session::Session;
use super::upstream::{Transport, Upstream};
use super::{Answer, AskError, DnsConfig, Exchange, Question, of_domain, race};
use crate::collect::net::trust::{TrustError, trust};
use crate::collect::net::{NetConfig, Resolve, ResolveError};
use crate::error::{Code, Coded, Exit};
use crate::model::DomainName;

/// How long a failure of the resolvers is remembered (RFC 9520 section 3.2: at least one second).
const FAILURE_LIFE: Duration = Duration::from_secs(5);
/// About how many bytes a question takes besides its answer.
const ENTRY: usize = 256;
/// Names asked for one after another when resolvers do not follow aliases themselves. A loop ends here too.
const MOST_QUESTIONS: usize = 8;

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// None is configured, and the system's cannot be read.
    #[error("no DNS resolver is configured and the system names none")]
    System(#[source] NetError),
    /// The certificates of resolvers cannot be checked.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

pub(crate) static NO_RESOLVER: Code = Code {
    name: "dns-no-resolver",
    exit: Exit::Config,
    about: "There is no recursive resolver to ask.",
    hint: "set `resolvers` in section `dns` of the configuration to a list of addresses",
};

impl Coded for ResolverError {
    fn code(&self) -> &'static Code {
        match self {
            Self::System(_) => &NO_RESOLVER,
            Self::Trust(error) => error.code(),
        }
    }
}

type Outcome = Result<Arc<Answer>, AskError>;

/// The type and the name on the wire, lower case: one comparison of octets in place of one by label and letter.
type Key = Box<[u8]>;

/// Empty while the question is on its way.
type Slot = Arc<OnceCell<Kept>>;

#[derive(Debug)]
struct Kept {
    outcome: Outcome,
    /// When it no longer counts.
    until: Instant,
    size: usize,
}

/// The recursive resolvers of the configuration, and what they said lately.
#[derive(Debug)]
pub struct Resolver {
    exchange: Arc<Exchange>,
    servers: Vec<Server>,
    /// Counts the questions, so that the resolvers take turns.
    turn: AtomicUsize,
    timeout: Duration,
    /// Bytes of the cache.
    room: usize,
    cache: Recent<Key, Slot>,
}

/// A resolver, by how it is asked.
#[derive(Debug)]
enum Server {
    /// Through the exchange.
    Datagrams(SocketAddr),
    /// Over a connection.
    Session(Box<Session>),
}

impl Resolver {
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
        let room = usize::try_from(config.cache.0).unwrap_or(usize::MAX);
        let weigh = |slot: &Slot| ENTRY + slot.get().map_or(0, |kept| kept.size);
        let (cache, turn) = (Recent::new(room, weigh), AtomicUsize::new(0));
        Ok(Self { exchange, servers, turn, timeout: config.timeout.0, room, cache })
    }

    /// The answer to a question, from the cache or from the resolvers.
    pub async fn lookup(&self, name: &Name, rr_type: RecordType) -> Outcome {
        let now = Instant::now();
        // One that is on its way is for all who ask meanwhile.
        let fresh = |slot: &Slot| slot.get().is_none_or(|kept| now < kept.until);
        let slot = self.cache.get_or_insert_with(key(name, rr_type), fresh, Slot::default);
        // In a box, so that those who find an answer do not carry the room for asking.
        slot.get_or_init(|| Box::pin(self.ask(name, rr_type))).await.outcome.clone()
    }

    async fn ask(&self, name: &Name, rr_type: RecordType) -> Kept {
        let question = Question { name: name.clone(), rr_type, recursion: true };
        let (turn, count) = (self.turn.fetch_add(1, Ordering::Relaxed), self.servers.len());
        let until = Instant::now() + self.timeout;
        let runners = (0..count).map(|place| {
            let server = &self.servers[turn.wrapping_add(place) % count];
            self.put(&question, server, until)
        });
        let outcome = race::race(runners, self.timeout).await.map(Arc::new);
        let size = outcome.as_ref().map_or(0, |answer| answer.size());
        self.cache.grow(size);
        let now = Instant::now();
        // One that would push out all others is only for those who wait for it.
        let until = if ENTRY + size > self.room / 2 { now } else { now + lifetime(&outcome) };
        Kept { outcome, until, size }
    }

    async fn put(&self, question: &Question, server: &Server, until: Instant) -> Result<Answer, AskError> {
        let rest = until.duration_since(Instant::now());
        let reply = match server {
            Server::Datagrams(address) => self.exchange.ask(*address, question, rest).await?,
            Server::Session(session) => session.ask(question, rest).await?,
        };
        Answer::read(question, reply)
    }

    /// The addresses of `host`: IPv4 before IPv6, each in numeric order. Empty if it has none.
    pub async fn addresses_of(&self, host: &Name) -> Result<Vec<IpAddr>, AskError> {
        let (v4, v6) =
            tokio::join!(self.of_family(host, RecordType::A), self.of_family(host, RecordType::AAAA));
        match (v4, v6) {
            // One family alone is an answer, but only if it has addresses: else nothing is known for sure.
            (Ok(found), Err(error)) | (Err(error), Ok(found)) if found.is_empty() => Err(error),
            (Err(v4), Err(v6)) => Err(v4.or(v6)),
            (v4, v6) => Ok(v4.unwrap_or_default().into_iter().chain(v6.unwrap_or_default()).collect()),
        }
    }

    async fn of_family(&self, host: &Name, rr_type: RecordType) -> Result<Vec<IpAddr>, AskError> {
        let mut host = host.clone();
        for _ in 0..MOST_QUESTIONS {
            let answer = self.lookup(&host, rr_type).await?;
            let end = answer.end_of_aliases(&host);
            if let Some(set) = answer.rr_set(end, rr_type) {
                return Ok(set.addresses());
            }
            if *end == host || answer.denied() {
                break;
            }
            host = end.clone();
        }
        Ok(vec![])
    }
}

impl Resolve for Resolver {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            if let Ok(address) = host.parse() {
                return Ok(vec![address]);
            }
            let failed = |reason: String| ResolveError::Failed(host.to_owned(), reason);
            let name = DomainName::parse(host).map_err(|error| failed(error.to_string()))?;
            // Twice the time of a question: aliases may have to be asked for.
            let addresses =
                tokio::time::timeout(self.timeout * 2, self.addresses_of(&of_domain(&name))).await;
            match addresses.unwrap_or(Err(AskError::Timeout)) {
                Ok(found) if found.is_empty() => Err(ResolveError::NotFound(host.to_owned())),
                Ok(found) => Ok(found),
                Err(AskError::Timeout) => Err(ResolveError::Timeout(host.to_owned())),
                Err(error) => Err(failed(error.to_string())),
            }
        })
    }
}

fn of_system() -> Result<Vec<Upstream>, NetError> {
    let (config, _) = read_system_conf()?;
    let port = |server: &hickory_resolver::config::NameServerConfig| {
        server.connections.first().map_or(53, |connection| connection.port)
    };
    Ok(config.name_servers.iter().map(|server| SocketAddr::new(server.ip, port(server)).into()).collect())
}

fn key(name: &Name, rr_type: RecordType) -> Key {
    let mut key = Vec::with_capacity(2 + name.len() + 1);
    key.extend_from_slice(&u16::from(rr_type).to_be_bytes());
    write_wire(name, &mut key);
    key[2..].make_ascii_lowercase();
    key.into()
}

/// How long an outcome counts.
fn lifetime(outcome: &Outcome) -> Duration {
    match outcome {
        Ok(answer) => answer.lifetime(),
        // These are ours, not the name's.
        Err(AskError::Busy | AskError::Io(_) | AskError::Session(_)) => Duration::ZERO,
        Err(_) => FAILURE_LIFE,
    }
}
