//! One question to several servers that should all know the answer: in their order, the next one a little later or as
//! soon as one fails, until one gives a usable answer.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep};

use super::{Answer, AskError, Exchange, Question};

/// Servers asked for one question; more addresses of one zone say nothing new.
const MOST_RUNNERS: usize = 8;
/// The part of the limit that a server gets before the next one is asked as well.
const HEAD_START: u32 = 8;

impl Exchange {
    /// The first usable answer of `servers` within `limit`; else the most telling of their failures.
    pub async fn race(
        &self,
        servers: &[SocketAddr],
        question: &Question,
        limit: Duration,
    ) -> Result<Answer, AskError> {
        let until = Instant::now() + limit;
        if let &[only] = servers {
            return self.run(only, question, until).await;
        }
        let mut queue = servers.iter().take(MOST_RUNNERS);
        let mut runners = FuturesUnordered::new();
        let mut failure = AskError::NoServer;
        loop {
            runners.extend(queue.next().map(|&server| self.run(server, question, until)));
            tokio::select! {
                outcome = runners.next() => match outcome {
                    Some(Ok(answer)) => return Ok(answer),
                    Some(Err(error)) => failure = failure.or(error),
                    None => return Err(failure),
                },
                () = sleep(limit / HEAD_START), if queue.len() > 0 => {}
            }
        }
    }

    async fn run(&self, server: SocketAddr, question: &Question, until: Instant) -> Result<Answer, AskError> {
        let rest = until.duration_since(Instant::now());
        Answer::read(question, self.ask(server, question, rest).await?)
    }
}
