//! geo-asn: where an address is and which autonomous system announces it, from local MaxMind databases.
//!
//! Decides the status, which database fills which field, and how values are told. What is read of a database record is in
//! `record.rs`; databases are in memory, see `database.rs`: a look-up takes about a microsecond and never waits.

mod database;
mod record;

use std::net::IpAddr;
use std::path::PathBuf;

use maxminddb::MaxMindDbError;
use serde::{Deserialize, Serialize};

use self::database::{Database, find};
use self::record::{City, System};
use crate::clock::SharedClock;
use crate::collect::Collector;
use crate::error::{Code, Coded, Exit};
use crate::model::{CommonIPResult, GeoIPData, IPData, IPRequest, Outcome, Status, Subject, Verdict};

/// Section `geo` of the configuration. Without any database the collector answers DISABLED.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoConfig {
    /// Path of a GeoLite2 or GeoIP2 City database (`.mmdb`).
    pub city_db: Option<PathBuf>,
    /// Path of a GeoLite2 or GeoIP2 ASN database (`.mmdb`).
    pub asn_db: Option<PathBuf>,
    /// How values are told.
    pub values: Values,
}

/// How the collector tells values that the reference tells wrongly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// As their fields are described.
    #[default]
    Target,
    /// As the reference has them: `region` and `regionCode` exchanged, a slash before `networkAddress`, and an `asn` of 0 where
    /// none is known.
    Reference,
}

/// Why a configured database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file is missing, cannot be read, or is no MaxMind database.
    #[error("the database {} cannot be used: {reason}", path.display())]
    Database {
        /// The configured path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

pub(crate) static GEO_DATABASE: Code = Code {
    name: "geo-database",
    exit: Exit::Unreachable,
    about: "A configured geolocation database cannot be read.",
    hint: "check geo.city_db and geo.asn_db, or leave them out: then the geo-asn collector answers DISABLED",
};

impl Coded for GeoError {
    fn code(&self) -> &'static Code {
        match self {
            Self::Database { .. } => &GEO_DATABASE,
        }
    }
}

/// The geo-asn collector.
pub struct GeoAsnCollector {
    city: Option<Database>,
    asn: Option<Database>,
    values: Values,
    clock: SharedClock,
}

impl GeoAsnCollector {
    /// Reads the configured databases; blocks while it does.
    pub fn open(config: &GeoConfig, clock: SharedClock) -> Result<Self, GeoError> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(Database::open).transpose();
        let (city, asn) = (open(&config.city_db)?, open(&config.asn_db)?);
        Ok(Self { city, asn, values: config.values, clock })
    }

    /// Lets the next ones who ask look at the files.
    #[cfg(test)]
    pub fn look_next(&self) {
        self.city.iter().chain(&self.asn).for_each(Database::look_next);
    }

    fn locate(&self, address: Option<&str>) -> Result<GeoIPData, (Status, String)> {
        if self.city.is_none() && self.asn.is_none() {
            return Err((Status::DISABLED, "no geolocation database is configured".to_owned()));
        }
        let text = address.unwrap_or_default();
        let address: IpAddr =
            text.parse().map_err(|_| (Status::INVALID_ADDRESS, format!("`{text}` is not an IP address")))?;
        match self.look_up(address) {
            Ok(Some(data)) => Ok(data),
            Ok(None) => Err((Status::NOT_FOUND, "the address is in no database".to_owned())),
            Err(error) => Err((Status::CANNOT_FETCH, error.to_string())),
        }
    }

    fn look_up(&self, address: IpAddr) -> Result<Option<GeoIPData>, MaxMindDbError> {
        let [cities, systems] = [&self.city, &self.asn].map(|file| file.as_ref().map(Database::records));
        let city = cities.as_deref().map(|records| find::<City>(records, address)).transpose()?.flatten();
        let system =
            systems.as_deref().map(|records| find::<System>(records, address)).transpose()?.flatten();
        if city.is_none() && system.is_none() {
            return Ok(None);
        }
        let mut data = GeoIPData::default();
        if let Some((city, _)) = city {
            city.fill(&mut data);
        }
        if let Some((system, found)) = system {
            system.fill(&mut data);
            let network = found.network()?;
            data.network_address = Some(network.network().to_string());
            data.prefix_length = Some(i64::from(network.prefix()));
        }
        if self.values == Values::Reference {
            as_the_reference(&mut data);
        }
        Ok(Some(data))
    }
}

fn as_the_reference(data: &mut GeoIPData) {
    std::mem::swap(&mut data.region, &mut data.region_code);
    data.network_address = data.network_address.take().map(|address| format!("/{address}"));
    data.asn = data.asn.or(Some(0));
}

impl Collector for GeoAsnCollector {
    const NAME: &'static str = "geo-asn";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let found = self.locate(subject.address.as_deref());
        let now = self.clock.now();
        match found {
            Ok(data) => CommonIPResult::with_data(IPData::GeoAsn(Box::new(data)), now, Self::NAME),
            Err((status, error)) => {
                CommonIPResult::without_data(Verdict::failed(status, error, now), subject, Self::NAME)
            }
        }
    }
}

#[cfg(test)]
mod tests;
