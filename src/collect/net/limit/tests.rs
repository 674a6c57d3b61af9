//! Passing one server after another, in simulated time.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{advance, sleep};

use super::*;
use crate::units::Span;

fn limiter(change: impl FnOnce(&mut LimitsConfig)) -> Limiter {
    let mut config = LimitsConfig { rates: vec![], ..LimitsConfig::default() };
    change(&mut config);
    Limiter::new(config)
}

fn rates(texts: &[&str]) -> Vec<Rate> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[tokio::test]
async fn holds_requests_back_by_server() {
    let limiter = limiter(|config| (config.open, config.waiting) = (1, 1));
    let first = limiter.pass("a:443", in_an_hour()).await.unwrap();
    let _other = limiter.pass("b:443", in_an_hour()).await.unwrap();
    assert_eq!(limiter.pass("a:443", Instant::now()).await.err(), Some(LimitError::Late));

    let second = limiter.pass("a:443", in_an_hour());
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(
        limiter.pass("a:443", in_an_hour()).await.err(),
        Some(LimitError::Refused),
        "one waits already"
    );
    drop(first);
    assert!(second.await.is_ok());
}

/// The rows R20 to R22 of the reference's test table (spec/domainradar.md section 8.3), as far as they are the limiter's.
#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_at_once() {
    for (row, rate, wait, third, after) in [
        ("R20", "2/s", Span::secs(0), Err(LimitError::Refused), 0..=0),
        ("R21", "2/s", Span::millis(300), Err(LimitError::Late), 0..=0),
        ("R22", "2/s", Span::secs(10), Ok(()), 1000..=1050),
    ] {
        let limiter = limiter(|config| (config.rates, config.wait) = (rates(&[rate]), wait));
        let start = Instant::now();
        for _ in 0..2 {
            let _ = limiter.pass("a:443", in_an_hour()).await.unwrap();
        }
        assert_eq!(limiter.pass("a:443", in_an_hour()).await.map(drop), third, "{row}");
        assert!(after.contains(&start.elapsed().as_millis()), "{row}: {:?}", start.elapsed());
        assert!(limiter.pass("b:443", in_an_hour()).await.is_ok(), "{row}: another server");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_may_have_limits_of_its_own() {
    let own = ServerLimits { rates: Some(rates(&["1/m"])), ..ServerLimits::default() };
    let limiter = limiter(|config| {
        config.servers.insert("slow.example".to_owned(), own.clone());
        config.servers.insert("[::1]:43".to_owned(), own);
    });
    for (server, fast) in
        [("slow.example:443", false), ("[::1]:43", false), ("[::1]:44", true), ("x:1", true)]
    {
        let start = Instant::now();
        let _ = limiter.pass(server, in_an_hour()).await.unwrap();
        let second = limiter.pass(server, in_an_hour()).await.map(drop);
        assert_eq!(second.is_ok(), fast, "{server}");
        assert!(start.elapsed().is_zero(), "{server}");
    }
}

/// Requests leave in the order in which they came, and whoever gives up holds nobody.
#[tokio::test(start_paused = true)]
async fn the_queue_is_fair() {
    let limiter = limiter(|config| (config.rates, config.wait) = (rates(&["1/s"]), Span::secs(100)));
    let order = std::sync::Mutex::new(Vec::new());
    let requests = (0..8).map(|number| {
        let (limiter, order) = (&limiter, &order);
        async move {
            let deadline =
                if number % 4 == 2 { Instant::now() + Duration::from_millis(500) } else { in_an_hour() };
            let passed = limiter.pass("a:443", deadline).await.map(drop);
            order.lock().unwrap().push((number, passed.is_ok()));
        }
    });
    join_all(requests).await;
    let passed: Vec<_> =
        order.lock().unwrap().iter().filter(|(_, passed)| *passed).map(|(number, _)| *number).collect();
    assert_eq!(passed, [0, 1, 3, 4, 5, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_is_left_alone() {
    let limiter = limiter(|config| config.wait = Span::secs(60));
    let waits = async || {
        let start = Instant::now();
        let passed = limiter.pass("a:443", in_an_hour()).await.map(drop);
        (passed, start.elapsed().as_secs())
    };
    limiter.refused("a:443", Some(Duration::from_secs(7)));
    assert_eq!(waits().await, (Ok(()), 7));
    // Without a time of its own: longer with every refusal in a row.
    for pause in [2, 4, 8] {
        limiter.refused("a:443", None);
        assert_eq!(waits().await, (Ok(()), pause));
    }
    limiter.answered("a:443");
    limiter.refused("a:443", None);
    assert_eq!(waits().await, (Ok(()), 1));
    // A pause that began later than a longer one does not end it; nobody waits for what takes too long.
    limiter.refused("a:443", Some(Duration::from_secs(3600)));
    limiter.refused("a:443", Some(Duration::from_secs(1)));
    assert_eq!(waits().await, (Err(LimitError::Late), 0));
    advance(Duration::from_secs(15 * 60)).await;
    assert_eq!(waits().await, (Ok(()), 0), "no pause is longer than a quarter of an hour");
}

/// A pause that begins while requests wait holds them, and they do not leave together at its end.
#[tokio::test(start_paused = true)]
async fn a_pause_keeps_the_rate() {
    let limiter = limiter(|config| (config.rates, config.wait) = (rates(&["2/s"]), Span::secs(60)));
    let start = Instant::now();
    let requests = (0..6).map(async |_| {
        let _ = limiter.pass("a:443", in_an_hour()).await.unwrap();
        start.elapsed().as_secs()
    });
    let pause = async {
        sleep(Duration::from_millis(500)).await;
        limiter.refused("a:443", Some(Duration::from_secs(9)));
    };
    let (left, ()) = tokio::join!(join_all(requests), pause);
    assert_eq!(left, [0, 0, 9, 9, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_process_has_its_share() {
    for (share, left) in
        [(1.0, [0, 0, 0, 0]), (0.5, [0, 0, 1, 1]), (0.25, [0, 1, 2, 3]), (0.125, [0, 2, 4, 6])]
    {
        let limiter = limiter(|config| (config.rates, config.wait) = (rates(&["4/s"]), Span::secs(60)));
        limiter.set_share(share);
        let start = Instant::now();
        for seconds in left {
            let _ = limiter.pass("a:443", in_an_hour()).await.unwrap();
            assert_eq!(start.elapsed().as_secs(), seconds, "{share}");
        }
    }
}

/// A registry that allows 2 requests a second, for five minutes: never above its limit, at least 95 % of it used, and
/// another server is not held up.
#[tokio::test(start_paused = true)]
async fn a_slow_server_is_used_and_holds_nobody() {
    let limiter = limiter(|config| {
        let slow = ServerLimits {
            rates: Some(rates(&["2/s"])),
            wait: Some(Span::secs(20)),
            ..ServerLimits::default()
        };
        config.servers.insert("slow:443".to_owned(), slow);
    });
    let start = Instant::now();
    let five_minutes = start + Duration::from_secs(300);
    let (slow, late) = (std::sync::Mutex::new(Vec::new()), std::sync::atomic::AtomicUsize::new(0));
    let names = (0..3000_u64).map(async |number| {
        sleep(Duration::from_millis(number * 100)).await;
        match limiter.pass("slow:443", in_an_hour()).await {
            Ok(_pass) => slow.lock().unwrap().push(Instant::now()),
            Err(LimitError::Late) => drop(late.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
            Err(error) => panic!("{error}"),
        }
        let before = Instant::now();
        let _ = limiter.pass("fast:443", in_an_hour()).await.unwrap();
        assert!(before.elapsed().is_zero());
    });
    join_all(names).await;
    let sent = slow.into_inner().unwrap();
    assert!(sent.windows(3).all(|some| some[2] - some[0] > Duration::from_secs(1)));
    let used = sent.iter().filter(|sent| **sent < five_minutes).count();
    assert!((570..=600).contains(&used), "{used} of 600");
    assert_eq!(sent.len() + late.into_inner(), 3000);
}

#[tokio::test(start_paused = true)]
async fn forgets_idle_servers_when_there_are_too_many() {
    let limiter = limiter(|config| config.rates = rates(&["10/m"]));
    let held = limiter.pass("held:1", in_an_hour()).await.unwrap();
    limiter.refused("paused:1", Some(Duration::from_secs(600)));
    for hour in 0..24 {
        for server in 0..SERVERS / 8 {
            let _ = limiter.pass(&format!("{hour}-{server}:1"), in_an_hour()).await.unwrap();
        }
        let known = |server: &str| limiter.servers.lock().unwrap().contains_key(server);
        assert!(known("held:1") && (hour > 0 || known("paused:1")));
        assert!(limiter.servers.lock().unwrap().len() <= SERVERS);
        advance(Duration::from_secs(3600)).await;
    }
    drop(held);
}
