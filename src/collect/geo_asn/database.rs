//! A MaxMind database in memory, read again when its file changes: who looks something up meanwhile finds it in the old one.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use maxminddb::{LookupResult, MaxMindDbError, Reader};
use serde::Deserialize;

use super::GeoError;
use crate::collect::net::file::Reloaded;

/// What a file holds.
pub(super) type Records = Reader<Vec<u8>>;

/// A file of `geo`.
pub(super) struct Database(Reloaded<Records>);

impl Database {
    /// Reads the file; blocks while it does.
    pub(super) fn open(path: &Path) -> Result<Self, GeoError> {
        // A file that is cut short has no metadata, which are at its end.
        let read = |bytes: &[u8]| Reader::from_source(bytes.to_vec()).map_err(|error| error.to_string());
        let file = Reloaded::open_large(path, read);
        file.map(Self).map_err(|error| GeoError::Database { path: error.path, reason: error.reason })
    }

    /// What is known now.
    pub(super) fn records(&self) -> Arc<Records> {
        self.0.get()
    }

    /// Lets the next one who asks look at the file.
    #[cfg(test)]
    pub(super) fn look_next(&self) {
        self.0.look_next();
    }
}

/// A record, and where it is.
pub(super) type Found<'a, T> = (T, LookupResult<'a, Vec<u8>>);

/// The record of an address.
pub(super) fn find<'a, T: Deserialize<'a>>(
    records: &'a Records,
    address: IpAddr,
) -> Result<Option<Found<'a, T>>, MaxMindDbError> {
    if records.metadata().ip_version == 4 && address.is_ipv6() {
        return Ok(None);
    }
    let found = records.lookup(address)?;
    Ok(found.decode::<T>()?.map(|record| (record, found)))
}
