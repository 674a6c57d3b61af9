//! Asks WHOIS servers along their referrals: the registry, then the registrar.
//!
//! The last good answer gives the fields; a server that fails on the way does not take away what came before. Each
//! server is bounded by `whois.timeout`, the whole by twice that.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::WhoisConfig;
use super::answer::{Meaning, meaning, referral};
use super::encoding;
use super::fields::Fields;
use super::servers::{Listed, Server, Servers};
use crate::collect::net::list::ListError;
use crate::collect::net::{DialError, Dialer, HttpClient, LimitError, Limiter};
use crate::model::{DomainName, FreeJson, Status};

/// Top-level domains whose servers are remembered, and for how long.
const REFERRED: (u64, Duration) = (10_000, Duration::from_secs(24 * 60 * 60));

/// Asks WHOIS servers. One per process, so that lists and referrals are loaded once.
pub struct WhoisClient {
    dialer: Dialer,
    limiter: Arc<Limiter>,
    servers: Servers,
    /// Servers by top-level domain, as the server for the root named them.
    referred: moka::future::Cache<String, Option<Server>>,
    config: WhoisConfig,
}

/// What WHOIS says of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Whois {
    /// The answers in the order of the referrals, joined by a line feed.
    pub raw: String,
    /// The fields of the last answer that has any, a JSON object.
    pub parsed: FreeJson,
}

/// Why WHOIS says nothing.
#[derive(Debug, thiserror::Error)]
pub enum WhoisError {
    /// No server is known for the top-level domain.
    #[error("no WHOIS server is known")]
    NoServer,
    /// A list of servers is not known.
    #[error("{0}")]
    List(#[from] ListError),
    /// Who knows the top-level domain could not be found out.
    #[error("no WHOIS server was referred to: {0}")]
    Referral(Arc<WhoisError>),
    /// The name is not registered.
    #[error("not found")]
    NotFound,
    /// The server wants to be asked less.
    #[error("the WHOIS server limits our rate")]
    RateLimited,
    /// The server said nothing.
    #[error("the WHOIS server said nothing")]
    Empty,
    /// The limiter did not let the question pass.
    #[error("{0}")]
    Limit(#[from] LimitError),
    /// No connection.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// No whole answer in time.
    #[error("no WHOIS answer in time")]
    Timeout,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Io(#[from] std::io::Error),
}

impl WhoisError {
    /// The status of a record.
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound => Status::NOT_FOUND,
            Self::RateLimited => Status::RATE_LIMITED,
            Self::Timeout => Status::TIMEOUT,
            Self::Dial(error) if error.timed_out() => Status::TIMEOUT,
            Self::Limit(error) => error.status(),
            Self::Referral(error) => error.status(),
            Self::NoServer | Self::List(_) | Self::Empty | Self::Dial(_) | Self::Io(_) => {
                Status::CANNOT_FETCH
            }
        }
    }
}

impl WhoisClient {
    /// A client; nothing is loaded yet.
    pub fn new(config: WhoisConfig, dialer: Dialer, http: HttpClient, limiter: Arc<Limiter>) -> Self {
        let (capacity, lifetime) = REFERRED;
        let referred = moka::future::Cache::builder().max_capacity(capacity).time_to_live(lifetime).build();
        Self { servers: Servers::new(&config.servers, http), dialer, limiter, referred, config }
    }

    /// Looks a registered name up.
    pub async fn look_up(&self, name: &DomainName) -> Result<Whois, WhoisError> {
        let deadline = Instant::now() + self.config.timeout.0 * 2 + self.limiter.wait();
        let mut server = self.responsible(name, deadline).await?;
        let mut asked = vec![];
        let mut answers: Vec<(String, Fields)> = vec![];
        loop {
            match self.registration(&server, name, deadline).await {
                Ok(answer) => answers.push(answer),
                Err(error) if answers.is_empty() => return Err(error),
                Err(_) => break,
            }
            asked.push((server.host, server.port));
            let next = answers.last().and_then(|(text, _)| referral(text));
            match next
                .filter(|next| asked.iter().all(|(host, port)| (host, port) != (&next.host, &next.port)))
            {
                Some(next) if asked.len() < self.config.max_servers => server = next,
                _ => break,
            }
        }
        let (texts, fields): (Vec<String>, Vec<Fields>) = answers.into_iter().unzip();
        // An answer in a shape that is not known takes nothing away either.
        let last = fields.into_iter().rev().find(|fields| !fields.is_empty()).unwrap_or_default();
        let parsed = FreeJson::of(&last).expect("a map of texts serializes");
        Ok(Whois { raw: texts.join("\n"), parsed })
    }

    /// The server that knows names like this one.
    async fn responsible(&self, name: &DomainName, deadline: Instant) -> Result<Server, WhoisError> {
        let (server, listed) = self.servers.of(name, deadline).await?;
        if listed == Listed::Domain {
            return Ok(server);
        }
        let top = name.labels().next_back().unwrap_or_default().to_owned();
        let find = async { Ok(referral(&self.ask(&server, &top, deadline).await?)) };
        let referred = self.referred.try_get_with(top.clone(), find).await.map_err(WhoisError::Referral)?;
        referred.ok_or(WhoisError::NoServer)
    }

    async fn registration(
        &self,
        server: &Server,
        name: &DomainName,
        deadline: Instant,
    ) -> Result<(String, Fields), WhoisError> {
        let text = self.ask(server, name.as_str(), deadline).await?;
        let meaning = meaning(&server.host, &text);
        match meaning {
            Meaning::Limited => self.limiter.refused(&server.place(), None),
            _ => self.limiter.answered(&server.place()),
        }
        match meaning {
            Meaning::Registration(fields) => Ok((text, fields)),
            Meaning::Unknown => Err(WhoisError::NotFound),
            Meaning::Limited => Err(WhoisError::RateLimited),
            Meaning::Empty => Err(WhoisError::Empty),
        }
    }

    /// One question and its answer, cut at `whois.max_answer`.
    async fn ask(&self, server: &Server, name: &str, deadline: Instant) -> Result<String, WhoisError> {
        let _pass = self.limiter.pass(&server.place(), deadline).await?;
        let deadline = deadline.min(Instant::now() + self.config.timeout.0);
        let mut stream = self.dialer.connect_host(&server.host, server.port, deadline).await?.stream;
        let answer = async {
            let question = format!("{}\r\n", server.query.replace("%s", name));
            stream.write_all(question.as_bytes()).await?;
            let mut answer = vec![];
            let bound = self.config.max_answer.0;
            stream.take(bound).read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        match timeout_at(deadline, answer).await {
            Ok(answer) => Ok(encoding::text(&server.host, answer?)),
            Err(_) => Err(WhoisError::Timeout),
        }
    }
}

#[cfg(test)]
mod tests;
