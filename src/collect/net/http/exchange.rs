//! One request and its answer on one connection, by hyper. Reads the body up to the cap; not that of a redirect.
//!
//! Hyper decodes chunks and refuses what is not HTTP. A body that ends early is kept as far as it came. Next: `coding.rs`.

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::coding::{self, Decoded};
use super::error::FetchError;
use super::redirect;

/// Header lines that are read at most; hyper's own bound of 100 refuses pages that browsers show.
const MAX_HEADERS: usize = 256;
/// Bytes of the status line and the headers that are read at most.
const MAX_HEAD: usize = 64 << 10;

/// What bounds an exchange.
pub struct Bounds {
    /// When the head must be there.
    pub head: Instant,
    /// When the body must be there; what came until then is kept.
    pub body: Instant,
    /// Bytes of the body that are read, and that may come of them.
    pub max_body: usize,
}

/// An answer with its body.
pub struct Exchanged {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Without its content coding; empty for a redirect, whose body is not read.
    pub body: Bytes,
    /// Whether the body is longer than that.
    pub truncated: bool,
    /// When the head was there.
    pub head_at: Instant,
}

/// Sends `GET url` and reads the answer.
pub async fn exchange<S>(
    io: S,
    url: &Url,
    user_agent: &HeaderValue,
    bounds: Bounds,
) -> Result<Exchanged, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request(url, user_agent).ok_or(FetchError::BadUrl)?;
    let handshake = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(MAX_HEAD)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(io))
        .await;
    let (mut sender, connection) = handshake?;

    let answer = async {
        let response = match timeout_at(bounds.head, sender.send_request(request)).await {
            Ok(response) => response?,
            Err(_) => return Err(FetchError::Timeout),
        };
        let head_at = Instant::now();
        let (head, body) = response.into_parts();
        let Decoded { body, truncated } = match redirect::location(head.status, &head.headers) {
            Some(_) => Decoded::default(),
            None => {
                let (sent, broken_off) = read(body, bounds.max_body, bounds.body).await;
                coding::decode(&head.headers, sent, broken_off, bounds.max_body)?
            }
        };
        Ok(Exchanged { status: head.status, headers: head.headers, body, truncated, head_at })
    };

    // The connection works only while it is polled; its own errors reach the answer as well.
    tokio::pin!(answer);
    match select(answer, connection).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

fn request(url: &Url, user_agent: &HeaderValue) -> Option<Request<Empty<Bytes>>> {
    Request::get(redirect::request_target(url))
        .header(HOST, redirect::host_header(url))
        .header(USER_AGENT, user_agent)
        .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
        .header(ACCEPT_ENCODING, coding::ACCEPTED)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .ok()
}

/// The body up to `cap` bytes, and whether there is more of it, or might be: when it broke off or time ran out.
async fn read(mut body: Incoming, cap: usize, deadline: Instant) -> (Bytes, bool) {
    let mut read = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return (read.freeze(), false),
            Ok(Some(Err(_))) | Err(_) => return (read.freeze(), true),
        };
        // Trailers are of no use here.
        let Ok(data) = frame.into_data() else { continue };
        let room = cap - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (read.freeze(), true);
        }
    }
}
