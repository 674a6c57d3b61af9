//! The databases of the lab, read by maxminddb and by the collector that reads them in production. Rows G1 to G4: `geo.rs`.

use std::net::IpAddr;

use maxminddb::{Reader, WithinOptions, geoip2};

use super::*;
use crate::clock::{ManualClock, SharedClock};
use crate::collect::Collector;
use crate::collect::geo_asn::{GeoAsnCollector, GeoConfig};
use crate::lab::databases;
use crate::model::{GeoIPData, IPData, Status, Subject};

#[test]
fn maxminddb_reads_every_network_back() {
    let universe = Universe::load(0).unwrap();
    let city = Reader::from_source(databases::city(&universe)).unwrap();
    let asn = Reader::from_source(databases::asn(&universe)).unwrap();
    city.verify().unwrap();
    asn.verify().unwrap();
    assert_eq!(city.metadata().database_type, "GeoLite2-City");
    let placed = universe.networks.iter().filter(|network| network.place.is_some()).count();
    let count = city.networks(WithinOptions::default()).unwrap().count();
    assert_eq!(count, placed);
    for network in &universe.networks {
        let address: IpAddr = network.prefix.addr();
        let found = asn.lookup(address).unwrap();
        let record: Option<geoip2::Asn> = found.decode().unwrap();
        assert_eq!(
            record.and_then(|record| record.autonomous_system_number),
            network.system,
            "{}",
            network.name
        );
        if network.system.is_some() {
            assert_eq!(found.network().unwrap().to_string(), network.prefix.to_string());
        }
        let record: Option<geoip2::City> = city.lookup(address).unwrap().decode().unwrap();
        let place = network.place.as_ref().map(|place| &universe.places[place]);
        assert_eq!(record.is_some(), place.is_some(), "{}", network.name);
        if let (Some(record), Some(place)) = (record, place) {
            assert_eq!(record.location.latitude, Some(place.latitude));
            assert_eq!(record.city.names.english, place.city.as_deref());
        }
    }
    let outside = city.lookup("192.0.2.1".parse().unwrap()).unwrap();
    assert!(!outside.has_data());
}

#[tokio::test]
async fn the_collector_finds_what_the_data_say() {
    let lab = lab(LabOptions::default()).await;
    let settings = settings(&lab);
    let path = |key: &str| Some(settings[key].clone().into());
    let clock: SharedClock = Arc::new(ManualClock::at(7));
    let open = |city_db, asn_db| {
        let config = GeoConfig { city_db, asn_db, ..GeoConfig::default() };
        GeoAsnCollector::open(&config, clock.clone()).unwrap()
    };
    let both = open(path("geo.city_db"), path("geo.asn_db"));
    let locate = async |collector: &GeoAsnCollector, address: &str| {
        let record = collector.collect(&Subject::pair("a.cz", address), None).await;
        let data = if let IPData::GeoAsn(data) = record.data { Some(*data) } else { None };
        (record.status_code, data)
    };
    let text = |text: &str| Some(text.to_owned());
    let brno = GeoIPData {
        continent_code: text("EU"),
        country_code: text("CZ"),
        region: text("South Moravian"),
        region_code: text("64"),
        city: text("Brno"),
        postal_code: text("602 00"),
        latitude: Some(49.1922),
        longitude: Some(16.6113),
        timezone: text("Europe/Prague"),
        registered_country_geo_name_id: Some(3_077_311),
        represented_country_geo_name_id: None,
        asn: Some(64496),
        asn_org: text("Lab Academic Network"),
        network_address: text("127.80.1.0"),
        prefix_length: Some(24),
    };
    assert_eq!(locate(&both, "127.80.1.10").await, (Status::OK, Some(brno.clone())));
    let (status, six) = locate(&both, "::1").await;
    let six = six.unwrap();
    assert_eq!((status, six.network_address, six.prefix_length), (Status::OK, text("::1"), Some(128)));

    let city_only =
        GeoIPData { asn: None, asn_org: None, network_address: None, prefix_length: None, ..brno };
    let city = open(path("geo.city_db"), None);
    assert_eq!(locate(&city, "127.80.1.10").await, (Status::OK, Some(city_only)));
    let (status, london) = locate(&both, "127.80.102.10").await;
    assert_eq!((status, london.unwrap().asn), (Status::OK, None));
    let (status, system) = locate(&both, "127.80.103.10").await;
    let system = system.unwrap();
    assert_eq!((status, system.asn, system.country_code), (Status::OK, Some(64499), None));
    let asn = open(None, path("geo.asn_db"));
    assert_eq!(locate(&asn, "127.80.1.10").await.1.unwrap().city, None);

    assert_eq!(locate(&both, "127.80.101.10").await, (Status::NOT_FOUND, None));
    assert_eq!(locate(&both, "10.0.0.1").await, (Status::NOT_FOUND, None));
    assert_eq!(locate(&both, "2001:db8::1").await, (Status::NOT_FOUND, None));
    assert_eq!(locate(&both, "x").await, (Status::INVALID_ADDRESS, None));
}
