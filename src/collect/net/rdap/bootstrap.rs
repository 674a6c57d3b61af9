//! Which RDAP server is responsible for a name or an address: the service registries of RFC 9224.
//!
//! The kind of an entry is told by the entry itself (a network or a name), so one file may hold all kinds. Other kinds
//! (AS numbers, object tags of RFC 8521) are passed over. Where the files come from: `list.rs`; a part of IANA's is
//! shipped (`bootstrap/`).

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::collect::net::HttpClient;
use crate::collect::net::list::{Kind, ListError, Lists};
use crate::model::DomainName;

/// Where IANA has its lists.
pub(super) const IANA: &str = "https://data.iana.org/rdap/";

/// The servers listed at the places of the configuration.
pub struct Bootstrap(Lists<Services>);

/// One service registry.
struct Services {
    names: HashMap<String, Url>,
    networks: Vec<(IpNet, Url)>,
}

impl Bootstrap {
    /// The registries at `places`; loaded when first asked.
    pub fn new(places: &[String], http: HttpClient) -> Self {
        Self(Lists::new(
            places,
            http,
            Kind { extension: "json", accept: "application/json", parse: Services::parse, shipped },
        ))
    }

    /// The base URL for `name`: that of the longest listed suffix of whole labels.
    pub async fn for_name(&self, name: &DomainName, deadline: Instant) -> Result<Option<Url>, ListError> {
        let suffixes = std::iter::successors(Some(name.as_str()), |name| Some(name.split_once('.')?.1));
        let depth = |suffix: &str| suffix.len();
        self.best(deadline, |services| {
            suffixes.clone().find_map(|suffix| Some((depth(suffix), services.names.get(suffix)?)))
        })
        .await
    }

    /// The base URL for `address`: that of the longest listed prefix, which comes with it.
    pub async fn for_address(
        &self,
        address: IpAddr,
        deadline: Instant,
    ) -> Result<Option<(IpNet, Url)>, ListError> {
        self.best(deadline, |services| {
            let holding = services.networks.iter().filter(|(network, _)| network.contains(&address));
            holding.map(|entry| (usize::from(entry.0.prefix_len()), entry)).max_by_key(|(length, _)| *length)
        })
        .await
    }

    /// The longest match in any registry, in the earlier one of two alike. None only if all registries are known.
    async fn best<T: Clone>(
        &self,
        deadline: Instant,
        find: impl Fn(&Services) -> Option<(usize, &T)>,
    ) -> Result<Option<T>, ListError> {
        let (known, missing) = self.0.all(deadline).await;
        // Of equals, `max_by_key` takes the last: backwards, that is the first.
        let backwards = known.iter().rev().flat_map(|lists| lists.iter().rev());
        let found = backwards.filter_map(find).max_by_key(|(length, _)| *length);
        match (found, missing) {
            (Some((_, entry)), _) => Ok(Some(entry.clone())),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }
}

/// What there is of IANA's lists before they have come: a start set.
fn shipped(place: &str) -> Option<&'static str> {
    match place.strip_prefix(IANA)? {
        "dns.json" => Some(include_str!("bootstrap/dns.json")),
        "ipv4.json" => Some(include_str!("bootstrap/ipv4.json")),
        "ipv6.json" => Some(include_str!("bootstrap/ipv6.json")),
        _ => None,
    }
}

impl Services {
    fn parse(text: &str) -> Result<Self, String> {
        /// RFC 9224 section 3: each service is a list of entries and a list of base URLs.
        #[derive(Deserialize)]
        struct File {
            services: Vec<Vec<Vec<String>>>,
        }
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut services = Self { names: HashMap::new(), networks: vec![] };
        for service in &file.services {
            // A service of object tags has a third list in front.
            let [entries, urls] = service.as_slice() else { continue };
            let Some(base) = base(urls) else { continue };
            for entry in entries {
                if let Ok(network) = entry.parse::<IpNet>() {
                    services.networks.push((network.trunc(), base.clone()));
                } else if let Ok(name) = DomainName::parse(entry) {
                    services.names.insert(name.to_string(), base.clone());
                }
            }
        }
        Ok(services)
    }
}

