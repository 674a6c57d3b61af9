//! TLS and page against nginx, and against servers that no honest program would be (`strange.rs`).
//!
//! What is collected of whom, and what must come of it, is in `tests/cases/tls/interop.txt`. nginx and its pages:
//! `servers.rs`. Versions of TLS, with OpenSSL: `interop_tls.rs`.

mod certificates;
mod servers;
mod strange;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use domainflow::clock::SystemClock;
use domainflow::collect::Collector;
use domainflow::collect::net::{AddressPolicy, Dialer, NetConfig, Resolve, ResolveError};
use domainflow::collect::tls::{HttpConfig, TlsCollector, TlsConfig};
use domainflow::model::{Subject, TLSResult};
use domainflow::units::Span;
use futures_util::future::{BoxFuture, join_all};

use self::servers::Servers;
use crate::support::fits;

const TABLE: &str = include_str!("../../cases/tls/interop.txt");

#[test]
fn what_servers_show_is_collected_as_the_table_says() {
    let servers = Servers::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    // All at once: those who are silent cost the time of one.
    let cases = rows.map(|row| {
        let words: Vec<_> = row.split_whitespace().collect();
        let [server, name, expected @ ..] = words.as_slice() else { panic!("no row: {row}") };
        let (collector, name, expected) =
            (collector(&servers, server), (*name).to_owned(), expected.join(" "));
        async move {
            let subject = Subject { key: name.clone().into(), name, address: None };
            let found = show(&collector.collect(&subject, Some("127.0.0.1".into())).await);
            (!fits(&found, &expected)).then(|| format!("{row}\n  but it was: {found}"))
        }
    });
    let wrong: Vec<_> = runtime.block_on(join_all(cases)).into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn collector(servers: &Servers, server: &str) -> TlsCollector {
    let tls = TlsConfig { port: servers.port(server), timeout: Span::secs(3), ..TlsConfig::default() };
    let http = HttpConfig { port: servers.port("plain"), ..HttpConfig::default() };
    let net = NetConfig { allow_private: true, ..NetConfig::default() };
    let dialer = Dialer::new(Arc::new(Here), AddressPolicy::private());
    TlsCollector::new(tls, http, &net, dialer, Arc::new(SystemClock))
}

/// All names are here.
struct Here;

impl Resolve for Here {
    fn addresses<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
    }
}

/// The status with what TLS showed or the error, and the page.
fn show(record: &TLSResult) -> String {
    let shown = match (&record.tls_data, &record.error) {
        (Some(data), None) => {
            let leaf = data.certificates.first().map_or("", |leaf| leaf.dn.as_str());
            format!("{} {} {} {leaf}", data.protocol, data.cipher, data.certificates.len())
        }
        (None, Some(error)) => error.clone(),
        other => format!("neither data nor error, or both: {other:?}"),
    };
    let page = match record.html.as_deref() {
        Some(html) if html.len() > 500 => format!("{} bytes", html.len()),
        Some(html) => html.split_whitespace().collect::<Vec<_>>().join(" "),
        None => "no page".to_owned(),
    };
    let cut = if record.html_cut { ", cut" } else { "" };
    format!("{} {shown} | {page}{cut}", record.status_code)
}
