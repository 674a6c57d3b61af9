//! Pings in a network of the test's own, by raw and by datagram sockets, of both address families.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::collect::net::network::answers::Answer;
use crate::collect::net::network::{Network, own};

const MODULE: &str = module_path!();

fn pinger() -> IcmpPing {
    IcmpPing::new(NonZeroU32::new(1_000_000).unwrap())
}

fn plan(count: u32, interval: u64, timeout: u64) -> EchoSeries {
    EchoSeries { count, interval: Duration::from_millis(interval), timeout: Duration::from_millis(timeout) }
}

/// Longer than any reply takes that comes at all.
const PATIENT: u64 = 20_000;

/// Does it with raw sockets, then with datagram sockets.
fn by_both(network: &Network, test: impl AsyncFn(&str)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test("raw"));
    network.open_datagram_sockets();
    runtime.block_on(test("datagram"));
}

async fn all(
    ping: &IcmpPing,
    addresses: impl IntoIterator<Item = IpAddr>,
    plan: EchoSeries,
) -> Vec<(IpAddr, Vec<Echo>)> {
    let series =
        addresses.into_iter().map(async |address| (address, ping.ping(address, plan).await.unwrap()));
    join_all(series).await
}

fn replies(echoes: &[Echo]) -> Vec<Duration> {
    let time = |echo: &Echo| if let Echo::Reply(time) = echo { Some(*time) } else { None };
    echoes.iter().filter_map(time).collect()
}

#[test]
fn many_series_to_few_addresses_get_their_own_replies() {
    let Some(network) = own(MODULE, "many_series_to_few_addresses_get_their_own_replies", &[]) else {
        return;
    };
    by_both(&network, async |socket| {
        let ping = pinger();
        let addresses = ["127.0.0.1", "127.0.0.2", "127.200.0.3", "::1"].map(|text| text.parse().unwrap());
        let many = (0..100).map(|number| addresses[number % addresses.len()]);
        for (address, echoes) in all(&ping, many, plan(4, 2, PATIENT)).await {
            assert_eq!(replies(&echoes).len(), 4, "{socket} {address}: {echoes:?}");
        }
    });
}

/// All at once: a datagram socket reports the error of one address at a send to another.
#[test]
fn each_address_has_the_fault_that_it_has() {
    let Some(network) = own(MODULE, "each_address_has_the_fault_that_it_has", &[]) else { return };
    let even = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[3] % 2 == 0);
    network.answer(move |address, _| {
        let icmp_type = if even(address) { 3 } else { 11 };
        vec![(Duration::ZERO, Answer::ShortError(icmp_type))]
    });
    by_both(&network, async |socket| {
        let ping = pinger();
        // The IPv4 router of the kernel says this a few times only, whatever it is told.
        for net in [2, 3] {
            let [v4, _] = Network::addresses(net, 1);
            assert_eq!(
                ping.ping(v4, plan(1, 0, PATIENT)).await.unwrap(),
                [Echo::Unreachable],
                "{socket} {v4}"
            );
        }
        let mut expected = vec![];
        for host in 1..=20 {
            for (net, is) in [
                (1, "reply"),
                (4, "lost"),
                (5, "exceeded"),
                (6, "unreachable"),
                (7, "unreachable"),
                (8, "unreachable"),
            ] {
                expected.extend(Network::addresses(net, host).map(|address| (address, is)));
            }
            expected.extend([2, 3].map(|net| (Network::addresses(net, host)[1], "unreachable")));
            let [v4, _] = Network::addresses(9, host);
            expected.push((v4, if even(v4) { "unreachable" } else { "exceeded" }));
        }
        expected.extend(Network::addresses(0, 0x77).map(|address| (address, "unreachable")));
        for no_route in ["192.0.2.1", "2001:db8::1"] {
            expected.push((no_route.parse().unwrap(), "unreachable"));
        }
        let addresses = expected.iter().map(|(address, _)| *address);
        let found = all(&ping, addresses, plan(5, 10, 3000)).await;
        let mut wrong = vec![];
        for ((address, echoes), (_, is)) in found.iter().zip(&expected) {
            let right = echoes.iter().all(|echo| match echo {
                Echo::Reply(_) => *is == "reply",
                Echo::Unreachable => *is == "unreachable",
                Echo::TimeExceeded => *is == "exceeded",
                Echo::Lost => *is == "lost",
            });
            if !right || echoes.len() != 5 {
                wrong.push(format!("{address} is not {is}: {echoes:?}"));
            }
        }
        assert!(wrong.is_empty(), "{socket}: {}", wrong.join("\n"));
    });
}

