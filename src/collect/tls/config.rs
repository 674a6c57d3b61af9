//! Settings of the TLS collector: section `tls` for the handshake and the page behind it, `http` for a page without.

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// Section `tls`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// How long a step may take: to connect, to shake hands, to get the head of an answer, to get its body. The whole,
    /// with redirects and the page over plain HTTP, takes at most 2.1 times that.
    pub timeout: Span,
    /// The port that is connected to, also for redirects to https URLs that name none.
    pub port: u16,
    /// Redirects that are followed; one more gives no page.
    pub max_redirects: usize,
    /// Whether a redirect from https to plain http is followed; if not, it gives no page.
    pub downgrade: bool,
    /// Bytes of a page that are read, that come of them when they are unpacked, and of its text that are kept.
    pub max_body: Size,
}

/// Section `http`: the page over plain HTTP where TLS failed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Whether the page is got over plain HTTP when the handshake failed.
    pub fallback: bool,
    /// The port that is connected to, also for redirects to http URLs that name none.
    pub port: u16,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { timeout: Span::secs(3), port: 443, max_redirects: 2, downgrade: true, max_body: Size::mib(1) }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { fallback: true, port: 80 }
    }
}
