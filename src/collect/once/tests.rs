//! Asking once, through a collector that counts how often it is asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::{CommonIPResult, IPRequest, Status, Verdict};
use crate::units::{Size, Span};

const NOW: Millis = 1_700_000_000_000;
const HOUR: Millis = 60 * 60 * 1000;

/// Answers with the status that a subject's name asks for (`12.example`), for the network that it names.
struct Counts {
    clock: Arc<ManualClock>,
    asked: Mutex<Vec<String>>,
    /// Answers are given as permits are.
    free: Semaphore,
}

impl Collector for Arc<Counts> {
    const NAME: &'static str = "counts";
    type Request = IPRequest;
    type Record = CommonIPResult;

    async fn collect(&self, subject: &Subject, _: Option<IPRequest>) -> CommonIPResult {
        self.asked.lock().unwrap().push(subject.address.clone().unwrap());
        self.free.acquire().await.unwrap().forget();
        let status = subject.name.split('.').next().unwrap().parse().unwrap_or_default();
        let verdict = Verdict { status: Status(status), error: None, last_attempt: self.clock.now() };
        CommonIPResult::without_data(verdict, subject, Self::NAME)
    }
}

impl Shareable for Arc<Counts> {
    const LIFETIME: fn(&CacheConfig) -> Span = |_| Span::secs(3600);
    const NETWORKS: bool = true;

    fn about(&self, subject: &Subject, _: Option<&IPRequest>) -> Option<About> {
        About::address(subject)
    }

    async fn answer(&self, subject: &Subject, request: Option<IPRequest>) -> (CommonIPResult, Vec<IpNet>) {
        let network = subject.name.split_once('@').map(|(_, network)| network.parse().unwrap());
        (self.collect(subject, request).await, network.into_iter().collect())
    }
}

/// Keeps in memory what a store would keep on disk.
#[derive(Default)]
struct InMemory(Mutex<HashMap<(String, String), Vec<u8>>>);

impl Kept for InMemory {
    fn get(&self, collector: &str, about: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(&(collector.to_owned(), about.to_owned())).cloned()
    }

    fn put(&self, collector: &str, about: &str, answer: &[u8]) {
        self.0.lock().unwrap().insert((collector.to_owned(), about.to_owned()), answer.to_vec());
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    counts: Arc<Counts>,
    once: Once<Arc<Counts>>,
}

fn bench(config: CacheConfig, kept: Option<Arc<dyn Kept>>) -> Bench {
    let clock = Arc::new(ManualClock::at(NOW));
    let free = Semaphore::new(Semaphore::MAX_PERMITS);
    let counts = Arc::new(Counts { clock: clock.clone(), asked: Mutex::default(), free });
    let once = AskOnce { config, kept, clock: clock.clone() }.over(counts.clone());
    Bench { clock, counts, once }
}

impl Bench {
    /// When the record says that it was found, if not for this request.
    async fn ask(&self, name: &str, address: &str) -> Option<Millis> {
        let record = self.once.collect(&Subject::pair(name, address), None).await;
        assert_eq!(record.last_attempt.0, self.clock.now(), "the time of the request");
        record.found()
    }

