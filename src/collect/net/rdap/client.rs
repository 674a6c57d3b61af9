//! Asks the responsible RDAP server, then the servers and entities that its answer refers to.
//!
//! The deepest good answer counts, and nothing that fails on the way down takes away what there is. Every request is
//! bounded by `rdap.timeout`, the whole by three times that.

use std::net::IpAddr;

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use url::Url;

use super::RdapConfig;
use super::bootstrap::Bootstrap;
use super::document::{self, Document, MEDIA_TYPE};
use super::range::Range;
use crate::collect::net::HttpClient;
use crate::collect::net::http::client::{Allowed, HttpError};
use crate::collect::net::list::ListError;
use crate::model::{DomainName, FreeJson, Status};

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
    /// The answer without its entities, a JSON object.
    pub data: FreeJson,
    /// The entities, a JSON array.
    pub entities: FreeJson,
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
    /// Another HTTP status.
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
            if !url.path().to_ascii_lowercase().ends_with(name.as_str()) {
                let path = format!("{}/domain/{name}", url.path().trim_end_matches('/'));
                url.set_path(&path);
            }
            Some(url)
        };
        let (url, mut document) = self.deepest(&base, &format!("domain/{name}"), complete, deadline).await?;
        let entities = self.entities(&url, document.take_entities(), deadline).await;
        Ok(Registration { data: document.json(), entities: document::array(&entities) })
    }

    /// Looks an address up.
    pub async fn address(&self, address: IpAddr, deadline: Instant) -> Result<Network, RdapError> {
        let listed = self.bootstrap.for_address(address, self.step(deadline)).await?;
        let (block, base) = listed.ok_or(RdapError::NoServer)?;
        let text = address.to_string();
        let about_it = |url: Url| url.as_str().contains(&text).then_some(url);
        let (_, document) = self.deepest(&base, &format!("ip/{address}"), about_it, deadline).await?;
        Ok(Network { range: Range::told(&document, address, block), data: document.json() })
    }

    /// Follows `related` links as far as they give answers. `wanted` completes a link, or says that it is of no use.
    async fn deepest(
        &self,
        base: &Url,
        path: &str,
        wanted: impl Fn(Url) -> Option<Url>,
        deadline: Instant,
    ) -> Result<(Url, Document), RdapError> {
        let mut url = base.join(path).map_err(|error| RdapError::Invalid(error.to_string()))?;
        let mut document = self.get(&url, deadline).await?;
        let mut visited = vec![url.clone()];
        while visited.len() <= self.config.max_related {
            let Some(next) = document.related(&url).and_then(&wanted).filter(|next| !visited.contains(next))
            else {
                break;
            };
            let Ok(deeper) = self.get(&next, deadline).await else { break };
            visited.push(next.clone());
            (url, document) = (next, deeper);
        }
        Ok((url, document))
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
                    to_raw_value(&fetched.with_roles_of(&stub).json()).unwrap_or(entity)
                }
            })
            .collect();
        stream::iter(fetches).buffered(ENTITIES_AT_ONCE).collect().await
    }

    /// When a request that starts now must end.
    fn step(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.config.timeout.0)
    }

    async fn get(&self, url: &Url, deadline: Instant) -> Result<Document, RdapError> {
        let time = Allowed { limit: self.config.timeout.0, deadline };
        let reply = self.http.get(url, MEDIA_TYPE, self.config.max_body.bytes(), time).await?;
        match reply.status {
            StatusCode::OK => Document::parse(&reply.body).map_err(RdapError::Invalid),
            StatusCode::NOT_FOUND => Err(RdapError::NotFound),
            StatusCode::TOO_MANY_REQUESTS => Err(RdapError::RateLimited),
            status => Err(RdapError::Answered(status.as_u16())),
        }
    }
}
