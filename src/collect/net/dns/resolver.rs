//! Recursive resolution for all who need it: through resolvers, or from the root. Answers, and addresses of hosts.
//!
//! NXDOMAIN and NODATA are answers. Next: `forwarder.rs` and `recursor/`, the two ways to an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::net::NetError;

use super::answer::End;
use super::cache::Outcome;
use super::config::Recursion;
use super::forwarder::Forwarder;
use super::recursor::Recursor;
use super::signed::Signed;
use super::validator::{Security, Validator};
use super::{Answer, AskError, DnsConfig, Exchange, RrSet, of_domain};
use crate::collect::net::file::FileError;
use crate::collect::net::trust::TrustError;
use crate::collect::net::{NetConfig, Resolve, ResolveError};
use crate::error::{Code, Coded, Exit};
use crate::model::DomainName;

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
    /// The root servers or the root's keys cannot be read from their file.
    #[error(transparent)]
    File(#[from] FileError),
}

pub(crate) static NO_RESOLVER: Code = Code {
    name: "dns-no-resolver",
    exit: Exit::Config,
    about: "There is no recursive resolver to ask.",
    hint: "set `resolvers` in section `dns` of the configuration to a list of addresses, or `recursion` to root",
};

impl Coded for ResolverError {
    fn code(&self) -> &'static Code {
        match self {
            Self::System(_) => &NO_RESOLVER,
            Self::Trust(error) => error.code(),
            Self::File(error) => error.code(),
        }
    }
}

/// Finds out what no known server of a zone says.
#[derive(Debug)]
pub struct Resolver {
    source: Arc<Source>,
    validator: Option<Validator>,
    timeout: Duration,
}

/// Where answers come from.
#[derive(Debug)]
pub(super) enum Source {
    Resolvers(Forwarder),
    Root(Recursor),
}

impl Resolver {
    /// The recursion that `config` wants. Certificates of resolvers are checked as `net` says. Blocks while it reads files.
    pub fn new(exchange: Arc<Exchange>, config: &DnsConfig, net: &NetConfig) -> Result<Self, ResolverError> {
        let source = match config.recursion {
            Recursion::Resolvers => Source::Resolvers(Forwarder::new(exchange, config, net)?),
            Recursion::Root => Source::Root(Recursor::new(exchange, config)?),
        };
        let source = Arc::new(source);
        let validator = config.dnssec.then(|| Validator::new(source.clone(), config)).transpose()?;
        Ok(Self { source, validator, timeout: config.timeout.0 })
    }

    /// The answer to a question, from the cache or from those who know it.
    pub async fn lookup(&self, name: &Name, rr_type: RecordType) -> Outcome<Answer> {
        match &*self.source {
            Source::Resolvers(forwarder) => forwarder.lookup(name, rr_type).await,
            Source::Root(recursor) => recursor.lookup(name, rr_type).await,
        }
    }

    /// What DNSSEC says of records that `name` is said to have; `None` if it is not to be asked.
    pub async fn security(&self, name: &Name, rr_type: RecordType, set: &RrSet<'_>) -> Option<Security> {
        match &self.validator {
            Some(validator) => Some(validator.judge(name, rr_type, set).await),
            None => None,
        }
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
            if *end == host || answer.end() != End::Open {
                break;
            }
            host = end.clone();
        }
        Ok(vec![])
    }
}

impl Source {
    /// What a validator needs to know of a name and type.
    pub async fn signed(&self, name: &Name, rr_type: RecordType) -> Outcome<Signed> {
        match self {
            Self::Resolvers(forwarder) => forwarder.signed(name, rr_type).await,
            Self::Root(recursor) => recursor.signed(name, rr_type).await,
        }
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
