//! Gathers questions of single calls into requests for many, and hands each asker its part of the answer.
//!
//! Decides when a request is full or has waited long enough, and how many are open. One task gathers; it starts with the
//! first question and ends when the collector is dropped. What is asked, and how: `nerd/`, `qradar/`.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::model::Status;
use crate::secret::Secret;

/// Questions that wait to be gathered.
const QUEUE: usize = 1024;
/// Requests that are open at once.
const REQUESTS: usize = 4;

/// Asks a service about many addresses at once.
pub trait AskMany: Send + Sync + 'static {
    /// What the service says about one address.
    type Answer: Clone + Send + 'static;

    /// One result for each address, in their order.
    fn ask(&self, addresses: &[IpAddr])
    -> impl Future<Output = Vec<Result<Self::Answer, BatchError>>> + Send;
}

/// Why there is no answer about an address.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct BatchError {
    status: Status,
    message: String,
}

impl BatchError {
    /// An error with the status of a record and a message for people.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// The status of a record.
    pub fn status(&self) -> Status {
        self.status
    }

    /// `service` answered with a status that is not a success.
    pub fn refusal(service: &str, status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                Self::new(Status::RATE_LIMITED, format!("{service} limits our rate"))
            }
            status => Self::new(Status::CANNOT_FETCH, format!("{service} response {}", status.as_u16())),
        }
    }
}

/// A token as the value of a header that no log shows.
pub fn credential(token: &Secret) -> Result<HeaderValue, BatchError> {
    let value = HeaderValue::from_str(token.expose().trim());
    let mut value =
        value.map_err(|_| BatchError::new(Status::CANNOT_FETCH, "the token is no header value"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// When a request is sent.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// With so many addresses.
    pub size: usize,
    /// Or when the first one has waited so long.
    pub linger: Duration,
}

/// The way to a service for all askers.
pub struct Batches<S: AskMany> {
    service: Arc<S>,
    full: Full,
    queue: OnceLock<mpsc::Sender<Question<S::Answer>>>,
}

struct Question<A> {
    address: IpAddr,
    answer: oneshot::Sender<Result<A, BatchError>>,
}

impl<S: AskMany> Batches<S> {
    /// Batches to `service`; nothing is started yet.
    pub fn new(service: S, full: Full) -> Self {
        Self { service: Arc::new(service), full, queue: OnceLock::new() }
    }

    /// What is asked.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The answer about one address, once its batch has been asked; by `deadline` at the latest.
    pub async fn answer(&self, address: IpAddr, deadline: Instant) -> Result<S::Answer, BatchError> {
        let queue = self.queue.get_or_init(|| {
            let (queue, questions) = mpsc::channel(QUEUE);
            tokio::spawn(gather(questions, self.service.clone(), self.full));
            queue
        });
        let (answer, answered) = oneshot::channel();
        let asking = async {
            let lost = || BatchError::new(Status::INTERNAL_ERROR, "the batch was lost");
            queue.send(Question { address, answer }).await.map_err(|_| lost())?;
            answered.await.map_err(|_| lost())?
        };
        match timeout_at(deadline, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(BatchError::new(Status::TIMEOUT, "no answer in time")),
        }
    }
}

/// Makes batches of the questions until there is nobody left to ask.
async fn gather<S: AskMany>(mut questions: mpsc::Receiver<Question<S::Answer>>, service: Arc<S>, full: Full) {
    let requests = Arc::new(Semaphore::new(REQUESTS));
    while let Some(first) = questions.recv().await {
        let mut batch = vec![first];
        let until = Instant::now() + full.linger;
        while batch.len() < full.size {
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
        let service = service.clone();
        tokio::spawn(async move {
            let addresses: Vec<IpAddr> = batch.iter().map(|question| question.address).collect();
            let answers = service.ask(&addresses).await;
            for (question, answer) in batch.into_iter().zip(answers) {
                let _ = question.answer.send(answer);
            }
            drop(request);
        });
    }
}