#[test]
fn delay_and_loss_are_those_of_the_network() {
    let Some(network) = own(MODULE, "delay_and_loss_are_those_of_the_network", &[]) else { return };
    let delay = Duration::from_millis(40);
    network.answer(move |_, number| match number % 3 {
        2 => vec![],
        _ => vec![(delay, Answer::Reply)],
    });
    by_both(&network, async |socket| {
        let ping = pinger();
        let addresses = (1..=50).flat_map(|host| Network::addresses(9, host));
        // Requests 0 to 5 of each address are those of the first socket, 6 to 11 of the second: the third of each three is lost.
        for (address, echoes) in all(&ping, addresses, plan(6, 5, 5000)).await {
            let lost: Vec<bool> = echoes.iter().map(|echo| *echo == Echo::Lost).collect();
            assert_eq!(lost, [false, false, true, false, false, true], "{socket} {address}");
            let early = replies(&echoes).into_iter().find(|time| *time < delay);
            assert_eq!(early, None, "{socket} {address}");
        }
    });
}

#[test]
fn what_comes_late_twice_or_from_elsewhere_is_no_reply() {
    let Some(network) = own(MODULE, "what_comes_late_twice_or_from_elsewhere_is_no_reply", &[]) else {
        return;
    };
    const LATE: u64 = 400;
    network.answer(|address, _| {
        let host = match address {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        };
        let at_once = |answer| (Duration::ZERO, answer);
        match host {
            1 => vec![at_once(Answer::Reply), at_once(Answer::Reply), at_once(Answer::Reply)],
            2 => vec![(Duration::from_millis(LATE), Answer::Reply)],
            3 => vec![at_once(Answer::FromElsewhere)],
            4 => vec![at_once(Answer::OtherData)],
            _ => vec![],
        }
    });
    by_both(&network, async |socket| {
        let ping = pinger();
        // The last request leaves after the first late reply has come.
        let addresses = (1..=4).flat_map(|host| Network::addresses(9, host));
        let found = all(&ping, addresses, plan(4, LATE / 2, LATE / 2)).await;
        let counts: Vec<usize> = found.iter().map(|(_, echoes)| replies(echoes).len()).collect();
        assert!(found.iter().all(|(_, echoes)| echoes.len() == 4), "{found:?}");
        assert_eq!(counts, [4, 4, 0, 0, 0, 0, 0, 0], "{socket}: {found:?}");
    });
}

#[test]
fn ten_thousand_addresses_at_once() {
    let Some(network) = own(MODULE, "ten_thousand_addresses_at_once", &[]) else { return };
    by_both(&network, async |socket| {
        let ping = pinger();
        // The link knows its neighbour.
        let [first, _] = Network::addresses(1, 1);
        ping.ping(first, plan(1, 0, PATIENT)).await.unwrap();
        let addresses = (0..10_000_u16).map(|number| {
            let [high, low] = number.to_be_bytes();
            IpAddr::from([10, 10, high, low])
        });
        // Nobody is done before all have begun: the interval is longer than the first round takes.
        let found = all(&ping, addresses, plan(3, 500, PATIENT)).await;
        let lossy: Vec<_> = found.iter().filter(|(_, echoes)| replies(echoes).len() != 3).collect();
        assert!(
            found.len() == 10_000 && lossy.is_empty(),
            "{socket}: {} lost replies: {lossy:?}",
            lossy.len()
        );
    });
}

/// Each raw socket reads the replies to both.
#[test]
fn two_pingers_do_not_take_each_other_s_replies() {
    let Some(network) = own(MODULE, "two_pingers_do_not_take_each_other_s_replies", &[]) else { return };
    // Every second reply, so that one that is taken from the other one would be too many.
    network.answer(|_, number| if number % 2 == 0 { vec![(Duration::ZERO, Answer::Reply)] } else { vec![] });
    by_both(&network, async |socket| {
        let (one, other) = (pinger(), pinger());
        let addresses = || (1..=50).flat_map(|host| Network::addresses(9, host));
        let plan = plan(4, 10, 1000);
        let (one, other) = tokio::join!(all(&one, addresses(), plan), all(&other, addresses(), plan));
        for ((address, one), (_, other)) in one.iter().zip(&other) {
            let both = replies(one).len() + replies(other).len();
            assert_eq!(both, 4, "{socket} {address}: {one:?} {other:?}");
        }
    });
}

#[test]
fn who_may_not_ping_is_told_what_to_do() {
    let Some(network) = own(MODULE, "who_may_not_ping_is_told_what_to_do", &["net_raw"]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ping = pinger();
    let localhost = || ping.ping(IpAddr::from([127, 0, 0, 1]), plan(1, 0, PATIENT));
    let error = IcmpPing::available().unwrap_err();
    assert!(error.hint().contains("ping_group_range"), "{error}");
    assert!(matches!(runtime.block_on(localhost()), Err(PingError::Permission)));
    // Permitted later, it goes on without a restart.
    network.open_datagram_sockets();
    IcmpPing::available().unwrap();
    assert_eq!(replies(&runtime.block_on(localhost()).unwrap()).len(), 1);
}
