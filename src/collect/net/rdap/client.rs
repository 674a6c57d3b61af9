//! Asks the responsible RDAP server, then the servers and entities that its answer refers to.
//!
//! The registry's answer and the deepest good one, the registrar's, are both kept; nothing that fails on the way down
//! takes away what there is. Every request is bounded by `rdap.timeout`, the whole by three times that.

use std::net::IpAddr;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use url::Url;

use super::bootstrap::Bootstrap;
use super::config::{Prefer, RdapConfig};
use super::document::{self, Document};
use super::range::Range;
use crate::collect::net::HttpClient;
use crate::collect::net::http::client::{Allowed, HttpError};
use crate::collect::net::list::ListError;
use crate::model::{DomainName, FreeJson, Status};

/// What is asked for (RFC 7480 section 4.2). Some servers know only the type of all JSON.
const ACCEPT: &str = "application/rdap+json, application/json;q=0.5";
/// Entities of one answer that are fetched at once.
const ENTITIES_AT_ONCE: usize = 4;

/// Asks RDAP servers. One per process, so that the lists of servers are loaded once.
pub struct RdapClient {
    http: HttpClient,
    bootstrap: Bootstrap,
    config: RdapConfig,
}

/// What RDAP says of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The answer of the side that `rdap.prefer` names, without its entities, a JSON object.
    pub data: FreeJson,
    /// Its entities, a JSON array.
    pub entities: FreeJson,
    /// The whole answer of the other side, where there was one.
    pub other: Option<Other>,
}

/// An answer that is not the preferred one, as it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Other {
    /// That of the registry, the first of the chain.
    Registry(FreeJson),
    /// That of the registrar, the deepest of the chain.
    Registrar(FreeJson),
}

/// A document, and where it came from.
struct Answer {
    url: Url,
    document: Document,
}

/// What came of following `related` links.
struct Chain {
    first: Answer,
    /// The last one, if it is not the first.
    deepest: Option<Answer>,
}

/// What RDAP says of an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The answer as it came, a JSON object.
    pub data: FreeJson,
    /// The addresses that the answer speaks for; `None` where it does not credibly say.
    pub range: Option<Range>,
}

