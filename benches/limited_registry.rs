//! Why: a registry that limits its clients shall be used up to its limit, never beyond, and shall hold nobody else up.
//! What: five minutes of names at two RDAP servers on the loopback, of which one allows two requests in any second and
//! answers 429 beyond that, and the other one all; by the RDAP collector, with the limit in its configuration and without.
//! Knobs: SECONDS.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domainflow::clock::SystemClock;
use domainflow::collect::Collector as _;
use domainflow::config::Loader;
use domainflow::embed::collectors;
use domainflow::model::{RDAPDomainResult, Status, Subject};
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

const SECONDS: u64 = 300;
/// Names of each registry that are asked for in a second.
const NAMES: u64 = 4;
/// Requests in any second that the slow one allows.
const ALLOWED: usize = 2;

/// A registry, and what it has seen.
#[derive(Default)]
struct Registry {
    allowed: Option<usize>,
    served: Mutex<VecDeque<Instant>>,
    refused: AtomicUsize,
}

fn main() {
    let seconds = std::env::var("SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("| limits | allowed | data | of the allowed | 429 | other registry | statuses |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    runtime.block_on(async {
        // The lists of both are about different things, so they run side by side.
        let known = run(seconds, "of the registry", Some("2/s"));
        let unknown = run(seconds, "only Retry-After", None);
        tokio::join!(known, unknown);
    });
}

async fn run(seconds: u64, about: &str, rate: Option<&str>) {
    let slow = Arc::new(Registry { allowed: Some(ALLOWED), ..Registry::default() });
    let fast = Arc::new(Registry::default());
    let (slow_at, fast_at) = (serve(slow.clone()).await, serve(fast.clone()).await);
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("dns.json");
    let services = format!(
        r#"{{"services":[[["slow"],["http://127.0.0.1:{slow_at}"]],[["fast"],["http://127.0.0.1:{fast_at}"]]]}}"#
    );
    std::fs::write(&list, services).expect("a file");
    let whois = dir.path().join("whois");
    std::fs::write(&whois, "slow 127.0.0.1:1\nfast 127.0.0.1:1\n").expect("a file");
    let mut loader = Loader::new();
    let mut set = |setting: String| loader.set(&setting).expect("a setting");
    set("net.allow_private=true".to_owned());
    set(format!("rdap.bootstrap=[\"{}\"]", list.display()));
    set(format!("whois.servers=[\"{}\"]", whois.display()));
    set("limits.rates=[]".to_owned());
    if let Some(rate) = rate {
        set(format!("limits.servers.127.0.0.1:{slow_at}.rates={rate}"));
    }
    let settings = loader.finish().expect("settings");
    let collector =
        collectors(&settings, None, None, &(Arc::new(SystemClock) as _)).expect("collectors").rdap_dn;
    let start = tokio::time::Instant::now();
    let names = (0..seconds * NAMES).flat_map(|number| ["slow", "fast"].map(|suffix| (number, suffix)));
    let records: Vec<(&str, RDAPDomainResult)> = join_all(names.map(async |(number, suffix)| {
        tokio::time::sleep_until(start + Duration::from_secs(1) * number as u32 / NAMES as u32).await;
        let name = format!("n{number}.{suffix}");
        let subject = Subject { key: name.clone().into(), name, address: None };
        (suffix, collector.collect(&subject, None).await)
    }))
    .await;
    let took = start.elapsed().as_secs_f64();
    let of = |suffix: &str, status: Option<Status>| {
        let records = records
            .iter()
            .filter(|(of, record)| *of == suffix && status.is_none_or(|s| s == record.status_code));
        records.count()
    };
    let (data, allowed) = (of("slow", Some(Status::OK)), took * ALLOWED as f64);
    let statuses = [Status::RATE_LIMITED, Status::LOCAL_RATE_LIMIT, Status::LRL_TIMEOUT];
    let statuses = statuses.map(|status| format!("{}: {}", status.0, of("slow", Some(status)))).join(", ");
    println!(
        "| {about} | {allowed:.0} | {data} of {} | {:.1} % | {} | {} of {} | {statuses} |",
        of("slow", None),
        100.0 * data as f64 / allowed,
        slow.refused.load(Ordering::Relaxed),
        of("fast", Some(Status::OK)),
        of("fast", None),
    );
}

/// Serves a registry on a port of its own.
async fn serve(registry: Arc<Registry>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let registry = registry.clone();
            let service = hyper::service::service_fn(move |_: Request<Incoming>| {
                let answer = registry.answer();
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    port
}

impl Registry {
    fn answer(&self) -> Response<Full<Bytes>> {
        let now = Instant::now();
        let mut served = self.served.lock().expect("nobody panics with it");
        if let Some(allowed) = self.allowed {
            while served.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
                served.pop_front();
            }
            if served.len() >= allowed {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let refusal = Response::builder().status(429).header("retry-after", "1");
                return refusal.body(Full::default()).expect("a response");
            }
            served.push_back(now);
        }
        Response::new(Full::new(Bytes::from_static(br#"{"objectClassName":"domain"}"#)))
    }
}
