//! RDAP objects of the lab (RFC 9083), with vCards as jCard (RFC 7095), made of the facts of a registration or network.
//!
//! Decides which entities are complete, which are stubs with a link to themselves, and where a thin registry refers to.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Service;
use crate::lab::universe::{Contact, Facts, RdapAnswer, Registrar, seed};

/// Handle of the technical contact that every registry has, as a stub.
const TECHNICAL: &str = "tech-lab";
/// Handle of a contact whose link leads nowhere.
const GONE: &str = "gone-lab";

impl Service<'_> {
    /// The domain `name`, from its registry or, on the registrar's host, from its registrar.
    pub(super) fn domain(&self, name: &str) -> Option<(RdapAnswer, Value)> {
        let facts = self.universe.facts(name)?;
        if self.host == facts.registrar.rdap_host() {
            return Some((facts.answers.registrar, self.domain_object(&facts, false)));
        }
        let at_home = facts.registry.rdap.as_ref().is_some_and(|rdap| rdap.host == self.host);
        at_home.then(|| (facts.answers.rdap, self.domain_object(&facts, facts.registry.thin)))
    }

    fn domain_object(&self, facts: &Facts<'_>, thin: bool) -> Value {
        let own = format!("{}domain/{}", self.base, facts.domain);
        let mut links = vec![link("self", &own)];
        let mut entities = vec![self.registrar(facts.registrar)];
        if thin {
            let host = facts.registrar.rdap_host();
            links.push(link("related", &format!("https://{host}:{}/domain/{}", self.port, facts.domain)));
        } else {
            entities.push(person(facts.contact, &["registrant"], &self.entity_url(&facts.contact.id)));
            entities.push(self.stub(TECHNICAL, "technical"));
            if seed(facts.domain).is_multiple_of(4) {
                entities.push(self.stub(GONE, "billing"));
            }
        }
        let name_server = |host: &String| json!({"objectClassName": "nameserver", "ldhName": host});
        let mut object = json!({
            "rdapConformance": ["rdap_level_0", "icann_rdap_response_profile_1"],
            "objectClassName": "domain",
            "handle": facts.handle,
            "ldhName": facts.domain,
        });
        let (unicode, valid) = idna::domain_to_unicode(facts.domain);
        if valid.is_ok() && unicode != facts.domain {
            object["unicodeName"] = unicode.into();
        }
        object["status"] = json!(["active", "client transfer prohibited"]);
        object["events"] = json!([
            {"eventAction": "registration", "eventDate": format!("{}T08:15:00Z", facts.created)},
            {"eventAction": "expiration", "eventDate": format!("{}T08:15:00Z", facts.expires)},
            {"eventAction": "last changed", "eventDate": format!("{}T09:30:00Z", facts.changed)},
        ]);
        object["nameservers"] = facts.name_servers.iter().map(name_server).collect();
        object["secureDNS"] = json!({"zoneSigned": facts.signed, "delegationSigned": facts.signed});
        object["links"] = links.into();
        object["entities"] = entities.into();
        object["notices"] = notices();
        object
    }

    /// The entity with a handle, complete.
    pub(super) fn entity(&self, handle: &str) -> Option<(RdapAnswer, Value)> {
        let contact = self.universe.contacts.iter().find(|contact| contact.id.eq_ignore_ascii_case(handle));
        let mut object = match contact {
            Some(contact) => person(contact, &[], &self.entity_url(&contact.id)),
            None if handle == TECHNICAL => {
                let name = "Technical Contact";
                let card = card("group", name, "", json!([]), "tech@registry-lab.net", "+420.555000222");
                json!({"objectClassName": "entity", "handle": TECHNICAL, "vcardArray": card,
                       "links": [link("self", &self.entity_url(TECHNICAL))]})
            }
            None => return None,
        };
        object["rdapConformance"] = json!(["rdap_level_0"]);
        Some((RdapAnswer::Found, object))
    }

    /// The network of an address.
    pub(super) fn network(&self, address: IpAddr) -> Option<(RdapAnswer, Value)> {
        let network = self.universe.network(address)?;
        let prefix = network.prefix.trunc();
        let (key, version) = match prefix.addr() {
            IpAddr::V4(_) => ("v4prefix", "v4"),
            IpAddr::V6(_) => ("v6prefix", "v6"),
        };
        let place = network.place.as_ref().and_then(|place| self.universe.places.get(place));
        let own = format!("{}ip/{}", self.base, prefix);
        let mut block = json!({"length": prefix.prefix_len()});
        block[key] = prefix.network().to_string().into();
        let contacts = &self.universe.contacts;
        let contact = &contacts[seed(&network.name) as usize % contacts.len()];
        let registrant = person(contact, &["registrant"], &self.entity_url(&contact.id));
        let object = json!({
            "rdapConformance": ["rdap_level_0", "cidr0"],
            "objectClassName": "ip network",
            "handle": format!("{} - {}", prefix.network(), prefix.broadcast()),
            "startAddress": prefix.network().to_string(),
            "endAddress": prefix.broadcast().to_string(),
            "ipVersion": version,
            "name": network.name,
            "type": "ASSIGNED PA",
            "country": place.map(|place| &place.country),
            "status": ["active"],
            "cidr0_cidrs": [block],
            "events": [
                {"eventAction": "registration", "eventDate": "2011-03-01T00:00:00Z"},
                {"eventAction": "last changed", "eventDate": "2025-05-05T12:00:00Z"},
            ],
            "entities": [registrant, self.stub(TECHNICAL, "technical")],
            "links": [link("self", &own)],
            "notices": notices(),
        });
        Some((network.rdap, object))
    }

    fn entity_url(&self, handle: &str) -> String {
        format!("{}entity/{handle}", self.base)
    }

    /// An entity of which only the handle is told; its link leads to the rest.
    fn stub(&self, handle: &str, role: &str) -> Value {
        json!({"objectClassName": "entity", "handle": handle, "roles": [role],
               "links": [link("self", &self.entity_url(handle))]})
    }

    fn registrar(&self, registrar: &Registrar) -> Value {
        let abuse_mail = format!("abuse@{}", registrar.host);
        let abuse = card("group", "Abuse Desk", &registrar.name, json!([]), &abuse_mail, &registrar.phone);
        let address = json!(["", "", "", "", "", "", registrar.country]);
        let mail = format!("info@{}", registrar.host);
        let own = card("org", &registrar.name, "", address, &mail, &registrar.phone);
        json!({
            "objectClassName": "entity",
            "handle": registrar.id.to_string(),
            "roles": ["registrar"],
            "publicIds": [{"type": "IANA Registrar ID", "identifier": registrar.id.to_string()}],
            "vcardArray": own,
            "entities": [{"objectClassName": "entity", "roles": ["abuse"], "vcardArray": abuse}],
        })
    }
}

