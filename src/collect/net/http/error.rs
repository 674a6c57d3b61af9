//! Why a visit gave no page. What that means for a record is for its collector to say.

use super::coding::CodingError;
use crate::collect::net::dial::DialError;
use crate::collect::net::tls::HandshakeError;

/// Why a visit gave no page.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or one that the policy refuses.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// No TLS.
    #[error("{0}")]
    Tls(#[from] HandshakeError),
    /// No answer in time.
    #[error("no HTTP answer in time")]
    Timeout,
    /// The connection ended without an answer, or the answer is not HTTP.
    #[error("no HTTP answer: {0}")]
    NotHttp(#[from] hyper::Error),
    /// The body cannot be read although it came.
    #[error("{0}")]
    Coding(#[from] CodingError),
    /// One more redirect than is followed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// A redirect from https to http, where that is not followed.
    #[error("redirect to plain HTTP")]
    Downgrade,
    /// A redirect to something that is not a web page.
    #[error("redirect to no web page: {0:?}")]
    BadRedirect(String),
    /// The URL cannot be asked for.
    #[error("the URL cannot be asked for")]
    BadUrl,
}
