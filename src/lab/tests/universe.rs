//! What the data files promise: enough names, each once, and every situation among them.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::net::IpAddr;

use hickory_proto::rr::{RData, RecordType};

use super::*;
use crate::lab::universe::{
    Chain, Found, Key, NerdAnswer, PingAnswer, RdapAnswer, ServerMode, TlsMode, Versions, Web, WhoisAnswer,
};
use crate::model::Status;

fn universe() -> Universe {
    Universe::load(0).unwrap()
}

/// The addresses that the resolver would find for a name, aliases followed.
fn addresses(universe: &Universe, name: &str) -> Vec<IpAddr> {
    let mut name = DomainName::parse(name).unwrap().to_string();
    for _ in 0..8 {
        let zone = universe.zones_around(&name).remove(0);
        let found = [RecordType::A, RecordType::AAAA].map(|kind| zone.look_up(&name, kind));
        let mut addresses = vec![];
        let mut alias = None;
        for found in found {
            match found {
                Found::Records(records) => {
                    addresses.extend(records.iter().map(|record| match &record.data {
                        RData::A(a) => IpAddr::V4(a.0),
                        RData::AAAA(a) => IpAddr::V6(a.0),
                        data => panic!("{data}"),
                    }))
                }
                Found::Alias(_, target) => alias = Some(target),
                Found::NoData | Found::NoName => {}
            }
        }
        match alias {
            Some(target) if addresses.is_empty() => name = target,
            _ => return addresses,
        }
    }
    vec![]
}

#[test]
fn names_are_many_different_and_have_a_zone_below_a_known_suffix() {
    let universe = universe();
    let names: HashSet<&str> = universe.names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), universe.names.len(), "names are there twice");
    assert!(names.len() >= 200, "{}", names.len());
    let mut suffixes = BTreeSet::new();
    for name in names {
        let canonical = DomainName::parse(name).unwrap();
        let suffix = canonical.public_suffix().unwrap();
        // The collectors ask for zones from the registered domain downwards.
        let top = canonical.registered().unwrap_or_else(|| suffix.clone());
        assert!(universe.zone(top.as_str()).is_some(), "{name}");
        suffixes.insert(suffix.to_string());
    }
    assert!(suffixes.len() >= 9, "{suffixes:?}");
    let opted_out: Vec<_> = universe.opt_out.iter().map(|owner| DomainName::parse(owner).unwrap()).collect();
    for (name, status) in &universe.without_record {
        let reason = match DomainName::parse(name) {
            Err(_) => Status::INVALID_DOMAIN_NAME,
            Ok(name) if name.as_str().ends_with(".arpa") => Status::INVALID_DOMAIN_NAME,
            Ok(name) if opted_out.iter().any(|owner| name.is_in(owner)) => Status::DISABLED,
            Ok(name) => match name.registered().and_then(|name| universe.zone(name.as_str())) {
                None => Status::NOT_FOUND,
                Some(_) => Status::CANNOT_FETCH,
            },
        };
        assert_eq!(*status, reason, "{name}");
    }
}

#[test]
fn every_address_has_a_host_and_a_network() {
    let universe = universe();
    let hosts: HashSet<IpAddr> = universe.hosts.iter().map(|host| host.at).collect();
    assert_eq!(hosts.len(), universe.hosts.len(), "a host is there twice");
    for (name, _) in &universe.names {
        for address in addresses(&universe, name) {
            assert!(hosts.contains(&address), "{name}: no host at {address}");
            assert!(universe.network(address).is_some(), "{name}: no network of {address}");
        }
    }
    let servers =
        universe.server_modes.keys().copied().chain(universe.registrars.iter().map(|registrar| registrar.at));
    let whois =
        universe.registries.iter().filter_map(|registry| registry.whois.as_ref().map(|whois| whois.at));
    let servers = servers.chain(whois).map(IpAddr::V4).chain(hosts);
    assert_eq!(servers.filter(|address| !address.is_loopback()).count(), 0);
    for network in &universe.networks {
        assert!(
            network.place.as_ref().is_none_or(|place| universe.places.contains_key(place)),
            "{}",
            network.name
        );
        assert!(
            network.system.is_none_or(|system| universe.systems.contains_key(&system)),
            "{}",
            network.name
        );
    }
}

/// What the names of the universe meet: a set for each kind of answer; `None` is a service that does not exist.
#[derive(Default)]
struct Met {
    tls: HashSet<TlsMode>,
    chains: HashSet<Chain>,
    keys: HashSet<Key>,
    versions: HashSet<Versions>,
    pages: HashSet<std::mem::Discriminant<Web>>,
    pings: HashSet<PingAnswer>,
    numbers: HashSet<Option<RdapAnswer>>,
    scores: HashSet<NerdAnswer>,
    located: HashSet<(bool, bool)>,
    server_modes: HashSet<ServerMode>,
    registries: HashSet<(Option<RdapAnswer>, WhoisAnswer)>,
    registrars: HashSet<RdapAnswer>,
}