/// Why RDAP says nothing.
#[derive(Debug, thiserror::Error)]
pub enum RdapError {
    /// No server is listed for the name or the address.
    #[error("no RDAP server is known")]
    NoServer,
    /// The lists of servers are not known.
    #[error("{0}")]
    List(#[from] ListError),
    /// The server does not know it.
    #[error("not found")]
    NotFound,
    /// The server wants to be asked less.
    #[error("the RDAP server limits our rate")]
    RateLimited,
    /// Another status of HTTP, or an error code in the answer.
    #[error("HTTP status {0}")]
    Answered(u16),
    /// An answer that is no JSON object.
    #[error("invalid RDAP answer: {0}")]
    Invalid(String),
    /// No answer.
    #[error("{0}")]
    Http(#[from] HttpError),
}

impl RdapError {
    /// The status of a record.
    pub fn status(&self) -> Status {
        match self {
            Self::NoServer => Status::NO_ENDPOINT,
            Self::List(_) | Self::Answered(_) => Status::CANNOT_FETCH,
            Self::NotFound => Status::NOT_FOUND,
            Self::RateLimited => Status::RATE_LIMITED,
            Self::Invalid(_) => Status::INVALID_RESPONSE,
            Self::Http(error) => error.status(),
        }
    }
}

/// What a URL asks its server for, in pieces.
fn words(url: &Url) -> impl Iterator<Item = &str> {
    url.path().split('/').chain(url.query().into_iter().flat_map(|query| query.split(['=', '&', '/'])))
}

impl RdapClient {
    /// A client; nothing is loaded yet.
    pub fn new(config: RdapConfig, http: HttpClient) -> Self {
        Self { bootstrap: Bootstrap::new(&config.bootstrap, http.clone()), http, config }
    }

    /// When a look-up that starts now must end.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.config.timeout.0 * 3 + self.http.wait()
    }

    /// Looks a name up.
    pub async fn domain(&self, name: &DomainName, deadline: Instant) -> Result<Registration, RdapError> {
        let base = self.bootstrap.for_name(name, self.step(deadline)).await?.ok_or(RdapError::NoServer)?;
        // Servers name each other without saying what for: then the name is asked for there.
        let complete = |mut url: Url| {
            if !words(&url).any(|word| word.eq_ignore_ascii_case(name.as_str())) {
                let path = format!("{}/domain/{name}", url.path().trim_end_matches('/'));
                url.set_path(&path);
            }
            Some(url)
        };
        let Chain { first, deepest } =
            self.follow(&base, &format!("domain/{name}"), complete, deadline).await?;
        let (Answer { url, mut document }, other) = match (deepest, self.config.prefer) {
            (None, _) => (first, None),
            (Some(deepest), Prefer::Registrar) => (deepest, Some(Other::Registry(first.document.json()))),
            (Some(deepest), Prefer::Registry) => (first, Some(Other::Registrar(deepest.document.json()))),
        };
        let entities = self.entities(&url, document.take_entities(), deadline).await;
        Ok(Registration { data: document.json(), entities: document::array(&entities), other })
    }

    /// Looks an address up.
    pub async fn address(&self, address: IpAddr, deadline: Instant) -> Result<Network, RdapError> {
        let listed = self.bootstrap.for_address(address, self.step(deadline)).await?;
        let (block, base) = listed.ok_or(RdapError::NoServer)?;
        let names_it = |word: &str| word.replace("%3A", ":").replace("%3a", ":").parse() == Ok(address);
        let about_it = |url: Url| Some(url).filter(|url| words(url).any(names_it));
        let chain = self.follow(&base, &format!("ip/{address}"), about_it, deadline).await?;
        let document = chain.deepest.unwrap_or(chain.first).document;
        Ok(Network { range: Range::told(&document, address, block), data: document.json() })
    }

    /// Follows `related` links as far as they give answers. `wanted` completes a link, or says that it is of no use.
    async fn follow(
        &self,
        base: &Url,
        path: &str,
        wanted: impl Fn(Url) -> Option<Url>,
        deadline: Instant,
    ) -> Result<Chain, RdapError> {
        let url = base.join(path).map_err(|error| RdapError::Invalid(error.to_string()))?;
        let first = self.get(&url, deadline).await?;
        // Servers differ in the case of names, so a URL that differs in it alone leads to the same answer.
        let place = |url: &Url| url.as_str().to_ascii_lowercase();
        let mut visited = vec![place(&url), place(&first.url)];
        let mut deepest: Option<Answer> = None;
        for _ in 0..self.config.max_related {
            let last = deepest.as_ref().unwrap_or(&first);
            let Some(next) = last.document.related(&last.url).and_then(&wanted) else { break };
            if visited.contains(&place(&next)) {
                break;
            }
            let Ok(answer) = self.get(&next, deadline).await else { break };
            visited.extend([place(&next), place(&answer.url)]);
            deepest = Some(answer);
        }
        Ok(Chain { first, deepest })
    }

    /// The entities with their stubs replaced, as far as that is possible.
    async fn entities(
        &self,
        base: &Url,
        listed: Vec<Box<RawValue>>,
        deadline: Instant,
    ) -> Vec<Box<RawValue>> {
        let mut left = self.config.max_entities;
        let fetches: Vec<_> = listed
            .into_iter()
            .map(|entity| {
                let stub = Document::parse(entity.get().as_bytes()).ok();
                let full = stub.and_then(|stub| Some((stub.stub_of(base)?, stub))).filter(|_| left > 0);
                left -= usize::from(full.is_some());
                async move {
                    let Some((url, stub)) = full else { return entity };
                    let Ok(fetched) = self.get(&url, deadline).await else { return entity };
                    to_raw_value(&fetched.document.with_roles_of(&stub).json()).unwrap_or(entity)
                }
            })
            .collect();
        stream::iter(fetches).buffered(ENTITIES_AT_ONCE).collect().await
    }

    /// When a request that starts now must end.
    fn step(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.config.timeout.0)
    }

    async fn get(&self, url: &Url, deadline: Instant) -> Result<Answer, RdapError> {
        let time = Allowed { limit: self.config.timeout.0, deadline };
        let reply = self.http.get(url, ACCEPT, self.config.max_body.bytes(), time).await?;
        let status = match reply.status {
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
                let document = Document::parse(&reply.body).map_err(RdapError::Invalid)?;
                // Some servers say in the body alone that they have no answer (RFC 9083 section 6).
                match document.error_code() {
                    None => return Ok(Answer { url: reply.url, document }),
                    Some(code) => code,
                }
            }
            status => status.as_u16(),
        };
        Err(match status {
            404 => RdapError::NotFound,
            429 => RdapError::RateLimited,
            status => RdapError::Answered(status),
        })
    }
}
