//! Which schema an id stands for: ours, a foreign one, or none. Asked of the registry once an id; a registry that does not
//! answer is asked again until it does, since waiting loses nothing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use apache_avro::Schema;
use tokio::time::Instant;

use super::avro::Foreign;
use super::{Registry, RegistryError, SchemaId, Wire};

/// Ids that are remembered. More than a registry of one flow ever has; beyond it, the cache starts anew.
const REMEMBERED: usize = 4096;

/// How long an id that the registry does not know is believed to be unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// The pause before a registry that does not answer is asked again: doubled up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The largest piece of memory a decoder may ask for at once: no record of ours is near it.
const MAX_ALLOCATION: usize = 64 << 20;

/// What an id stands for, as seen by a reader of one kind of record.
#[derive(Clone)]
pub enum Known {
    /// A schema equal to the reader's: the bytes are ours as they are.
    Ours,
    /// Another schema.
    Foreign(Arc<Foreign>),
    /// None: the registry does not know the id, or its schema is no Avro schema.
    Unknown,
}

/// The schemas of one registry. Clones share the cache.
#[derive(Clone)]
pub struct Schemas(Arc<Inner>);

struct Inner {
    registry: Arc<dyn Registry>,
    cache: RwLock<HashMap<SchemaId, Cached>>,
}

#[derive(Clone)]
enum Cached {
    Schema { canonical: Arc<str>, foreign: Arc<Foreign> },
    Unknown { until: Instant },
}

impl Schemas {
    /// An empty cache in front of `registry`.
    pub fn new(registry: Arc<dyn Registry>) -> Self {
        apache_avro::util::max_allocation_bytes(MAX_ALLOCATION);
        Self(Arc::new(Inner { registry, cache: RwLock::default() }))
    }

    /// The registry behind the cache.
    pub fn registry(&self) -> &Arc<dyn Registry> {
        &self.0.registry
    }

    /// Registers our schema of `T` for the values of `topic`.
    pub async fn register<T: Wire>(&self, topic: &str) -> Result<SchemaId, RegistryError> {
        let text = serde_json::to_string(T::schema()).unwrap_or_default();
        let id = self.0.registry.register(&subject(topic), &text).await?;
        self.remember(id, Some(&text));
        Ok(id)
    }

    /// What `id` stands for, if it is known without asking.
    pub fn known<T: Wire>(&self, id: SchemaId) -> Option<Known> {
        let cache = self.0.cache.read().unwrap_or_else(PoisonError::into_inner);
        match cache.get(&id)? {
            Cached::Schema { canonical, foreign } => {
                let ours = **canonical == *T::canonical_form();
                Some(if ours { Known::Ours } else { Known::Foreign(foreign.clone()) })
            }
            Cached::Unknown { until } => (Instant::now() < *until).then_some(Known::Unknown),
        }
    }

    /// What `id` stands for; waits for the registry as long as it takes.
    pub async fn learn<T: Wire>(&self, id: SchemaId) -> Known {
        let mut pause = PAUSES.0;
        loop {
            if let Some(known) = self.known::<T>(id) {
                return known;
            }
            match self.0.registry.schema(id).await {
                Ok(text) => self.remember(id, text.as_deref()),
                Err(error) => {
                    tracing::warn!(%error, id = id.0, "waiting for the schema registry");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    fn remember(&self, id: SchemaId, text: Option<&str>) {
        let cached = match text.map(Schema::parse_str) {
            Some(Ok(schema)) => Cached::Schema {
                canonical: schema.canonical_form().into(),
                foreign: Arc::new(Foreign::new(id, schema)),
            },
            Some(Err(_)) | None => Cached::Unknown { until: Instant::now() + UNKNOWN_FOR },
        };
        let mut cache = self.0.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= REMEMBERED {
            cache.clear();
        }
        cache.insert(id, cached);
    }
}

/// The subject of the values of a topic (Confluent's TopicNameStrategy).
pub fn subject(topic: &str) -> String {
    format!("{topic}-value")
}
