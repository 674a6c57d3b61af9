//! What `fuzz/` and its seeds call: any bytes as the answer of a web server.

use std::io::Cursor;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::Instant;
use url::Url;

use super::exchange::{Bounds, exchange};
use super::fetch::{Answer, Page, Timings};
use super::redirect;

const MAX_BODY: usize = 4096;

/// Reads an answer to its end, and its page as text. Nothing waits: all bytes are there, and then the connection ends.
pub fn answer(data: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let Ok(url) = Url::parse("https://a.example/") else { return };
    let io = tokio::io::join(Cursor::new(data.to_vec()), tokio::io::sink());
    let exchanged = runtime.block_on(async {
        let late = Instant::now() + Duration::from_secs(60);
        let bounds = Bounds { head: late, body: late, max_body: MAX_BODY };
        exchange(io, &url, &HeaderValue::from_static("fuzz"), bounds).await
    });
    let Ok(exchanged) = exchanged else { return };
    assert!(exchanged.body.len() <= MAX_BODY);
    if let Some(location) = redirect::location(exchanged.status, &exchanged.headers) {
        let next = redirect::follow(&url, &location);
        assert!(next.is_none_or(|next| matches!(next.scheme(), "http" | "https")));
    }
    let answer = Answer {
        url,
        address: ([127, 0, 0, 1], 443).into(),
        status: exchanged.status,
        headers: exchanged.headers,
        handshake: None,
        timings: Timings::default(),
    };
    let page = Page { answer, body: exchanged.body, truncated: exchanged.truncated };
    let (text, _) = page.text(MAX_BODY);
    assert!(text.len() <= MAX_BODY);
}