    fn asked(&self) -> usize {
        self.counts.asked.lock().unwrap().len()
    }
}

#[tokio::test]
async fn an_answer_is_good_for_as_long_as_its_status_says() {
    for (status, minutes) in
        [(0, 60), (12, 60), (30, 60), (10, 1), (11, 1), (13, 1), (40, 1), (5, 0), (15, 0), (16, 0)]
    {
        let bench = bench(CacheConfig::default(), None);
        let name = format!("{status}.example");
        assert_eq!(bench.ask(&name, "192.0.2.1").await, None);
        let life = minutes * 60 * 1000;
        if life > 0 {
            bench.clock.set(NOW + life - 1);
            assert_eq!(bench.ask("other.example", "192.0.2.1").await, Some(NOW), "{status}");
        }
        bench.clock.set(NOW + life.max(1));
        assert_eq!(bench.ask(&name, "192.0.2.1").await, None, "{status}");
        assert_eq!(bench.asked(), 2, "{status}");
    }
}

#[tokio::test]
async fn what_is_no_address_is_not_remembered() {
    let bench = bench(CacheConfig::default(), None);
    for _ in 0..2 {
        assert_eq!(bench.ask("3.example", "999.1.1.1").await, None);
    }
    assert_eq!(bench.asked(), 2);
}

/// Of many who ask at once one asks; whoever gives up leaves it to another one; also what is not remembered is shared.
#[tokio::test]
async fn one_asks_for_all() {
    for status in [0, 16] {
        let bench = bench(CacheConfig::default(), None);
        bench.counts.free.forget_permits(Semaphore::MAX_PERMITS);
        let name = format!("{status}.example");
        let mut first = Box::pin(bench.ask(&name, "2001:db8::1"));
        assert!(futures_util::poll!(&mut first).is_pending());
        let all = join_all((0..100).map(|_| bench.ask(&name, "2001:DB8:0::1")));
        tokio::pin!(all);
        assert!(futures_util::poll!(&mut all).is_pending());
        assert_eq!(bench.asked(), 1, "{status}");
        drop(first);
        bench.counts.free.add_permits(1);
        let found = tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
        assert_eq!(bench.asked(), 2, "{status}");
        assert_eq!(found.iter().filter(|found| found.is_none()).count(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_about_a_network_is_one_about_its_addresses() {
    let bench = bench(CacheConfig::default(), None);
    bench.ask("wide@192.0.0.0/16", "192.0.2.1").await;
    for (address, found) in [
        ("192.0.2.1", true),
        ("192.0.77.1", true),
        ("192.1.0.1", false),
        ("::ffff:192.0.2.1", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(bench.ask("x", address).await.is_some(), found, "{address}");
    }
    // Of two networks the smaller one counts.
    bench.clock.set(NOW + 1);
    bench.ask("narrow@198.51.100.0/24", "198.51.100.1").await;
    bench.clock.set(NOW + 2);
    bench.ask("wide@198.51.0.0/16", "198.51.1.1").await;
    assert_eq!(bench.ask("x", "198.51.100.9").await, Some(NOW + 1));
    assert_eq!(bench.ask("x", "198.51.99.9").await, Some(NOW + 2));
}

#[tokio::test]
async fn what_is_kept_survives_a_restart() {
    let kept: Arc<dyn Kept> = Arc::new(InMemory::default());
    let before = bench(CacheConfig::default(), Some(kept.clone()));
    before.ask("0.example@192.0.0.0/16", "192.0.2.1").await;
    before.ask("5.example", "192.1.0.1").await;

    let after = bench(CacheConfig::default(), Some(kept.clone()));
    after.clock.set(NOW + HOUR / 2);
    assert_eq!(after.ask("x", "192.0.9.9").await, Some(NOW));
    assert_eq!(after.ask("x", "192.0.9.9").await, Some(NOW), "and now it is in memory");
    assert_eq!(after.ask("x", "192.1.0.1").await, None, "failures of our own are not kept");
    after.clock.set(NOW + HOUR);
    assert_eq!(after.ask("x", "192.0.9.9").await, None, "no longer good");

    kept.put("counts", "192.2.0.1/32", b"\x7f\xff\xff\xff\xff\xff\xff\xffnot a record");
    kept.put("counts", "192.2.0.2/32", b"short");
    for address in ["192.2.0.1", "192.2.0.2"] {
        assert_eq!(after.ask("x", address).await, None);
    }
}

/// 100,000 names on 5,000 addresses: as many questions as addresses.
#[tokio::test]
async fn there_are_as_many_questions_as_addresses() {
    let bench = bench(CacheConfig::default(), None);
    for name in 0..100_000_u32 {
        let address = name.wrapping_mul(2_654_435_761) % 5000;
        bench.ask("x", &std::net::Ipv4Addr::from_bits(0x0a00_0000 + address).to_string()).await;
    }
    assert_eq!(bench.asked(), 5000);
}

/// A day of traffic, most of it about addresses that are never seen again: memory is bounded, and what is asked for often
/// stays.
#[tokio::test]
async fn a_day_leaves_no_trace() {
    let config = CacheConfig { memory: Size::kib(512), ..CacheConfig::default() };
    let bench = bench(config, None);
    let mut weights = Vec::new();
    for minute in 0..24 * 60 {
        bench.clock.set(NOW + minute * 60_000);
        for request in 0..200 {
            let address = std::net::Ipv4Addr::from_bits((minute * 200 + request) as u32);
            bench.ask("x", &address.to_string()).await;
            bench.ask("x", "192.0.2.1").await;
        }
        bench.once.answers.run_pending_tasks().await;
        weights.push(bench.once.answers.weighted_size());
    }
    assert!(weights.iter().all(|weight| *weight <= 512 << 10), "{weights:?}");
    let of_one = bench.counts.asked.lock().unwrap().iter().filter(|address| *address == "192.0.2.1").count();
    assert_eq!(of_one, 24, "asked for once in each of its lifetimes");
}
