//! The rows about round-trip times, from request to result, by real echoes in a network of the test's own:
//! `tests/cases/rtt/rows.toml` says what must come of them.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Deserialize;

use super::{Table, address_results, clock};
use crate::collect::net::network::own;
use crate::collect::net::{AddressPolicy, IcmpPing};
use crate::collect::rtt::{RttCollector, RttConfig};
use crate::model::IPData;
use crate::units::Span;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    row: String,
    key: String,
    value: Option<String>,
    #[serde(default = "yes")]
    sockets: String,
    is: String,
}

fn yes() -> String {
    "yes".into()
}

#[test]
fn rtt_rows() {
    let Some(network) = own(module_path!(), "rtt_rows", &[]) else { return };
    rows("yes");
    network.open_datagram_sockets();
    rows("yes");
}

#[test]
fn rtt_rows_without_sockets() {
    if own(module_path!(), "rtt_rows_without_sockets", &["net_raw"]).is_some() {
        rows("no");
    }
}

/// Tries the rows with these sockets, all at once.
fn rows(sockets: &str) {
    let table: Table<Case> = toml::from_str(include_str!("../../../../tests/cases/rtt/rows.toml")).unwrap();
    let ping = Arc::new(IcmpPing::new(NonZeroU32::new(10_000).unwrap()));
    let config = RttConfig {
        count: NonZeroU16::new(3).unwrap(),
        interval: Span::millis(10),
        timeout: Span::secs(2),
        ..RttConfig::default()
    };
    let cases: Vec<Case> = table.case.into_iter().filter(|case| case.sockets == sockets).collect();
    assert!(!cases.is_empty(), "no row with sockets = {sockets}");
    let cases = cases.into_iter().map(async |case| {
        let collector = RttCollector::new(&config, ping.clone(), AddressPolicy::private(), clock());
        let shown = address_results(collector, &case.key, case.value.as_deref(), |data| {
            let IPData::Rtt(rtt) = data else { panic!("{}: {data:?}", case.row) };
            let ordered = 0.0 < rtt.min && rtt.min <= rtt.avg && rtt.avg <= rtt.max && rtt.jitter >= 0.0;
            assert!(ordered, "{}: {rtt:?}", case.row);
            format!(" {}/{}", rtt.received, rtt.sent)
        });
        assert_eq!(shown.await, case.is, "{}", case.row);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(join_all(cases));
}
