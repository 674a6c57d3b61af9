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
        let run = |&server| async move {
            let rest = until.duration_since(Instant::now());
            Answer::read(question, self.ask(server, question, rest).await?)
        };
        race(servers.iter().map(run), limit).await
    }
}

/// How long a server is alone in a race that may take `limit`.
pub(super) fn head_start(limit: Duration) -> Duration {
    limit / HEAD_START
}

/// The first usable answer of `runners`, who start one after another; else the most telling of their failures.
pub(super) async fn race<T, F>(
    runners: impl ExactSizeIterator<Item = F>,
    limit: Duration,
) -> Result<T, AskError>
where
    F: Future<Output = Result<T, AskError>>,
{
    let mut queue = runners.take(MOST_RUNNERS);
    if queue.len() == 1
        && let Some(only) = queue.next()
    {
        return only.await;
    }
    let mut running = FuturesUnordered::new();
    let mut failure = AskError::NoServer;
    loop {
        running.extend(queue.next());
        tokio::select! {
            outcome = running.next() => match outcome {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(error)) => failure = failure.or(error),
                None => return Err(failure),
            },
            () = sleep(head_start(limit)), if queue.len() > 0 => {}
        }
    }
}
