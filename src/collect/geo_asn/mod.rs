//! geo-asn: where an address is and which autonomous system announces it, from local MaxMind databases.
//!
//! Decides the status and which database fills which field. What is read of a database record is in `record.rs`.
//! Databases are read once, at the start, into memory: a look-up takes below a microsecond and never waits.

mod record;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use maxminddb::{MaxMindDbError, Reader};
use serde::{Deserialize, Serialize};

use self::record::{City, System};
use crate::clock::SharedClock;
use crate::collect::Collector;
use crate::error::{Code, Coded, Exit};
use crate::model::{
    CommonIPResult, GeoIPData, IPData, IPRequest, Outcome, Status, Subject, Timestamp, Verdict,
};

/// Section `geo` of the configuration. Without any database the collector answers DISABLED.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoConfig {
    /// Path of a GeoLite2 or GeoIP2 City database (`.mmdb`).
    pub city_db: Option<PathBuf>,
    /// Path of a GeoLite2 or GeoIP2 ASN database (`.mmdb`).
    pub asn_db: Option<PathBuf>,
}

/// Why a configured database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file is missing, cannot be read, or is no MaxMind database.
    #[error("the database {} cannot be used: {reason}", path.display())]
    Database {
        /// The configured path.
        path: PathBuf,
        /// What is wrong with it; its text names its own causes.
        reason: MaxMindDbError,
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

type Database = Reader<Vec<u8>>;

/// The geo-asn collector.
pub struct GeoAsnCollector {
    city: Option<Database>,
    asn: Option<Database>,
    clock: SharedClock,
}

impl GeoAsnCollector {
    /// Reads the configured databases; blocks while it does.
    pub fn open(config: &GeoConfig, clock: SharedClock) -> Result<Self, GeoError> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(open).transpose();
        Ok(Self { city: open(&config.city_db)?, asn: open(&config.asn_db)?, clock })
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
        let city = self.city.as_ref().map(|db| find::<City>(db, address)).transpose()?.flatten();
        let system = self.asn.as_ref().map(|db| find::<System>(db, address)).transpose()?.flatten();
        if city.is_none() && system.is_none() {
            return Ok(None);
        }
        let mut data = GeoIPData::default();
        if let Some((city, _)) = city {
            city.fill(&mut data);
        }
        if let Some((system, network)) = system {
            system.fill(&mut data);
            data.network_address = Some(network.network().to_string());
            data.prefix_length = Some(i64::from(network.prefix_len()));
        }
        Ok(Some(data))
    }
}

fn open(path: &Path) -> Result<Database, GeoError> {
    Reader::open_readfile(path).map_err(|reason| GeoError::Database { path: path.to_owned(), reason })
}

/// The record of an address and the network it stands for.
fn find<'a, T: Deserialize<'a>>(
    database: &'a Database,
    address: IpAddr,
) -> Result<Option<(T, IpNet)>, MaxMindDbError> {
    if database.metadata().ip_version == 4 && address.is_ipv6() {
        return Ok(None);
    }
    let found = database.lookup(address)?;
    let Some(record) = found.decode::<T>()? else { return Ok(None) };
    let network = found.network()?;
    // A prefix that maxminddb computed is never longer than its address.
    let network = IpNet::new(network.ip(), network.prefix()).expect("the prefix fits the address");
    Ok(Some((record, network)))
}

impl Collector for GeoAsnCollector {
    const NAME: &'static str = "geo-asn";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        let found = self.locate(subject.address.as_deref());
        let now = self.clock.now();
        match found {
            Ok(data) => CommonIPResult {
                status_code: Status::OK,
                error: None,
                last_attempt: Timestamp(now),
                collector: Self::NAME.to_owned(),
                data: IPData::GeoAsn(Box::new(data)),
                found: None,
            },
            Err((status, error)) => {
                CommonIPResult::without_data(Verdict::failed(status, error, now), subject, Self::NAME)
            }
        }
    }
}

#[cfg(test)]
mod tests;
