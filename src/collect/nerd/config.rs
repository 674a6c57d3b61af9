//! Settings of the NERD collector (section `nerd`).

use serde::{Deserialize, Serialize};
use url::Url;

use crate::secret::Secret;
use crate::units::Span;

/// Section `nerd`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NerdConfig {
    /// The bulk endpoint of NERD's API.
    #[serde(with = "text")]
    pub url: Url,
    /// The token of your NERD account; without one the collector gives records with status DISABLED.
    pub token: Secret,
    /// How long one request may take.
    pub timeout: Span,
    /// Addresses that are asked for in one request, at most; at least 1.
    pub batch: usize,
    /// How long a request waits for further addresses.
    pub linger: Span,
}

impl Default for NerdConfig {
    fn default() -> Self {
        Self {
            url: Url::parse("https://nerd.cesnet.cz/nerd/api/v1/ip/bulk/").expect("the URL is well formed"),
            token: Secret::default(),
            timeout: Span::secs(5),
            batch: 64,
            linger: Span::millis(20),
        }
    }
}

/// A URL as the text that people write.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use url::Url;

    pub fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map_err(|error| de::Error::custom(format_args!("`{text}` is not a URL: {error}")))
    }
}
