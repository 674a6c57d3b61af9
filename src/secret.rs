//! A credential that does not show itself: masked in logs, in error messages and in printed configuration.
//!
//! Decides only how it is shown. Who may use it calls [`Secret::expose`], which is easy to search for.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What is shown instead of a credential.
const MASK: &str = "***";

/// A credential, such as a token or a password. Empty means that there is none.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a credential.
    pub fn new(credential: impl Into<String>) -> Self {
        Self(credential.into())
    }

    /// The credential itself, to be sent to the service that it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none: nothing, or only white space.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// An empty credential is shown as such: that one is missing is what people look for.
    fn mask(&self) -> &'static str {
        if self.is_empty() { "" } else { MASK }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.mask())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.mask())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_in_full_and_shown_as_a_mask() {
        let secret: Secret = serde_json::from_str("\"s3cret\"").unwrap();
        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(format!("{secret:?}"), "\"***\"");
        assert_eq!(format!("{:?}", Secret::new(" ")), "\"\"");
    }
}
