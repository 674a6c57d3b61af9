//! A registry in a folder: one file a schema, `<id>.<subject>.avsc`. It belongs to one process; ids are given in order.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use apache_avro::Schema;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Registry, RegistryError, SchemaId};

/// A folder of schemas.
pub struct FolderRegistry {
    dir: PathBuf,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone)]
struct Entry {
    id: SchemaId,
    subject: String,
    text: String,
    canonical: String,
}

impl FolderRegistry {
    /// Opens the folder, or makes it.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let dir = dir.into();
        let entries = read(&dir).map_err(|detail| folder_error(&dir, detail))?;
        Ok(Self { dir, entries: Mutex::new(entries) })
    }

    fn add(&self, subject: &str, text: &str) -> Result<SchemaId, String> {
        let canonical = canonical(text)?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &&Entry| entry.subject == subject && entry.canonical == canonical;
        if let Some(entry) = entries.iter().find(same) {
            return Ok(entry.id);
        }
        let id = SchemaId(entries.iter().map(|entry| entry.id.0 + 1).max().unwrap_or(1));
        // Written aside and moved, so that a crash leaves no half file.
        let file = self.dir.join(format!("{id}.{subject}.avsc"));
        let aside = self.dir.join(format!("{id}.tmp"));
        std::fs::write(&aside, text).map_err(|error| error.to_string())?;
        std::fs::rename(&aside, &file).map_err(|error| error.to_string())?;
        entries.push(Entry { id, subject: subject.to_owned(), text: text.to_owned(), canonical });
        Ok(id)
    }

    fn find(&self, wanted: impl Fn(&Entry) -> bool) -> Option<(SchemaId, String)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = entries.iter().filter(|entry| wanted(entry)).max_by_key(|entry| entry.id)?;
        Some((newest.id, newest.text.clone()))
    }
}

impl Registry for FolderRegistry {
    fn register<'a>(
        &'a self,
        subject: &'a str,
        schema: &'a str,
    ) -> BoxFuture<'a, Result<SchemaId, RegistryError>> {
        let added = self.add(subject, schema).map_err(|detail| folder_error(&self.dir, detail));
        std::future::ready(added).boxed()
    }

    fn schema(&self, id: SchemaId) -> BoxFuture<'_, Result<Option<String>, RegistryError>> {
        let found = self.find(|entry| entry.id == id).map(|(_, text)| text);
        std::future::ready(Ok(found)).boxed()
    }

    fn latest<'a>(
        &'a self,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<Option<(SchemaId, String)>, RegistryError>> {
        std::future::ready(Ok(self.find(|entry| entry.subject == subject))).boxed()
    }
}

fn read(dir: &Path) -> Result<Vec<Entry>, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    for file in std::fs::read_dir(dir).map_err(|error| error.to_string())? {
        let file = file.map_err(|error| error.to_string())?;
        let name = file.file_name().to_string_lossy().into_owned();
        let Some((id, subject)) = name.strip_suffix(".avsc").and_then(|name| name.split_once('.')) else {
            continue;
        };
        let id = SchemaId(id.parse().map_err(|_| format!("{name} has no id"))?);
        let text = std::fs::read_to_string(file.path()).map_err(|error| error.to_string())?;
        let canonical = canonical(&text).map_err(|error| format!("{name}: {error}"))?;
        entries.push(Entry { id, subject: subject.to_owned(), text, canonical });
    }
    Ok(entries)
}

fn canonical(text: &str) -> Result<String, String> {
    Schema::parse_str(text).map(|schema| schema.canonical_form()).map_err(|error| error.to_string())
}

fn folder_error(dir: &Path, detail: String) -> RegistryError {
    RegistryError::Folder { dir: dir.display().to_string(), detail }
}
