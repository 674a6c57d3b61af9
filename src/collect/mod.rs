//! The collectors: one folder each, from a request to exactly one result record, over the network.
//!
//! They know Tokio and the seams in `net`, and neither timely nor Kafka nor a wire format. A collector never returns an
//! error and never panics on what a remote side sends: what went wrong is the status of its record. Next: `net/mod.rs`
//! for what a collector is lent, `zone/mod.rs` for an example.

mod batch;
pub mod catalogue;
pub mod dns;
pub mod geo_asn;
pub mod nerd;
pub mod net;
pub mod once;
pub mod opt_out;
pub mod qradar;
pub mod rdap_dn;
pub mod rdap_ip;
pub mod rtt;
pub mod tls;
pub mod zone;

use std::future::Future;

use crate::error::Code;
use crate::model::{Outcome, Subject};

/// All codes of errors that keep collectors from starting.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    let net = [
        &net::ping::PING_UNAVAILABLE,
        &net::dns::NO_RESOLVER,
        &net::http::client::HTTP_CLIENT,
        &net::file::NET_FILE,
        &net::trust::NET_TRUST,
    ];
    net.into_iter().chain([&geo_asn::GEO_DATABASE, &qradar::QRADAR_URL])
}

/// Something that finds out facts about a name or an address.
///
/// A collector reads the clock, opens sockets and resolves names only through what `net` lends it, bounds every wait by
/// its configured timeout, keeps no state but caches, and may be called any number of times at once.
pub trait Collector: Send + Sync + 'static {
    /// Its name in dataflow files, in metrics, and in the `collector` field of IP results.
    const NAME: &'static str;

    /// The value of its request topic; `None` is a null or empty value.
    type Request: Send + 'static;

    /// The value of its result topic.
    type Record: Outcome + Send + 'static;

    /// Collects: exactly one record for each call, within a bounded time.
    fn collect(
        &self,
        subject: &Subject,
        request: Option<Self::Request>,
    ) -> impl Future<Output = Self::Record> + Send;
}