impl Met {
    fn of(universe: &Universe) -> Self {
        let mut met = Self::default();
        for (name, _) in &universe.names {
            let name = DomainName::parse(name).unwrap();
            for address in addresses(universe, name.as_str()) {
                met.address(universe, address);
            }
            let servers = &universe.zones_around(name.as_str())[0].servers;
            met.server_modes.extend(servers.iter().map(|server| server.answers));
            let Some(domain) = name.registered() else { continue };
            let facts = universe.facts(domain.as_str()).unwrap();
            let rdap = facts.registry.rdap.as_ref().map(|_| facts.answers.rdap);
            met.registries.insert((rdap, facts.answers.whois));
            if facts.registry.thin {
                met.registrars.insert(facts.answers.registrar);
            }
        }
        met
    }

    fn address(&mut self, universe: &Universe, address: IpAddr) {
        let host = universe.hosts.iter().find(|host| host.at == address).unwrap();
        self.tls.insert(host.tls);
        self.chains.insert(host.certificate);
        self.keys.insert(host.key);
        self.versions.insert(host.versions);
        self.pages.insert(std::mem::discriminant(&host.web));
        let network = universe.network(address).unwrap();
        let mut services = universe.rdap_services.iter().flat_map(|service| &service.prefixes);
        self.pings.insert(network.ping.answer);
        self.numbers.insert(services.any(|prefix| prefix.contains(&address)).then_some(network.rdap));
        self.scores.insert(network.nerd);
        self.located.insert((network.place.is_some(), network.system.is_some()));
    }
}

/// Every kind of answer that the data can describe is the answer for some name.
#[test]
fn every_situation_is_met_by_some_name() {
    fn all<T: Eq + Hash + Debug>(met: &HashSet<T>, wanted: impl IntoIterator<Item = T>) {
        for kind in wanted {
            assert!(met.contains(&kind), "{kind:?} is missing");
        }
    }
    let met = Met::of(&universe());
    all(&met.tls, [TlsMode::Serve, TlsMode::Closed, TlsMode::Silent, TlsMode::Reset, TlsMode::PlainHttp]);
    all(&met.chains, [Chain::Valid, Chain::SelfSigned, Chain::Expired, Chain::WrongName, Chain::Long]);
    all(&met.keys, [Key::P256, Key::P384, Key::Ed25519, Key::Rsa]);
    all(&met.versions, [Versions::Both, Versions::Tls12, Versions::Tls13]);
    all(&met.pings, [PingAnswer::Reply, PingAnswer::Lost, PingAnswer::Unreachable, PingAnswer::TimeExceeded]);
    all(
        &met.server_modes,
        [ServerMode::Open, ServerMode::Refusing, ServerMode::Quiet, ServerMode::Broken, ServerMode::Dead],
    );
    all(&met.located, [(true, true), (true, false), (false, true), (false, false)]);
    use NerdAnswer::{Forbidden, Reputation, Short};
    all(&met.scores, [Reputation, Short, Forbidden, NerdAnswer::Limited, NerdAnswer::Silent]);
    use RdapAnswer::{Broken, Found as Object, Limited, Missing, Page, Silent};
    let rdap = [Object, Missing, Limited, Broken, Page, Silent];
    all(&met.numbers, rdap.map(Some).into_iter().chain([None]));
    all(&met.registrars, [Object, Missing, Broken]);
    use WhoisAnswer as Whois;
    all(
        &met.registries,
        [
            (Some(Object), Whois::Found),
            (Some(Missing), Whois::Found),
            (Some(Missing), Whois::Missing),
            (Some(Limited), Whois::Found),
            (Some(Broken), Whois::Closed),
            (Some(Page), Whois::Limited),
            (Some(Silent), Whois::Silent),
            (None, Whois::Found),
            (None, Whois::Missing),
            (None, Whois::Limited),
        ],
    );
    let text = String::new();
    let pages = [
        Web::default(),
        Web::Redirect { to: text.clone() },
        Web::Hops { count: 0 },
        Web::Loop,
        Web::Status { code: 0, text: text.clone() },
        Web::Silent,
        Web::Banner { text },
        Web::Reset,
    ];
    all(&met.pages, pages.iter().map(std::mem::discriminant));
}

#[test]
fn computed_names_are_as_many_as_wanted_and_have_zones() {
    let universe = Universe::load(1000).unwrap();
    let names: HashSet<String> = universe.scale_names().collect();
    assert_eq!(names.len(), 1000);
    for name in &names {
        let canonical = DomainName::parse(name).unwrap();
        let domain = canonical.registered().unwrap();
        assert!(universe.zone(domain.as_str()).is_some(), "{name}");
        assert!(universe.facts(domain.as_str()).is_some(), "{name}");
        assert!(!addresses(&universe, name).is_empty(), "{name}");
    }
    for beyond in ["n001000-lab.cz", "n1-lab.cz", "n000001-lab.cz", "nx-lab.com"] {
        assert!(universe.zone(beyond).is_none(), "{beyond}");
    }
}