/// The URL to use of those of a service: of https where there is one. Ends with a slash, so that paths can be joined.
fn base(urls: &[String]) -> Option<Url> {
    let urls: Vec<Url> = urls
        .iter()
        .filter_map(|url| Url::parse(&format!("{}/", url.trim_end_matches('/'))).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .collect();
    urls.iter().find(|url| url.scheme() == "https").or(urls.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::net::loopback::{client, soon};

    const LIST: &str = r#"{
        "version": "1.0", "publication": "2026-01-01T00:00:00Z", "description": "all kinds",
        "services": [
            [["com", "net"], ["https://com.example/v1/"]],
            [["CZ"], ["http://cz.example", "https://cz.example/rdap"]],
            [["co.uk"], ["https://co.uk.example/"]],
            [["xn--p1ai"], ["ftp://nowhere.example/", "not a url"]],
            [["192.0.0.0/8", "2001:db8::/32"], ["https://wide.example/"]],
            [["192.0.2.0/24"], ["https://narrow.example/"]],
            [["1876-1901", "2043"], ["https://as.example/"]],
            [["contact@arin.example"], ["ARIN"], ["https://tag.example/"]]
        ]}"#;

    #[tokio::test]
    async fn finds_the_longest_match() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, LIST).unwrap();
        let bootstrap = Bootstrap::new(&[file.path().to_str().unwrap().to_owned()], client(&[]));
        for (asked, expected) in [
            ("a.b.com", Some("https://com.example/v1/")),
            ("OK.COM", Some("https://com.example/v1/")),
            ("ok.cz", Some("https://cz.example/rdap/")),
            ("a.co.uk", Some("https://co.uk.example/")),
            ("a.org.uk", None),
            ("foo.zz", None),
            ("foo.xn--p1ai", None),
            ("arin", None),
            ("192.0.2.1", Some("https://narrow.example/")),
            ("192.0.3.1", Some("https://wide.example/")),
            ("10.0.0.1", None),
            ("2001:db8::1", Some("https://wide.example/")),
            ("2001:db9::1", None),
        ] {
            let url = match asked.parse() {
                Ok(address) => {
                    let found = bootstrap.for_address(address, soon()).await;
                    found.map(|found| {
                        let (block, url) = found?;
                        assert!(block.contains(&address), "{asked}");
                        Some(url)
                    })
                }
                Err(_) => bootstrap.for_name(&DomainName::parse(asked).unwrap(), soon()).await,
            };
            assert_eq!(url.unwrap().as_ref().map(Url::as_str), expected, "{asked}");
        }
    }

    #[tokio::test]
    async fn of_two_alike_the_earlier_list_counts() {
        let directory = tempfile::tempdir().unwrap();
        let list = |name: &str, suffix: &str| {
            let path = directory.path().join(name);
            let text = format!(r#"{{"services":[[["{suffix}"],["https://{name}.example"]]]}}"#);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let places = [list("first", "uk"), list("second", "uk"), list("third", "co.uk")];
        let bootstrap = Bootstrap::new(&places, client(&[]));
        for (name, expected) in [("a.uk", "https://first.example/"), ("a.co.uk", "https://third.example/")] {
            let url = bootstrap.for_name(&DomainName::parse(name).unwrap(), soon()).await.unwrap().unwrap();
            assert_eq!(url.as_str(), expected);
        }
    }

    #[tokio::test]
    async fn what_may_be_in_a_missing_list_is_not_known() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, LIST).unwrap();
        let places = ["/nowhere".to_owned(), file.path().to_str().unwrap().to_owned()];
        let bootstrap = Bootstrap::new(&places, client(&[]));
        let name = |name: &str| DomainName::parse(name).unwrap();
        assert!(bootstrap.for_name(&name("ok.com"), soon()).await.unwrap().is_some());
        assert_eq!(bootstrap.for_name(&name("foo.zz"), soon()).await.unwrap_err().place, "/nowhere");
    }

    /// Nobody answers for IANA here: the shipped lists are what there is.
    #[tokio::test]
    async fn the_shipped_lists_are_used_until_those_of_iana_come() {
        let places = ["dns", "ipv4", "ipv6"].map(|name| format!("{IANA}{name}.json"));
        let bootstrap = Bootstrap::new(&places, client(&[]));
        for (name, expected) in [
            ("ok.com", "https://rdap.verisign.com/com/v1/"),
            ("a.ok.cz", "https://rdap.nic.cz/"),
            ("ok.org", "https://rdap.publicinterestregistry.org/rdap/"),
            ("ok.tv", "https://rdap.nic.tv/"),
        ] {
            let url = bootstrap.for_name(&DomainName::parse(name).unwrap(), soon()).await.unwrap();
            assert_eq!(url.as_ref().map(Url::as_str), Some(expected), "{name}");
        }
        for (address, expected) in [
            ("1.1.1.1", "1.0.0.0/8 https://rdap.apnic.net/"),
            ("8.8.8.8", "8.0.0.0/8 https://rdap.arin.net/registry/"),
            ("193.0.6.139", "193.0.0.0/8 https://rdap.db.ripe.net/"),
            ("200.3.14.10", "200.0.0.0/8 https://rdap.lacnic.net/rdap/"),
            ("196.216.2.1", "196.0.0.0/8 https://rdap.afrinic.net/rdap/"),
            ("2a00:1450::1", "2a00::/12 https://rdap.db.ripe.net/"),
            ("2001:dc0::1", "2001:c00::/23 https://rdap.apnic.net/"),
            ("2410::1", "2410::/12 https://rdap.apnic.net/"),
            ("2620:0:2d0::1", "2620::/23 https://rdap.arin.net/registry/"),
        ] {
            let (block, url) =
                bootstrap.for_address(address.parse().unwrap(), soon()).await.unwrap().unwrap();
            assert_eq!(format!("{block} {url}"), expected, "{address}");
        }
        // What they do not have may be in the lists themselves. IANA lists none for `co`, whatever answers for it.
        for name in ["ok.zz", "ok.co"] {
            let unknown = bootstrap.for_name(&DomainName::parse(name).unwrap(), soon()).await;
            assert_eq!(unknown.unwrap_err().place, places[0], "{name}");
        }
        assert!(bootstrap.for_address("10.0.0.1".parse().unwrap(), soon()).await.is_err());
    }
}
