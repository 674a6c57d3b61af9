//! HTTP/1.1 over any stream, for all servers of the lab that speak it.
//!
//! Decides how bodies are read and written, and their bounds. What is answered is decided by the servers.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

/// Greatest body of a request that is read: a NERD batch has 4 bytes an address.
const MAX_REQUEST: usize = 1 << 16;
/// How long a client may take for the head of a request, keep-alive included.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// An answer.
pub type Response = hyper::Response<BoxBody<Bytes, Infallible>>;

/// An answer with a body of known length.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

/// A body in chunks of some kilobytes (RFC 9112 section 7.1).
pub fn chunked(body: Bytes) -> BoxBody<Bytes, Infallible> {
    const CHUNK: usize = 4000;
    let count = body.len().div_ceil(CHUNK);
    let chunks = (0..count).map(move |n| {
        let end = body.len().min((n + 1) * CHUNK);
        Ok(Frame::data(body.slice(n * CHUNK..end)))
    });
    StreamBody::new(futures_util::stream::iter(chunks)).boxed()
}

/// The host that a request asks for, without its port.
pub fn host(request: &Request<Incoming>) -> &str {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A colon also separates the parts of an IPv6 address, which stands in brackets.
    host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(host, _)| host)
}

/// The body of a request, up to a bound; empty if there is more.
pub async fn body(request: Request<Incoming>) -> Bytes {
    let collected = Limited::new(request.into_body(), MAX_REQUEST).collect().await;
    collected.map(|body| body.to_bytes()).unwrap_or_default()
}

/// Serves the requests of one connection.
pub async fn serve<S, F>(stream: S, title_case: bool, answer: impl Fn(Request<Incoming>) -> F + Send)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response> + Send,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).title_case_headers(title_case);
    // A client that goes away in the middle of an answer is no fault of ours.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}
