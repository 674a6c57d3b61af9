//! What is read of a MaxMind record: only the fields of `GeoIPData`, borrowed from the database, names in English.
//!
//! Decoding just these fields is about twice as fast as the complete record. Field names are those of
//! <https://dev.maxmind.com/geoip/docs/databases/city-and-country> and `.../asn`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::model::GeoIPData;

/// A record of a City database.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct City<'a> {
    #[serde(borrow)]
    city: Place<'a>,
    #[serde(borrow)]
    continent: Continent<'a>,
    #[serde(borrow)]
    country: Place<'a>,
    #[serde(borrow)]
    location: Location<'a>,
    #[serde(borrow)]
    postal: Postal<'a>,
    registered_country: CountryId,
    represented_country: CountryId,
    #[serde(borrow, deserialize_with = "first")]
    subdivisions: Option<Place<'a>>,
}

/// A record of an ASN database.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct System<'a> {
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CountryId {
    geoname_id: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location<'a> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Postal<'a> {
    code: Option<&'a str>,
}

impl City<'_> {
    pub(super) fn fill(&self, data: &mut GeoIPData) {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let region = self.subdivisions.as_ref();
        data.continent_code = text(self.continent.code);
        data.country_code = text(self.country.iso_code);
        data.region = text(region.and_then(|region| region.names.en));
        data.region_code = text(region.and_then(|region| region.iso_code));
        data.city = text(self.city.names.en);
        data.postal_code = text(self.postal.code);
        data.latitude = self.location.latitude;
        data.longitude = self.location.longitude;
        data.timezone = text(self.location.time_zone);
        data.registered_country_geo_name_id = self.registered_country.geoname_id.map(i64::from);
        data.represented_country_geo_name_id = self.represented_country.geoname_id.map(i64::from);
    }
}

impl System<'_> {
    pub(super) fn fill(&self, data: &mut GeoIPData) {
        data.asn = self.autonomous_system_number.map(i64::from);
        data.asn_org = self.autonomous_system_organization.map(str::to_owned);
    }
}

/// Keeps the first element, the largest subdivision, and skips the others.
fn first<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct First<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for First<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of subdivisions")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let first = list.next_element()?;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }

    deserializer.deserialize_seq(First(PhantomData))
}
