//! Gathers addresses into requests to NERD's bulk endpoint, and hands each asker its part of the answer.
//!
//! A request is addresses of four bytes, its answer one little-endian double for each. One task gathers; it starts with
//! the first question and ends when the collector is dropped. A request that fails because its answer does not fit is
//! tried once more in two halves, so that one odd address spoils only its own half.

use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::join;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::NerdConfig;
use crate::collect::net::HttpClient;
use crate::collect::net::http::client::Allowed;
use crate::model::Status;

/// Addresses that wait to be gathered.
const QUEUE: usize = 1024;
/// Requests that are open at once.
const REQUESTS: usize = 4;
/// Bytes of one reputation.
const DOUBLE: usize = size_of::<f64>();

/// The way to NERD for all askers.
pub struct Batches {
    asker: Arc<Asker>,
    queue: OnceLock<mpsc::Sender<Question>>,
}

struct Question {
    address: Ipv4Addr,
    answer: oneshot::Sender<Result<f64, NerdError>>,
}

/// Why there is no reputation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct NerdError {
    status: Status,
    message: String,
}

impl NerdError {
    fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The status of a record.
    pub fn status(&self) -> Status {
        self.status
    }
}

impl Batches {
    /// Batches to the endpoint of `config`; nothing is started yet.
    pub fn new(config: NerdConfig, http: HttpClient) -> Self {
        Self { asker: Arc::new(Asker { config, http }), queue: OnceLock::new() }
    }

    /// The reputation of one address. Waits for its turn, its batch, and a second try of it.
    pub async fn reputation(&self, address: Ipv4Addr) -> Result<f64, NerdError> {
        let NerdConfig { timeout, linger, .. } = &self.asker.config;
        let deadline = Instant::now() + linger.0 + timeout.0 * 3 + self.asker.http.wait();
        let queue = self.queue.get_or_init(|| {
            let (queue, questions) = mpsc::channel(QUEUE);
            tokio::spawn(gather(questions, self.asker.clone()));
            queue
        });
        let (answer, answered) = oneshot::channel();
        let reputation = async {
            let lost = || NerdError::new(Status::INTERNAL_ERROR, "the batch was lost");
            queue.send(Question { address, answer }).await.map_err(|_| lost())?;
            answered.await.map_err(|_| lost())?
        };
        match timeout_at(deadline, reputation).await {
            Ok(reputation) => reputation,
            Err(_) => Err(NerdError::new(Status::TIMEOUT, "no answer of NERD in time")),
        }
    }
}

/// Makes batches of the questions until there is nobody left to ask.
async fn gather(mut questions: mpsc::Receiver<Question>, asker: Arc<Asker>) {
    let requests = Arc::new(Semaphore::new(REQUESTS));
    while let Some(first) = questions.recv().await {
        let mut batch = vec![first];
        let until = Instant::now() + asker.config.linger.0;
        while batch.len() < asker.config.batch {
            match timeout_at(until, questions.recv()).await {
                Ok(Some(question)) => batch.push(question),
                Ok(None) | Err(_) => break,
            }
        }
        // The semaphore is never closed.
        let Ok(request) = requests.clone().acquire_owned().await else { break };
        // Whoever asked may have gone in the meantime.
        batch.retain(|question| !question.answer.is_closed());
        if batch.is_empty() {
            continue;
        }
        let asker = asker.clone();
        tokio::spawn(async move {
            let addresses: Vec<Ipv4Addr> = batch.iter().map(|question| question.address).collect();
            let reputations = asker.ask_or_halve(&addresses).await;
            for (question, reputation) in batch.into_iter().zip(reputations) {
                let _ = question.answer.send(reputation);
            }
            drop(request);
        });
    }
}

struct Asker {
    config: NerdConfig,
    http: HttpClient,
}

impl Asker {
    /// One result for each address.
    async fn ask_or_halve(&self, addresses: &[Ipv4Addr]) -> Vec<Result<f64, NerdError>> {
        match self.ask(addresses).await {
            Err(error) if error.status == Status::INVALID_RESPONSE && addresses.len() > 1 => {
                let (left, right) = addresses.split_at(addresses.len() / 2);
                let (first, second) = join(self.ask(left), self.ask(right)).await;
                [each(first, left.len()), each(second, right.len())].concat()
            }
            answer => each(answer, addresses.len()),
        }
    }

    async fn ask(&self, addresses: &[Ipv4Addr]) -> Result<Vec<f64>, NerdError> {
        let limit = self.config.timeout.0;
        let time = Allowed { limit, deadline: Instant::now() + self.http.wait() + limit };
        let token = HeaderValue::from_str(self.config.token.expose().trim());
        let mut token =
            token.map_err(|_| NerdError::new(Status::CANNOT_FETCH, "the token is no header value"))?;
        token.set_sensitive(true);
        let kind = HeaderValue::from_static("application/octet-stream");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token), (CONTENT_TYPE, kind)]);
        let body: Bytes = addresses.iter().flat_map(Ipv4Addr::octets).collect();

        // One byte more than is right, so that a longer answer shows.
        let bound = addresses.len() * DOUBLE + 1;
        let reply = self.http.post(&self.config.url, headers, body, bound, time).await;
        let reply = reply.map_err(|error| NerdError::new(error.status(), error.to_string()))?;
        match reply.status {
            StatusCode::OK => reputations(&reply.body, addresses.len()),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(NerdError::new(Status::RATE_LIMITED, "NERD limits our rate"))
            }
            status => Err(NerdError::new(Status::CANNOT_FETCH, format!("NERD response {}", status.as_u16()))),
        }
    }
}

fn each(answer: Result<Vec<f64>, NerdError>, count: usize) -> Vec<Result<f64, NerdError>> {
    match answer {
        Ok(reputations) => reputations.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); count],
    }
}

/// Reads `count` little-endian doubles.
fn reputations(body: &[u8], count: usize) -> Result<Vec<f64>, NerdError> {
    let (doubles, rest) = body.as_chunks::<DOUBLE>();
    let reputations: Vec<f64> = doubles.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || reputations.len() != count || !reputations.iter().all(|value| value.is_finite()) {
        let message = format!("NERD answered {} bytes that are not {count} numbers", body.len());
        return Err(NerdError::new(Status::INVALID_RESPONSE, message));
    }
    Ok(reputations)
}
