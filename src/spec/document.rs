//! The shape of a dataflow file, with the places of the names in it.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::many::OneOrMany;
use crate::codec::Format;
use crate::join::Reading;
use crate::units::Span;

/// A dataflow file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Version of the file's format; 1.
    pub version: Spanned<u32>,
    /// Name of the flow.
    pub name: Spanned<String>,
    /// The nodes by name.
    pub nodes: IndexMap<String, Spanned<Node>>,
    /// Formats of single topics; others have that of the configuration.
    #[serde(default)]
    pub formats: IndexMap<String, Spanned<Format>>,
    /// Topic for what cannot be read.
    #[serde(default)]
    pub dead_letters: Option<Spanned<String>>,
}

/// A node: a collector, a join, or a way between partitions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The collector that the node runs.
    pub collector: Option<Spanned<String>>,
    /// The inputs that the node joins.
    pub join: Option<Join>,
    /// A topic of results, or a list of them, whose producers partition in another way than by the name; each record is
    /// brought to the partition of its name, in a topic that the join reads in place of it.
    pub repartition: Option<OneOrMany>,
    /// Topic of a collector's requests.
    pub from: Option<Spanned<String>>,
    /// Topic of the results; of `repartition`, if it is not told, the name of the topic and `_by_name`.
    pub to: Option<Spanned<String>>,
    /// Topics of the requests that follow from a collector's results.
    #[serde(default)]
    pub follow_ups: IndexMap<String, Spanned<String>>,
    /// Calls at once.
    pub concurrency: Option<Spanned<u32>>,
}

/// The inputs and needs of a join.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Join {
    /// Topic of zone results.
    pub zone: Spanned<String>,
    /// Topic of DNS results.
    pub dns: Spanned<String>,
    /// Topic of TLS results; without it no name needs one.
    pub tls: Option<Spanned<String>>,
    /// Topic of RDAP results; without it no name needs one.
    pub rdap_dn: Option<Spanned<String>>,
    /// Topic of the results of addresses, or a list of such topics.
    #[serde(default)]
    pub addresses: OneOrMany,
    /// What a name needs beside zone and DNS, of `tls` and `rdap-dn`; if it is not told, all that there are topics for.
    /// What is not needed is in the record if it comes in time.
    pub needs: Option<Vec<Spanned<String>>>,
    /// The collectors that each address needs, by the names that their results tell; a collector of your own needs no
    /// more than its name here. That fewer are asked is told by the `collectors` of a request for a zone or for DNS;
    /// those of a request for an address that somebody else writes only say which of them run.
    #[serde(default)]
    pub address_collectors: Vec<Spanned<String>>,
    /// How long after its last part an incomplete name is given up.
    pub patience: Option<Span>,
    /// How long after a complete record its parts are kept for revisions, if memory is not short.
    pub grace: Option<Span>,
    /// Which rules hold, `target` or `reference`, if not those of `join.policy`.
    pub policy: Option<Reading>,
    /// How long the second stage of `policy: reference` waits: `after-domain`, `after-address`, `for-domain`.
    #[serde(default)]
    pub windows: Windows,
}

/// The windows of the reference's second stage; its parameters `ip.max.entry.lifetime.after.domain.data.ms` and so on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Windows {
    /// How long after the results about the name.
    pub after_domain: Option<Span>,
    /// How long after each result about an address.
    pub after_address: Option<Span>,
    /// How long for the results about the name.
    pub for_domain: Option<Span>,
}
