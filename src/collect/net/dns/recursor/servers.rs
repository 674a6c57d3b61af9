//! One question to the servers of one zone: who is asked first, who next, and where further servers are found.
//!
//! A server that refuses, fails, is lame or silent hides none that answers. `cut.rs` remembers which failed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use super::Recursor;
use super::cut::Cut;
use super::reply::{Read, Said};
use super::way::Way;
use crate::collect::net::dns::race::{head_start, race};
use crate::collect::net::dns::{AskError, Question};

impl Recursor {
    /// What the servers of a zone say: the first usable reply, else the most telling failure.
    pub(super) async fn ask(
        &self,
        cut: &Cut,
        question: &Question,
        read: Read,
        way: Way<'_>,
    ) -> Result<Said, AskError> {
        let (known, elsewhere) = (cut.servers(), cut.hosts_elsewhere());
        let rest = way.until.duration_since(Instant::now());
        // Half of the time is kept to find others, if there may be some.
        let limit = if elsewhere.is_empty() { rest } else { rest / 2 };
        let failure = match self.race(cut, &known, question, read, limit, way).await {
            Ok(said) => return Ok(said),
            Err(failure) => failure,
        };
        let rest = way.until.duration_since(Instant::now());
        let known = &known;
        let by_host = |host| async move {
            let mut others = cut.add(self.addresses(host, way).await?, self.port);
            others.retain(|server| !known.contains(server));
            self.race(cut, &others, question, read, rest, way).await
        };
        let others = race(elsewhere.into_iter().map(by_host), rest);
        let said = timeout_at(way.until, others).await.unwrap_or(Err(AskError::Timeout));
        said.map_err(|error| failure.or(error))
    }

    async fn race(
        &self,
        cut: &Cut,
        servers: &[SocketAddr],
        question: &Question,
        read: Read,
        limit: Duration,
        way: Way<'_>,
    ) -> Result<Said, AskError> {
        let until = Instant::now() + limit;
        let run = |&server: &SocketAddr| async move {
            way.effort.spend()?;
            let trial = cut.trial(server, head_start(limit));
            let reply = self.exchange.ask(server, question, until.duration_since(Instant::now())).await;
            let said = reply.and_then(|reply| read(question, &cut.zone, reply));
            trial.ends(matches!(said, Ok(_) | Err(AskError::Busy)));
            let mut said = said?;
            if let Said::Referral(child) = &mut said
                && child.authoritative
            {
                child.addresses.push(server.ip());
            }
            Ok(said)
        };
        race(servers.iter().map(run), limit).await
    }

    /// The addresses of a name server. Aliases do not count (RFC 2181 section 10.3).
    ///
    /// In a box: this is where looking up begins anew inside of itself.
    fn addresses<'a>(&'a self, host: &'a Name, way: Way<'a>) -> BoxFuture<'a, Result<Vec<IpAddr>, AskError>> {
        Box::pin(async move {
            let mut failure = AskError::NoServer;
            // Few servers have IPv6 only: that is asked about when there is need to.
            for rr_type in [RecordType::A, RecordType::AAAA] {
                match self.answer(host, rr_type, way).await {
                    Ok(answer) => {
                        if let Some(set) = answer.rr_set(host, rr_type) {
                            return Ok(set.addresses());
                        }
                    }
                    Err(error) => failure = failure.or(error),
                }
            }
            Err(failure)
        })
    }
}
