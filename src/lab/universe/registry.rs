//! `registries.yaml`: name servers, registries, registrars, registrants. What a field means is said there.
//!
//! Decides nothing: `dns/` serves the zones, `rdap/` and `whois.rs` tell the registrations.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

/// `registries.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistriesFile {
    pub name_servers: BTreeMap<String, Vec<NameServer>>,
    pub registries: Vec<Registry>,
    pub registrars: Vec<Registrar>,
    pub contacts: Vec<Contact>,
}

/// An authoritative name server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    pub host: String,
    pub at: Ipv4Addr,
    #[serde(default)]
    pub answers: ServerMode,
}

/// Whom a name server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerMode {
    /// Everybody.
    #[default]
    Open,
    /// The resolver; REFUSED to others.
    Refusing,
    /// The resolver; silence to others.
    Quiet,
    /// Nobody: SERVFAIL.
    Broken,
    /// Nobody: silence.
    Dead,
}

/// A registry: a public suffix and its services.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    pub tld: String,
    pub servers: String,
    #[serde(default)]
    pub thin: bool,
    pub rdap: Option<RdapBase>,
    pub whois: Option<WhoisServer>,
}

/// Where a registry's RDAP service is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RdapBase {
    pub host: String,
    pub path: String,
}

/// What an RDAP service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RdapAnswer {
    /// The object.
    #[default]
    Found,
    /// 404.
    Missing,
    /// 429.
    Limited,
    /// 500.
    Broken,
    /// 200 with HTML.
    Page,
    /// Nothing.
    Silent,
}

/// Where a registry's WHOIS server is and what it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoisServer {
    pub host: String,
    pub at: Ipv4Addr,
    pub text: WhoisText,
    #[serde(default)]
    pub closed: bool,
    pub missing: String,
    pub limited: String,
}

/// The shape of a WHOIS answer: `data/whois/<shape>.txt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhoisText {
    Nic,
    Thin,
    Thick,
    Indented,
    Short,
    Sections,
}

/// What the WHOIS server of a registry answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhoisAnswer {
    #[default]
    Found,
    Missing,
    Limited,
    /// Closes the connection without a word.
    Closed,
    Silent,
}

/// A registrar, with an RDAP service and a WHOIS server of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrar {
    pub id: u32,
    pub name: String,
    pub country: String,
    pub host: String,
    /// Address of its WHOIS server.
    pub at: Ipv4Addr,
    pub phone: String,
}

/// A registrant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub organization: String,
    pub street: String,
    pub city: String,
    #[serde(default)]
    pub state: String,
    pub postal: String,
    pub country: String,
    pub email: String,
    pub phone: String,
}

impl Registrar {
    /// Host of its RDAP service.
    pub fn rdap_host(&self) -> String {
        format!("rdap.{}", self.host)
    }

    /// Host of its WHOIS server.
    pub fn whois_host(&self) -> String {
        format!("whois.{}", self.host)
    }
}
