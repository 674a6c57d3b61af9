//! A key of a dataflow file that takes one name or a list of them.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// A topic, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(Spanned<String>),
    /// Several, or none.
    Many(Vec<Spanned<String>>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    /// All of them.
    pub fn all(&self) -> &[Spanned<String>] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}
