//! The engine and the resolver, through their public functions, against scripted servers on the loopback.

mod answer;
mod exchange;
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::scripted::absolute;
use super::*;
use crate::collect::net::AddressPolicy;

/// Long enough for a loaded machine: only silence lasts so long.
const LONG: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(150);

fn exchange(config: &DnsConfig) -> Arc<Exchange> {
    Arc::new(Exchange::new(config, AddressPolicy::private()))
}

fn question(name: &str) -> Question {
    Question { name: absolute(name), rr_type: RecordType::A, recursion: true, signed: false }
}
