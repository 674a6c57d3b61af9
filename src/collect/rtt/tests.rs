//! Rows T1 to T4 of the behaviour report in the reading that is wanted here, by a `Ping` that answers from a script.

use futures_util::future::{BoxFuture, FutureExt};

use super::*;
use crate::clock::ManualClock;
use crate::model::Timestamp;

/// Answers every series alike.
struct Script(fn() -> Result<Vec<Echo>, PingError>);

impl Ping for Script {
    fn ping(&self, _: IpAddr, series: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>> {
        assert_eq!(series.count, 5);
        async move { (self.0)() }.boxed()
    }
}

async fn collect(
    script: fn() -> Result<Vec<Echo>, PingError>,
    policy: AddressPolicy,
    ip: &str,
) -> CommonIPResult {
    let clock = Arc::new(ManualClock::at(7));
    let collector = RttCollector::new(&RttConfig::default(), Arc::new(Script(script)), policy, clock);
    collector.collect(&Subject::pair("a.cz", ip), None).await
}

fn reply(millis: u64) -> Echo {
    Echo::Reply(Duration::from_millis(millis))
}

const HOST: &str = "8.8.8.8";

#[tokio::test]
async fn t1_an_answering_host_has_statistics() {
    let record =
        collect(|| Ok([10, 14, 12, 12, 20].map(reply).to_vec()), AddressPolicy::public(), HOST).await;
    let IPData::Rtt(data) = &record.data else { panic!("{record:?}") };
    assert_eq!((record.status_code, record.error, record.last_attempt), (Status::OK, None, Timestamp(7)));
    assert_eq!(record.collector, "rtt");
    assert_eq!(*data, RTTData { min: 10.0, avg: 13.6, max: 20.0, sent: 5, received: 5, jitter: 3.5 });
}

#[tokio::test]
async fn t1_lost_replies_lower_the_count_only() {
    let echoes = || Ok(vec![Echo::Lost, reply(10), Echo::Unreachable, Echo::Lost, reply(30)]);
    let IPData::Rtt(data) = collect(echoes, AddressPolicy::public(), HOST).await.data else {
        panic!("no data")
    };
    assert_eq!(data, RTTData { min: 10.0, avg: 20.0, max: 30.0, sent: 5, received: 2, jitter: 20.0 });
    let one = || Ok(vec![reply(10), Echo::Lost, Echo::Lost, Echo::Lost, Echo::Lost]);
    let IPData::Rtt(data) = collect(one, AddressPolicy::public(), HOST).await.data else { panic!("no data") };
    assert_eq!((data.received, data.jitter), (1, 0.0));
}

#[tokio::test]
async fn t2_to_t4_a_silent_host_has_a_reason() {
    type Case = (&'static str, fn() -> Result<Vec<Echo>, PingError>, &'static str, Status);
    let cases: [Case; 11] = [
        ("T2 silent", || Ok(vec![Echo::Lost; 5]), HOST, Status::TIMEOUT),
        ("T2 unreachable", || Ok(vec![Echo::Unreachable; 5]), HOST, Status::ICMP_DEST_UNREACHABLE),
        ("T2 exceeded", || Ok(vec![Echo::TimeExceeded; 5]), HOST, Status::ICMP_TIME_EXCEEDED),
        (
            "T2 the first ICMP error counts",
            || Ok(vec![Echo::Lost, Echo::TimeExceeded, Echo::Unreachable]),
            HOST,
            Status::ICMP_TIME_EXCEEDED,
        ),
        ("T3 no address", || unreachable!(), "999.1.1.1", Status::INVALID_ADDRESS),
        ("T3 a name", || unreachable!(), "a.cz", Status::INVALID_ADDRESS),
        ("private", || unreachable!(), "127.0.0.1", Status::UNSUPPORTED_ADDRESS),
        ("multicast", || unreachable!(), "ff02::1", Status::UNSUPPORTED_ADDRESS),
        ("T4 no permission", || Err(PingError::Permission), HOST, Status::INTERNAL_ERROR),
        ("no IPv6", || Err(PingError::Unsupported("none".into())), "2606::1", Status::UNSUPPORTED_ADDRESS),
        ("local fault", || Err(std::io::Error::other("x").into()), HOST, Status::INTERNAL_ERROR),
    ];
    for (name, script, address, status) in cases {
        let record = collect(script, AddressPolicy::public(), address).await;
        assert_eq!((record.status_code, &record.data), (status, &IPData::None), "{name}");
        assert!(record.error.is_some(), "{name}");
    }
    let allowed = collect(|| Ok(vec![reply(1)]), AddressPolicy::private(), "127.0.0.1").await;
    assert_eq!(allowed.status_code, Status::OK);
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_never_ends_is_given_up() {
    struct Never;
    impl Ping for Never {
        fn ping(&self, _: IpAddr, _: EchoSeries) -> BoxFuture<'_, Result<Vec<Echo>, PingError>> {
            std::future::pending().boxed()
        }
    }
    let policy = AddressPolicy::public();
    let clock = Arc::new(ManualClock::at(7));
    let config = RttConfig { count: NonZeroU16::MIN, timeout: Span::millis(1), ..RttConfig::default() };
    let collector = RttCollector::new(&config, Arc::new(Never), policy, clock);
    let record = collector.collect(&Subject::pair("a.cz", HOST), None).await;
    assert_eq!(record.status_code, Status::TIMEOUT);
}

#[test]
fn the_configuration_knows_its_keys() {
    let config: RttConfig = toml::from_str("count = 3\ninterval = '50ms'").unwrap();
    assert_eq!((config.count.get(), config.interval, config.timeout), (3, Span::millis(50), Span::secs(1)));
    assert_eq!(toml::from_str::<RttConfig>("per_second = 50").unwrap().per_second.get(), 50);
    assert!(toml::from_str::<RttConfig>("per_second = 0").is_err());
    assert!(toml::from_str::<RttConfig>("count = 0").is_err());
    assert!(toml::from_str::<RttConfig>("ping_count = 3").is_err());
}
