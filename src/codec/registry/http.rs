//! A registry over HTTP with Confluent's API (Confluent's own, Apicurio's, Karapace).

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, get_schema_by_subject, post_schema,
};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{SchemaType, SubjectNameStrategy, SuppliedSchema};

use super::{Registry, RegistryError, SchemaId};
use crate::codec::error::cut;

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A registry at a URL.
pub struct HttpRegistry {
    url: String,
    settings: SrSettings,
}

impl HttpRegistry {
    /// The registry at `url`. Nothing is asked yet.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        // The client takes the process's provider; that one is set already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = url.trim_end_matches('/').to_owned();
        let settings = SrSettings::new_builder(url.clone())
            .set_timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| RegistryError::Unreachable { url: url.clone(), detail: error.to_string() })?;
        Ok(Self { url, settings })
    }

    fn unreachable(&self, error: &SRCError) -> RegistryError {
        RegistryError::Unreachable { url: self.url.clone(), detail: detail(error) }
    }
}

impl Registry for HttpRegistry {
    fn register<'a>(
        &'a self,
        subject: &'a str,
        schema: &'a str,
    ) -> BoxFuture<'a, Result<SchemaId, RegistryError>> {
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned());
        async move {
            match post_schema(&self.settings, subject.to_owned(), supplied).await {
                Ok(registered) => Ok(SchemaId(registered.id)),
                Err(error) if refused(&error) => {
                    Err(RegistryError::Refused { subject: subject.to_owned(), detail: detail(&error) })
                }
                Err(error) => Err(self.unreachable(&error)),
            }
        }
        .boxed()
    }

    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Option<String>, RegistryError>> {
        async move {
            match get_schema_by_id(id.0, &self.settings).await {
                Ok(registered) => Ok(Some(registered.schema)),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.unreachable(&error)),
            }
        }
        .boxed()
    }

    fn latest<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<Option<(SchemaId, String)>, RegistryError>> {
        async move {
            // The library names subjects after a strategy; this one takes the name as it is.
            let strategy = SubjectNameStrategy::RecordNameStrategy(subject.to_owned());
            match get_schema_by_subject(&self.settings, &strategy).await {
                Ok(registered) => Ok(Some((SchemaId(registered.id), registered.schema))),
                Err(error) if status(&error) == Some(404) => Ok(None),
                Err(error) => Err(self.unreachable(&error)),
            }
        }
        .boxed()
    }
}

/// The HTTP status that an error of the library tells in its text, which is the only place it is kept.
fn status(error: &SRCError) -> Option<u16> {
    let number = error.error.strip_prefix("HTTP request to schema registry failed with status ")?;
    number.get(..3)?.parse().ok()
}

fn refused(error: &SRCError) -> bool {
    matches!(status(error), Some(409 | 422))
}

fn detail(error: &SRCError) -> String {
    cut(match &error.cause {
        Some(cause) => format!("{}: {cause}", error.error),
        None => error.error.clone(),
    })
}
