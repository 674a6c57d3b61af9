//! The City and ASN databases of the lab: its networks in the format of MaxMind, written by `mmdb.rs`.
//!
//! Decides which fields a record has: those of GeoLite2 that tell a place or a system. Networks without a place or a system
//! are left out of the database.

pub mod mmdb;

use self::mmdb::{Value, Writer};
use super::universe::{Place, Universe};

/// The City database.
pub(super) fn city(universe: &Universe) -> Vec<u8> {
    let mut writer = Writer::default();
    for network in &universe.networks {
        if let Some(place) = network.place.as_ref().and_then(|place| universe.places.get(place)) {
            writer.insert(network.prefix, city_record(place));
        }
    }
    writer.finish("GeoLite2-City")
}

/// The ASN database.
pub(super) fn asn(universe: &Universe) -> Vec<u8> {
    let mut writer = Writer::default();
    for network in &universe.networks {
        if let Some((number, name)) =
            network.system.and_then(|number| universe.systems.get_key_value(&number))
        {
            let record = Value::Map(vec![
                ("autonomous_system_number", Value::U32(*number)),
                ("autonomous_system_organization", text(name)),
            ]);
            writer.insert(network.prefix, record);
        }
    }
    writer.finish("GeoLite2-ASN")
}

fn city_record(place: &Place) -> Value {
    let country =
        Value::Map(vec![("geoname_id", Value::U32(place.country_id)), ("iso_code", text(&place.country))]);
    let mut record = vec![
        ("continent", Value::Map(vec![("code", text(&place.continent))])),
        ("country", country.clone()),
        (
            "location",
            Value::Map(vec![
                ("accuracy_radius", Value::U16(20)),
                ("latitude", Value::Double(place.latitude)),
                ("longitude", Value::Double(place.longitude)),
                ("time_zone", text(&place.zone)),
            ]),
        ),
        ("registered_country", country),
    ];
    if let Some(city) = &place.city {
        record.push(("city", Value::Map(vec![names(city)])));
    }
    if let Some(postal) = &place.postal {
        record.push(("postal", Value::Map(vec![("code", text(postal))])));
    }
    if let Some(region) = &place.region {
        let largest = Value::Map(vec![("iso_code", text(&region.code)), names(&region.name)]);
        // A smaller subdivision follows, which readers of the largest have to skip.
        let smaller = Value::Map(vec![("iso_code", text("000")), names("a smaller part")]);
        record.push(("subdivisions", Value::Array(vec![largest, smaller])));
    }
    Value::Map(record)
}

fn names(english: &str) -> (&'static str, Value) {
    ("names", Value::Map(vec![("de", text(&format!("{english} (de)"))), ("en", text(english))]))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
