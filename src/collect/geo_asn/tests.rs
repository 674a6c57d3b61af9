//! Rows G4 and what configuration can get wrong. Rows G1 to G3 need databases: `lab/databases/tests.rs` has them.

use std::sync::Arc;

use super::*;
use crate::clock::ManualClock;
use crate::error::Chain;
use crate::model::Timestamp;

fn collector(config: &GeoConfig) -> Result<GeoAsnCollector, GeoError> {
    GeoAsnCollector::open(config, Arc::new(ManualClock::at(7)))
}

#[tokio::test]
async fn without_a_database_it_is_disabled() {
    let collector = collector(&GeoConfig::default()).unwrap();
    let record = collector.collect(&Subject::pair("a.cz", "192.0.2.1"), None).await;
    assert_eq!((record.status_code, record.last_attempt), (Status::DISABLED, Timestamp(7)));
    assert_eq!((record.collector.as_str(), record.data), ("geo-asn", IPData::None));
}

#[test]
fn a_database_that_is_missing_or_broken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mmdb");
    std::fs::write(&broken, "not a database").unwrap();
    for path in [folder.path().join("missing.mmdb"), broken] {
        for config in [
            GeoConfig { city_db: Some(path.clone()), ..GeoConfig::default() },
            GeoConfig { asn_db: Some(path.clone()), ..GeoConfig::default() },
        ] {
            let Err(error) = collector(&config) else { panic!("{} was opened", path.display()) };
            let text = Chain(&error).to_string();
            assert!(text.contains(path.to_str().unwrap()), "{text}");
            assert_eq!(error.code().exit, Exit::Unreachable);
        }
    }
}

#[test]
fn the_configuration_knows_its_keys() {
    let config: GeoConfig = toml::from_str("city_db = '/var/lib/GeoIP/City.mmdb'").unwrap();
    assert_eq!(
        config,
        GeoConfig { city_db: Some("/var/lib/GeoIP/City.mmdb".into()), ..GeoConfig::default() }
    );
    assert_eq!(toml::from_str::<GeoConfig>("values = 'reference'").unwrap().values, Values::Reference);
    assert!(toml::from_str::<GeoConfig>("citydb = 'x'").is_err());
}
