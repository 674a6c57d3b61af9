//! Settings of the QRadar collector (section `qradar`).

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::units::{Size, Span};

/// Section `qradar`. Without an address or a token the collector gives records with status DISABLED.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct QradarConfig {
    /// The address of the API of your QRadar, such as `https://qradar.example/api/`.
    pub url: String,
    /// The token of an authorized service (header `SEC`).
    pub token: Secret,
    /// How long one request may take; there are two for a batch.
    pub timeout: Span,
    /// Addresses that are asked for in one request, at most; at least 1.
    pub batch: usize,
    /// How long a request waits for further addresses.
    pub linger: Span,
    /// Bytes of an answer that are accepted; a longer one counts as an invalid response.
    pub max_body: Size,
}

impl Default for QradarConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            token: Secret::default(),
            timeout: Span::secs(5),
            batch: 10,
            linger: Span::millis(20),
            max_body: Size::mib(4),
        }
    }
}