fn person(contact: &Contact, roles: &[&str], url: &str) -> Value {
    let Contact { street, city, state, postal, country, .. } = contact;
    let address = json!(["", "", street, city, state, postal, country]);
    let vcard =
        card("individual", &contact.name, &contact.organization, address, &contact.email, &contact.phone);
    json!({"objectClassName": "entity", "handle": contact.id, "roles": roles, "vcardArray": vcard,
           "links": [link("self", url)]})
}

/// A jCard; an empty organization or address is left out.
fn card(kind: &str, name: &str, organization: &str, address: Value, email: &str, phone: &str) -> Value {
    let mut properties = vec![
        json!(["version", {}, "text", "4.0"]),
        json!(["fn", {}, "text", name]),
        json!(["kind", {}, "text", kind]),
    ];
    if !organization.is_empty() {
        properties.push(json!(["org", {}, "text", organization]));
    }
    if address.as_array().is_some_and(|parts| !parts.is_empty()) {
        properties.push(json!(["adr", {}, "text", address]));
    }
    properties.push(json!(["tel", {"type": "voice"}, "uri", format!("tel:{phone}")]));
    properties.push(json!(["email", {}, "text", email]));
    json!(["vcard", properties])
}

fn link(relation: &str, url: &str) -> Value {
    json!({"value": url, "rel": relation, "href": url, "type": "application/rdap+json"})
}

fn notices() -> Value {
    json!([{"title": "Terms of Use", "description": ["Made-up data of the lab, served on the loopback."]}])
}
