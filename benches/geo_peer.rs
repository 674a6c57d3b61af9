//! Why: places and systems of addresses are to be looked up at twice the speed of the library in C that everyone uses.
//! What: a million addresses as text, each with all fields of GeoIPData from a City and an ASN database of 100,000 networks, by
//! the geo-asn collector (records made, as the flow has them) and by libmaxminddb (values looked at); both must have found the
//! same. Needs a C compiler and libmaxminddb (`scripts/setup.sh test`).
//! Knobs: ADDRESSES, NETWORKS.

mod peers;

use std::fmt::Write as _;
use std::io::BufRead as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::collect::geo_asn::{GeoAsnCollector, GeoConfig};
use domainflow::lab::databases::mmdb::{Value, Writer};
use domainflow::model::{GeoIPData, IPData, Subject};

const ADDRESSES: usize = 1_000_000;
const NETWORKS: u32 = 100_000;
/// Addresses of which one is in no database.
const ONE_UNKNOWN_OF: u32 = 20;

/// Says to a process of this bench that it is our side, and where the databases are.
const FOLDER: &str = "GEO_PEER_FOLDER";

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return collect(folder.as_ref());
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let (city, asn) = databases();
    std::fs::write(path("city.mmdb"), city).expect("a file");
    std::fs::write(path("asn.mmdb"), asn).expect("a file");
    std::fs::write(path("addresses"), addresses()).expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-o"]).arg(path("theirs")).args(["benches/peers/geo.c", "-lmaxminddb"]);
    let status = compiler.status().expect("a C compiler");
    assert!(status.success(), "{compiler:?}: {status}");

    peers::compare(
        "place and system of an address",
        ADDRESSES,
        || {
            let mut command = Command::new(std::env::current_exe().expect("a program"));
            command.env(FOLDER, dir.path());
            peers::run(command, &path("addresses"), &path("ours.told"))
        },
        ("libmaxminddb", || {
            let mut command = Command::new(path("theirs"));
            command.args([path("city.mmdb"), path("asn.mmdb")]);
            peers::run(command, &path("addresses"), &path("theirs.told"))
        }),
    );
    let told = |name: &str| std::fs::read_to_string(path(name)).expect("a file");
    assert_eq!(told("ours.told"), told("theirs.told"), "what was found");
}

/// Our side: reads addresses, makes the records of the geo-asn collector, and sums them up like `peers/geo.c`.
fn collect(folder: &Path) {
    let (city_db, asn_db) = (Some(folder.join("city.mmdb")), Some(folder.join("asn.mmdb")));
    let config = GeoConfig { city_db, asn_db, ..GeoConfig::default() };
    let collector = GeoAsnCollector::open(&config, Arc::new(SystemClock)).expect("databases");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut sums = Sums::default();
    runtime.block_on(async {
        for address in std::io::stdin().lock().lines() {
            let subject = Subject::pair("bench.test", &address.expect("an address"));
            if let IPData::GeoAsn(data) = collector.collect(&subject, None).await.data {
                sums.add(&data);
            }
        }
    });
    peers::tell(&format!("{} {} {} {:.0}", sums.found, sums.texts, sums.prefixes, sums.numbers));
}

#[derive(Default)]
struct Sums {
    found: usize,
    texts: usize,
    prefixes: i64,
    numbers: f64,
}

impl Sums {
    fn add(&mut self, data: &GeoIPData) {
        self.found += 1;
        let texts = [
            &data.continent_code,
            &data.country_code,
            &data.region,
            &data.region_code,
            &data.city,
            &data.postal_code,
            &data.timezone,
            &data.asn_org,
        ];
        self.texts += texts.into_iter().flatten().map(String::len).sum::<usize>();
        self.prefixes += data.prefix_length.unwrap_or_default();
        let whole = [data.registered_country_geo_name_id, data.represented_country_geo_name_id, data.asn];
        let numbers = [data.latitude, data.longitude].into_iter().flatten();
        self.numbers += numbers.chain(whole.into_iter().flatten().map(|whole| whole as f64)).sum::<f64>();
    }
}

/// The network of a number: 1.0.0.0/24 and what follows.
fn network(number: u32) -> Ipv4Addr {
    Ipv4Addr::from((1 << 24) + (number << 8))
}

fn addresses() -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = String::new();
    for _ in 0..ADDRESSES {
        let inside = random.u32(..ONE_UNKNOWN_OF) != 0;
        let base = if inside { network(random.u32(..NETWORKS)) } else { Ipv4Addr::new(203, 0, 113, 0) };
        let address = Ipv4Addr::from(u32::from(base) + random.u32(..256));
        writeln!(text, "{address}").expect("a text");
    }
    text
}

/// Databases like GeoLite2-City and GeoLite2-ASN: names in eight languages, two subdivisions.
fn databases() -> (Vec<u8>, Vec<u8>) {
    let (mut city, mut asn) = (Writer::default(), Writer::default());
    for number in 0..NETWORKS {
        let net = format!("{}/24", network(number)).parse().expect("a network");
        city.insert(net, city_record(number));
        let organization = text(&format!("Network Operator {}", number % 5000));
        let system = [
            ("autonomous_system_number", Value::U32(number % 5000 + 1)),
            ("autonomous_system_organization", organization),
        ];
        asn.insert(net, Value::Map(system.into()));
    }
    (city.finish("GeoLite2-City"), asn.finish("GeoLite2-ASN"))
}

fn city_record(number: u32) -> Value {
    let map = |fields: &[(&'static str, Value)]| Value::Map(fields.to_vec());
    let names = |english: &str| {
        let languages = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];
        let name = |language| {
            (
                language,
                text(&if language == "en" { english.to_owned() } else { format!("{english} ({language})") }),
            )
        };
        ("names", Value::Map(languages.map(name).into()))
    };
    let id = |of: u32| ("geoname_id", Value::U32(of));
    let country = map(&[id(6_252_001), ("iso_code", text("US")), names("United States")]);
    let region = |code: &str, english: &str| map(&[id(5_000_000), ("iso_code", text(code)), names(english)]);
    let degrees = f64::from(number % 90);
    map(&[
        ("city", map(&[id(number), names(&format!("City {}", number % 30_000))])),
        ("continent", map(&[("code", text("NA")), id(6_255_149), names("North America")])),
        ("country", country.clone()),
        (
            "location",
            map(&[
                ("accuracy_radius", Value::U16(20)),
                ("latitude", Value::Double(degrees)),
                ("longitude", Value::Double(-degrees)),
                ("time_zone", text("America/New_York")),
            ]),
        ),
        ("postal", map(&[("code", text(&format!("{:05}", number % 99_999)))])),
        ("registered_country", country),
        (
            "subdivisions",
            Value::Array(vec![region("PA", "Pennsylvania"), region("101", "Philadelphia County")]),
        ),
    ])
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
