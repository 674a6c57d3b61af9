//! `domains.yaml`: zones, their names and registrations, and how ordinary ones are made. What a field means is said there.
//!
//! Decides how labels, shapes and hosts are dealt out to ordinary names and to those of `scale`; both are computed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::registry::{RdapAnswer, WhoisAnswer};

/// `domains.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DomainsFile {
    pub infrastructure: Vec<Site>,
    pub sites: Vec<Site>,
    pub jobs: Vec<JobFile>,
    pub suffixes: Vec<String>,
    pub without_record: Vec<WithoutRecord>,
    pub requests: Vec<LabRequest>,
    pub opt_out: Vec<String>,
    pub plain: Plain,
}

/// A job that lacks something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobFile {
    pub about: String,
    #[serde(default)]
    pub without: Vec<String>,
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    pub sites: Vec<Site>,
}

/// A request for one collector, beside the list of names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabRequest {
    /// The collector whose topic it goes to.
    pub collector: String,
    /// The key.
    pub key: String,
    /// The value as it stands.
    pub value: Option<String>,
    /// The value, to be written in the format of the topic: the JSON of a DNS request, the text of a TLS request.
    pub request: Option<String>,
}

/// A zone, its names, its registration.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    #[serde(default)]
    pub about: String,
    pub zone: String,
    #[serde(default = "hosting")]
    pub servers: String,
    #[serde(default)]
    pub vanity: bool,
    #[serde(default)]
    pub signed: bool,
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub records: Vec<String>,
    /// Texts of 200 characters at the apex.
    #[serde(default)]
    pub long_texts: usize,
    #[serde(default)]
    pub faults: Vec<Fault>,
    #[serde(default)]
    pub registration: Registration,
}

/// What most sites are served by.
fn hosting() -> String {
    "hosting-a".to_owned()
}

/// Queries that are not answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub names: Vec<String>,
    pub types: Vec<String>,
    #[serde(default)]
    pub at: FaultPlace,
    pub answer: FaultAnswer,
}

/// Where a fault shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultPlace {
    #[default]
    Everywhere,
    Servers,
}

/// What is answered instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAnswer {
    Silent,
    Servfail,
}

/// How the registration of a name is told.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    pub rdap: RdapAnswer,
    /// Of the registrar's service, behind a thin registry.
    pub registrar: RdapAnswer,
    pub whois: WhoisAnswer,
}

/// A name without a joined record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithoutRecord {
    pub name: String,
    pub status: i32,
    /// The zone it has, one that cannot be asked.
    pub zone: Option<Unanswered>,
}

/// Servers of a zone that cannot be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unanswered {
    pub servers: String,
}

/// How ordinary names are made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    pub suffixes: Vec<String>,
    pub per_label: usize,
    pub labels: Vec<String>,
    pub shapes: Vec<Shape>,
}

/// The zone of an ordinary name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub name: String,
    #[serde(default)]
    pub vanity: bool,
    #[serde(default)]
    pub signed: bool,
    pub records: Vec<String>,
}

impl Site {
    /// The names as they are handed to the job; `zone` is the zone in canonical form.
    pub fn full_names(&self, zone: &str) -> impl Iterator<Item = String> {
        self.names.iter().map(move |name| match (name.as_str(), name.strip_suffix('.')) {
            ("@", _) => zone.to_owned(),
            (_, Some(typed)) => typed.to_owned(),
            _ => format!("{name}.{zone}"),
        })
    }
}

impl Plain {
    /// The ordinary sites: each label in as many suffixes as the file says.
    pub fn sites(&self, pool: &[IpAddr]) -> impl Iterator<Item = Site> {
        let turns =
            self.labels.iter().flat_map(|label| std::iter::repeat_n(label, self.per_label)).enumerate();
        turns.map(|(turn, label)| self.site(label, turn, pool))
    }

    /// Deals out the suffix, the shape, the servers and the hosts of a turn.
    fn site(&self, label: &str, turn: usize, pool: &[IpAddr]) -> Site {
        let shape = &self.shapes[turn / self.suffixes.len() % self.shapes.len()];
        let host = |n: usize| pool[(turn * 5 + n) % pool.len()].to_string();
        let (a, b, c) = (host(0), host(1), host(2));
        let fill = |record: &String| {
            record
                .replace("{a}", &a)
                .replace("{b}", &b)
                .replace("{c}", &c)
                .replace("{label}", &format!("site{turn}"))
        };
        Site {
            zone: format!("{label}-lab.{}", self.suffix(turn)),
            servers: ["hosting-a", "hosting-b", "hosting-c"][turn % 3].to_owned(),
            vanity: shape.vanity,
            signed: shape.signed,
            names: vec![shape.name.clone()],
            records: shape.records.iter().map(fill).collect(),
            ..Site::default()
        }
    }

    fn suffix(&self, turn: usize) -> &str {
        &self.suffixes[turn % self.suffixes.len()]
    }

    /// The site that `scale` numbers with `turn`.
    pub fn scale_site(&self, turn: usize, pool: &[IpAddr]) -> Site {
        self.site(&format!("n{turn:06}"), turn, pool)
    }

    /// The turn of a zone that `scale` made; the inverse of its name.
    pub fn scale_turn(&self, zone: &str) -> Option<usize> {
        let (label, suffix) = zone.split_once('.')?;
        let digits = label.strip_prefix('n')?.strip_suffix("-lab")?;
        let turn = digits.parse().ok()?;
        (format!("{turn:06}") == digits && self.suffix(turn) == suffix).then_some(turn)
    }
}
