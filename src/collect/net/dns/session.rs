//! A resolver that is spoken to over a connection that stays: TCP, TLS, HTTP/2. hickory speaks the protocols.
//!
//! Decided here: one connection for all questions, made anew when it has ended; how many questions at once; what an
//! error of the protocol means. Certificates are always checked, with `net/trust.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, Query};
use hickory_resolver::config::{ConnectionConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{ConnectionProvider, PoolContext, TlsConfig};
use rustls::ClientConfig;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::upstream::{Transport, Upstream};
use super::{AskError, DnsConfig, Question};

/// One resolver and the connection to it.
pub(super) struct Session {
    upstream: Upstream,
    context: PoolContext,
    /// Drives the connection, and ends it when dropped.
    runtime: TokioRuntimeProvider,
    window: Semaphore,
    current: Mutex<Current>,
    /// Replies so far: while there are more, the connection is alive.
    replies: AtomicU64,
}

/// The connection, and its number among those of the session.
#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    number: u64,
}

type Connection = DnsExchange<TokioRuntimeProvider>;

impl Session {
    /// A session with `upstream`; it connects when first asked. `trust` says which certificates count.
    pub fn new(upstream: Upstream, config: &DnsConfig, trust: ClientConfig) -> Self {
        let window = usize::from(config.concurrency.max(1));
        let mut options = ResolverOpts::default();
        options.timeout = config.timeout.0;
        options.max_active_requests = window;
        Self {
            upstream,
            context: PoolContext::new(options, TlsConfig { config: trust }),
            runtime: TokioRuntimeProvider::default(),
            window: Semaphore::new(window),
            current: Mutex::default(),
            replies: AtomicU64::new(0),
        }
    }

    /// Puts a question to the resolver, for at most `limit`, after at most `limit` of waiting for a turn.
    pub async fn ask(&self, question: &Question, limit: Duration) -> Result<Message, AskError> {
        let _turn = timeout(limit, self.window.acquire()).await.map_err(|_| AskError::Busy)?;
        let before = self.replies.load(Ordering::Relaxed);
        let reply = timeout(limit, self.converse(question)).await.unwrap_or(Err(AskError::Timeout));
        match &reply {
            Ok(_) => {
                self.replies.fetch_add(1, Ordering::Relaxed);
            }
            // The other end may be gone without a word.
            Err(AskError::Timeout) if self.replies.load(Ordering::Relaxed) == before => self.forget(None),
            Err(_) => {}
        }
        reply
    }

    async fn converse(&self, question: &Question) -> Result<Message, AskError> {
        let query = Query::query(question.name.clone(), question.rr_type);
        let mut options = DnsRequestOptions::default();
        options.edns_set_dnssec_ok = question.signed;
        let mut request = DnsRequest::from_query(query.clone(), options);
        request.metadata.checking_disabled = question.signed;
        let (mut connection, mut number) = self.connection(None).await?;
        let mut reply = connection.send(request.clone()).first_answer().await;
        if reply.as_ref().is_err_and(has_ended) {
            // Most servers close a connection that was idle; only a new one tells whether the server fails.
            (connection, number) = self.connection(Some(number)).await?;
            reply = connection.send(request).first_answer().await;
        }
        if reply.as_ref().is_err_and(has_ended) {
            self.forget(Some(number));
        }
        let message = reply.map_err(ask_error)?.into_message();
        if message.queries.first() != Some(&query) {
            return Err(AskError::Malformed);
        }
        Ok(message)
    }

    /// The connection with its number; a new one if there is none, or only the one that is known to have `ended`.
    async fn connection(&self, ended: Option<u64>) -> Result<(Connection, u64), AskError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection
            && ended != Some(current.number)
        {
            return Ok((connection.clone(), current.number));
        }
        // Held meanwhile, so that many questions make one connection.
        let connection = self.connect().await.map_err(ask_error)?;
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    /// Lets go of the connection, if it is still the one with this number.
    fn forget(&self, number: Option<u64>) {
        // Who finds it locked finds somebody making a new one.
        if let Ok(mut current) = self.current.try_lock()
            && number.is_none_or(|number| number == current.number)
        {
            current.connection = None;
        }
    }

    async fn connect(&self) -> Result<Connection, NetError> {
        let mut connection = match &self.upstream.transport {
            // Who is asked with datagrams has no session; TCP would do as well.
            Transport::Udp | Transport::Tcp => ConnectionConfig::tcp(),
            Transport::Tls { name } => ConnectionConfig::tls(name.as_str().into()),
            Transport::Https { name, path } => {
                ConnectionConfig::https(name.as_str().into(), Some(path.as_str().into()))
            }
        };
        connection.port = self.upstream.address.port();
        let address = self.upstream.address.ip();
        self.runtime.new_connection(address, &connection, &self.context)?.await
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Session").field(&self.upstream).finish()
    }
}

/// Whether the connection is of no more use. hickory calls one busy that takes no more questions because it was closed.
fn has_ended(error: &NetError) -> bool {
    !matches!(error, NetError::Timeout | NetError::Dns(_) | NetError::Proto(_))
}

fn ask_error(error: NetError) -> AskError {
    match error {
        NetError::Timeout => AskError::Timeout,
        NetError::Dns(DnsError::ResponseCode(code)) => AskError::Code(code),
        NetError::Proto(_) => AskError::Malformed,
        error => AskError::Session(error.to_string()),
    }
}
