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
use moka::Expiry;
use moka::future::Cache;

use super::{Answer, AskError, DnsConfig, Exchange, Question, of_domain};
use crate::collect::net::{Resolve, ResolveError};
use crate::error::{Code, Coded, Exit};
use crate::model::DomainName;

/// How long a failure of the resolvers is remembered (RFC 9520 section 3.2: at least one second).
const FAILURE_LIFE: Duration = Duration::from_secs(5);
/// Names asked for one after another when resolvers do not follow aliases themselves. A loop ends here too.
const MOST_QUESTIONS: usize = 8;

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// None is configured, and the system's cannot be read.
    #[error("no DNS resolver is configured and the system names none")]
    System(#[source] NetError),
}

pub(crate) static NO_RESOLVER: Code = Code {
    name: "dns-no-resolver",
    exit: Exit::Config,
    about: "There is no recursive resolver to ask.",
    hint: "set `resolvers` in section `dns` of the configuration to a list of address:port",
};

impl Coded for ResolverError {
    fn code(&self) -> &'static Code {
        match self {
            Self::System(_) => &NO_RESOLVER,
        }
    }
}

type Outcome = Result<Arc<Answer>, AskError>;
type Key = (Name, RecordType);

/// The recursive resolvers of the configuration, and what they said lately.
#[derive(Debug)]
pub struct Resolver {
    exchange: Arc<Exchange>,
    servers: Vec<SocketAddr>,
    /// Counts the questions, so that the resolvers take turns.
    turn: AtomicUsize,
    timeout: Duration,
    cache: Cache<Key, Outcome>,
}

impl Resolver {
    /// The resolvers of `config`, or those of the system if it names none.
    pub fn new(exchange: Arc<Exchange>, config: &DnsConfig) -> Result<Self, ResolverError> {
        let servers = match config.resolvers.as_slice() {
            [] => of_system().map_err(ResolverError::System)?,
            configured => configured.to_vec(),
        };
        let cache = Cache::builder()
            .max_capacity(config.cache.0)
            .weigher(|_, outcome: &Outcome| {
                let answer = outcome.as_ref().map_or(0, |answer| answer.size());
                u32::try_from(size_of::<(Key, Outcome)>() + answer).unwrap_or(u32::MAX)
            })
            .expire_after(Lifetime)
            .build();
        Ok(Self { exchange, servers, turn: AtomicUsize::new(0), timeout: config.timeout.0, cache })
    }

    /// The answer to a question, from the cache or from the resolvers.
    pub async fn lookup(&self, name: &Name, rr_type: RecordType) -> Result<Arc<Answer>, AskError> {
        let flight = async {
            let question = Question { name: name.clone(), rr_type, recursion: true };
            let mut servers = self.servers.clone();
            servers.rotate_left(self.turn.fetch_add(1, Ordering::Relaxed) % self.servers.len().max(1));
            self.exchange.race(&servers, &question, self.timeout).await.map(Arc::new)
        };
        self.cache.get_with((name.clone(), rr_type), flight).await
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

fn of_system() -> Result<Vec<SocketAddr>, NetError> {
    let (config, _) = read_system_conf()?;
    let port = |server: &hickory_resolver::config::NameServerConfig| {
        server.connections.first().map_or(53, |connection| connection.port)
    };
    Ok(config.name_servers.iter().map(|server| SocketAddr::new(server.ip, port(server))).collect())
}

/// How long an outcome stays in the cache.
struct Lifetime;

impl Expiry<Key, Outcome> for Lifetime {
    fn expire_after_create(&self, _: &Key, outcome: &Outcome, _: std::time::Instant) -> Option<Duration> {
        Some(match outcome {
            Ok(answer) => answer.lifetime(),
            // These are ours, not the name's.
            Err(AskError::Busy | AskError::Io(_)) => Duration::ZERO,
            Err(_) => FAILURE_LIFE,
        })
    }
}
