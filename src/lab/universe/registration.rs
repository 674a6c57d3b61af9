//! What the registries know of a registered domain: dates, registrar, registrant. Computed from the name, so that every
//! service tells the same and nothing has to be stored for computed names.

use std::fmt;

use super::registry::{Contact, Registrar, Registry};
use super::site::Registration;
use super::{Universe, seed};

/// The registration of a domain.
pub struct Facts<'a> {
    /// The domain, canonical.
    pub domain: &'a str,
    /// How the services answer for it.
    pub answers: Registration,
    pub registry: &'a Registry,
    pub registrar: &'a Registrar,
    pub contact: &'a Contact,
    /// Identifier of the object in the registry.
    pub handle: String,
    pub created: Date,
    pub changed: Date,
    pub expires: Date,
    /// Hosts of the name servers.
    pub name_servers: Vec<String>,
    /// Whether the zone has a DNSKEY.
    pub signed: bool,
}

/// A day, as ISO 8601 writes it.
#[derive(Clone, Copy)]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Date {
    /// `06.01.2026`
    pub fn dotted(self) -> String {
        format!("{:02}.{:02}.{:04}", self.day, self.month, self.year)
    }

    /// `06-Jan-2026`
    pub fn british(self) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        format!("{:02}-{}-{:04}", self.day, MONTHS[usize::from(self.month) - 1], self.year)
    }
}

impl Universe {
    /// The registration of `domain`, if it is a registered domain of the lab.
    pub fn facts<'a>(&'a self, domain: &'a str) -> Option<Facts<'a>> {
        let answers = self.registration(domain)?;
        let registry = self.registry(domain)?;
        let zone = self.zone(domain)?;
        let seed = seed(domain);
        let (month, day) = ((seed >> 8) % 12 + 1, (seed >> 16) % 28 + 1);
        let date = |year: u64| Date { year: year as u16, month: month as u8, day: day as u8 };
        Some(Facts {
            domain,
            answers,
            registry,
            registrar: &self.registrars[(seed >> 24) as usize % self.registrars.len()],
            contact: &self.contacts[(seed >> 32) as usize % self.contacts.len()],
            handle: format!("LAB-{:08X}", seed as u32),
            created: date(1998 + seed % 26),
            changed: date(2024),
            expires: date(2027 + seed % 3),
            name_servers: zone.servers.iter().map(|server| server.host.clone()).collect(),
            signed: zone.signed(),
        })
    }
}
