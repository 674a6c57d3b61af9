//! One question to one server: when it is sent again, when without extensions, when over TCP, how many at once.
//!
//! Any well-formed reply is a result here, SERVFAIL included. Who is asked after a failure: `race.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::ports::{Heard, Ports};
use super::query::{Fit, Query, truncated};
use super::server::{Server, Servers};
use super::{AskError, DnsConfig, Question, tcp};
use crate::collect::net::AddressPolicy;

/// Queries in flight in all; more wait. Keeps the id tables thin and the waits for one thread's readers short.
const MOST_FLIGHTS: usize = 8192;
/// More repetitions make the first wait too short to be of use.
const MOST_RETRIES: u32 = 8;

/// The DNS engine: shared by all that ask the DNS in one process. Its sockets open when first used, on the runtime
/// that uses them.
#[derive(Debug)]
pub struct Exchange {
    ports: Ports,
    servers: Servers,
    flights: Semaphore,
    retries: u32,
    policy: AddressPolicy,
}

impl Exchange {
    /// An engine with the window and the repetitions of `config`. `policy` judges servers that the DNS named; configured
    /// resolvers may have any address.
    pub fn new(config: &DnsConfig, policy: AddressPolicy) -> Self {
        Self {
            ports: Ports::new(),
            servers: Servers::new(config.concurrency.into()),
            flights: Semaphore::new(MOST_FLIGHTS),
            retries: u32::from(config.retries).min(MOST_RETRIES),
            policy,
        }
    }

    /// Asks `server`, for at most `limit`, after at most `limit` of waiting for a turn.
    pub async fn ask(
        &self,
        server: SocketAddr,
        question: &Question,
        limit: Duration,
    ) -> Result<Message, AskError> {
        if !question.recursion {
            self.policy.check(server.ip())?;
        }
        let known = self.servers.get(server);
        // The server's turn first: who waits for a slow server must not hold a flight that others could use.
        let turn = async { (known.window.acquire().await, self.flights.acquire().await) };
        let _turn = timeout(limit, turn).await.map_err(|_| AskError::Busy)?;
        let until = Instant::now() + limit;
        // A configured resolver is asked whatever happens: it alone knows which of its silences are somebody else's.
        if !question.recursion && known.rests(until) {
            return Err(AskError::Timeout);
        }
        self.converse(server, &known, question, until).await
    }

    /// Asks in ever plainer dress until the server understands. Ends: each round but the last takes off one piece.
    async fn converse(
        &self,
        server: SocketAddr,
        known: &Server,
        question: &Question,
        until: Instant,
    ) -> Result<Message, AskError> {
        let mut dress = known.dress();
        loop {
            let heard = self.over_udp(server, known, Query::new(question, dress), until).await?;
            if heard.fit == Fit::OtherCase {
                // Either the server folds case or somebody guesses: ask anew, with a new id.
                dress.mixed_case = false;
                continue;
            }
            let bytes = if truncated(&heard.bytes) {
                let query = Query::new(question, dress);
                timeout_at(until, tcp::ask(server, &query)).await.unwrap_or(Err(AskError::Timeout))?
            } else {
                heard.bytes
            };
            let reply = Message::from_vec(&bytes).map_err(|_| AskError::Malformed)?;
            let misread = misreads_edns(&reply);
            if misread && dress.edns {
                dress.edns = false;
                continue;
            }
            // A server that fails in plain dress as well fails for another reason.
            if !misread && dress != known.dress() {
                known.wears(dress);
            }
            return Ok(reply);
        }
    }

    /// Sends until a reply comes, with doubling waits that end at `until`.
    async fn over_udp(
        &self,
        server: SocketAddr,
        known: &Server,
        query: Query,
        until: Instant,
    ) -> Result<Heard, AskError> {
        let mut flight = self.ports.take_off(server, query)?;
        let asked = Instant::now();
        let mut wait = until.duration_since(asked) / ((2 << self.retries) - 1);
        for _ in 0..=self.retries {
            match timeout(wait, flight.ask()).await {
                Ok(heard) => {
                    known.spoke();
                    return Ok(heard?);
                }
                Err(_) => wait *= 2,
            }
        }
        known.kept_silent(asked);
        Err(AskError::Timeout)
    }
}

/// Whether the reply says that the query's OPT record was not understood (RFC 6891 section 7).
fn misreads_edns(reply: &Message) -> bool {
    // hickory reads 16 as BADSIG; with OPT it is BADVERS.
    matches!(
        reply.response_code,
        ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS | ResponseCode::BADSIG
    )
}
