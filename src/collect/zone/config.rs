//! The settings of the zone collector: section `zone` of the configuration. Who is asked, and how, is in section `dns`.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// Section `zone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZoneConfig {
    /// How long the search for the zone may take, and again the questions about its name servers.
    pub timeout: Span,
}

impl Default for ZoneConfig {
    fn default() -> Self {
        Self { timeout: Span::secs(5) }
    }
}
