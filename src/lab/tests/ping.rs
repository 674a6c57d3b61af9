//! Pings by data.

use super::*;
use crate::collect::net::{Echo, EchoSeries};

#[tokio::test]
async fn networks_answer_by_their_rule_and_always_alike() {
    let ping = LabPing(Arc::new(Universe::load(0).unwrap()));
    let series =
        EchoSeries { count: 4, interval: Duration::from_millis(1), timeout: Duration::from_millis(120) };
    let ask = async |address: &str| ping.ping(address.parse().unwrap(), series).await.unwrap();
    let alive = ask("127.80.1.10").await;
    let plausible = |echo: &Echo| matches!(echo, Echo::Reply(t) if (1000..=1200).contains(&t.as_micros()));
    assert!(alive.len() == 4 && alive.iter().all(plausible), "{alive:?}");
    assert!(alive.iter().any(|echo| *echo != alive[0]), "no jitter: {alive:?}");
    assert_eq!(alive, ask("127.80.1.10").await);
    assert_ne!(alive, ask("127.80.1.11").await);
    assert_eq!(ask("127.80.111.10").await, [Echo::Lost; 4]);
    assert_eq!(ask("127.80.112.10").await, [Echo::Unreachable; 4]);
    assert_eq!(ask("127.80.113.10").await, [Echo::TimeExceeded; 4]);
    assert_eq!(ask("127.200.0.1").await, [Echo::Lost; 4]);
    let lossy = ask("127.80.114.10").await;
    assert_eq!(lossy.iter().filter(|echo| **echo == Echo::Lost).count(), 2);
    assert!(ask("::1").await.iter().all(|echo| matches!(echo, Echo::Reply(_))));
}
