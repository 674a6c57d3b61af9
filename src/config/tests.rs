//! The file of defaults says what the code does; every layer works; mistakes are told with place and hint.

use super::*;
use crate::codec::Format;
use crate::error::Coded as _;
use crate::units::Span;

fn load(apply: impl FnOnce(&mut Loader) -> Result<(), ConfigError>) -> Result<Settings, ConfigError> {
    let mut loader = Loader::new();
    apply(&mut loader)?;
    loader.finish()
}

#[test]
fn the_file_of_defaults_is_what_the_code_does() {
    let of_file = load(|loader| loader.text("config/default.toml", DEFAULT)).unwrap();
    let (of_file, of_code) =
        (serde_json::to_value(of_file).unwrap(), serde_json::to_value(Settings::default()).unwrap());
    for (section, keys) in of_code.as_object().unwrap() {
        assert_eq!(&of_file[section], keys, "{section}");
    }
    // And it leaves no key out.
    let toml: toml::Table = DEFAULT.parse().unwrap();
    let code = serde_json::to_value(Settings::default()).unwrap();
    for (section, keys) in code.as_object().unwrap() {
        for key in keys.as_object().unwrap().keys() {
            let known = toml.get(section).and_then(|section| section.as_table()?.get(key));
            assert!(known.is_some(), "{section}.{key} is missing in config/default.toml");
        }
    }
}

#[test]
fn later_layers_win() {
    let settings = load(|loader| {
        loader.text(
            "a.toml",
            "[dns]\ntimeout = \"1s\"\nretries = 3\n[kafka.properties]\n\"security.protocol\" = \"SSL\"\n",
        )?;
        loader.text("b.toml", "dns.timeout = \"2s\"\n")?;
        let variables = [
            ("DOMAINFLOW__DNS__RETRIES", "4"),
            ("DOMAINFLOW__DNS__RESOLVERS", "127.0.0.1:53, [::1]:53"),
            ("DOMAINFLOW__KAFKA__PROPERTIES__SASL_MECHANISM", "PLAIN"),
            ("DOMAINFLOW__NET__ALLOW_PRIVATE", "true"),
            ("HOME", "/"),
        ];
        loader.environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter())?;
        loader.set("dns.retries=5")?;
        loader.set("topics.format=json")?;
        loader.set("geo.city_db=/x.mmdb")?;
        loader.set("kafka.properties.ssl.ca.location=/ca.pem")?;
        loader.text("c.toml", "[limits.servers.\"whois.example\"]\nopen = 2\nwait = \"1m\"\n")?;
        loader.text("d.toml", "limits.servers.\"[::1]:43\" = { rates = [\"2/s\", \"50/m\"] }\n")?;
        loader.set("limits.servers.whois.example.open=3")?;
        loader.set(r#"rdap.bootstrap=["a.json", "b.json"]"#)
    })
    .unwrap();
    assert_eq!(settings.dns.timeout, Span::secs(2));
    assert_eq!(settings.dns.retries, 5);
    let servers = serde_json::to_value(&settings.limits.servers).unwrap();
    assert_eq!(
        servers,
        serde_json::json!({
            "[::1]:43": { "rates": ["2/s", "50/m"] },
            "whois.example": { "open": 3, "wait": "1m" },
        })
    );
    assert_eq!(settings.dns.resolvers.len(), 2);
    assert_eq!(settings.topics.format, Format::Json);
    assert_eq!(settings.geo.city_db.as_deref(), Some(std::path::Path::new("/x.mmdb")));
    assert_eq!(settings.rdap.bootstrap, ["a.json", "b.json"]);
    assert!(settings.net.allow_private);
    let properties: Vec<_> =
        settings.kafka.properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(properties, ["sasl.mechanism=PLAIN", "security.protocol=SSL", "ssl.ca.location=/ca.pem"]);
}

#[test]
fn mistakes_have_a_place_and_a_hint() {
    type Apply = Box<dyn FnOnce(&mut Loader) -> Result<(), ConfigError>>;
    let file = |text: &'static str| -> Apply { Box::new(move |loader| loader.text("c.toml", text)) };
    let set = |text: &'static str| -> Apply { Box::new(move |loader| loader.set(text)) };
    let env = |name: &'static str, value: &'static str| -> Apply {
        Box::new(move |loader| loader.environment([(name.to_owned(), value.to_owned())].into_iter()))
    };
    for (apply, message, hint) in [
        (
            file("[kafka]\nbootstrap_server = \"x\"\n"),
            "c.toml:2:1: unknown key `kafka.bootstrap_server`",
            "did you mean `kafka.bootstrap_servers`?",
        ),
        (file("[dns]\ntimeout = 5\n"), "c.toml:2:1: dns.timeout: ", ""),
        (
            file("[dns]\ntimeout = \"5\"\n"),
            "c.toml:2:1: dns.timeout: `5` is not a length of time such as 5s",
            "",
        ),
        (file("[dns]\ntimeout = \n"), "c.toml:2:11: ", ""),
        (file("[topics]\nformat = \"xml\"\n"), "c.toml:2:1: topics.format: unknown variant `xml`", ""),
        (file("dns = 1\n"), "c.toml:1:1: unknown key `dns`", ""),
        (
            set("limits.servers.whois.example.rates=2"),
            "--set limits.servers.whois.example.rates=2: limits.servers.whois.example.rates: `2` is not a rate",
            "",
        ),
        (
            set("limits.servers.whois.example.speed=2"),
            "--set limits.servers.whois.example.speed=2: unknown key `limits.speed`",
            "",
        ),
        (set("dns.timeout"), "--set dns.timeout: a setting is written section.key=value", ""),
        (set("topics.partitions=many"), "--set topics.partitions=many: `many` is not a whole number", ""),
        (set("state.memory=64"), "--set state.memory=64: state.memory: `64` is not a size", ""),
        (
            set("topic.partitions=1"),
            "--set topic.partitions=1: unknown key `topic.partitions`",
            "did you mean `topics.partitions`?",
        ),
        (set("topics.max_record=1KiB"), "topics.max_record = 1KiB is too small", "at least 16KiB"),
        (env("DOMAINFLOW__RTT__COUNT", "0"), "environment variable DOMAINFLOW__RTT__COUNT: rtt.count: ", ""),
        (env("DOMAINFLOW__RTT", "0"), "environment variable DOMAINFLOW__RTT: unknown key `rtt`", ""),
    ] {
        let error = load(apply).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}\nexpected {message}");
        assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        assert_eq!(error.code().exit, crate::error::Exit::Config);
    }
}
