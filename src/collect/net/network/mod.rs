//! A network of its own for a test: the test runs again in a namespace made by `unshare`, with a link to a far machine that is
//! a namespace, too. Nothing of the real network is touched or needed; where namespaces cannot be made, the test fails.
//!
//! Addresses say how it goes with them, by their second byte (IPv4) or group (IPv6): see [`Network::open`].
//! Next: `answers.rs` for a far host that answers as a test wants it.

pub mod answers;

use std::net::IpAddr;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

/// Says to a process that it is in a network of its own.
const INSIDE: &str = "TEST_HAS_NETWORK";

type Order = Box<dyn FnOnce() + Send>;

/// The network.
pub struct Network {
    far: SyncSender<Order>,
}

/// Gives the network if this process is in one of its own; else runs the test `function` of `module` in one, and fails as it
/// does. The process there lacks the capabilities `without`, as `setpriv` names them.
pub fn own(module: &str, function: &str, without: &[&str]) -> Option<Network> {
    if std::env::var_os(INSIDE).is_some() {
        return Some(Network::open());
    }
    let (_, inside) = module.split_once("::").unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "setpriv", "--inh-caps=-all"]);
    command.args(without.iter().map(|capability| format!("--bounding-set=-{capability}")));
    command.arg(std::env::current_exe().unwrap());
    command.args([&format!("{inside}::{function}"), "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap_or_else(|error| panic!("unshare: {error}; scripts/setup.sh test"));
    let text = text(&output);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "in a network of its own (this needs unshare and setpriv of util-linux, ip of iproute2, and to be root \
         or to be allowed user namespaces): {text}"
    );
    None
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

impl Network {
    /// Here is 10.9.0.1 and fd09::1, there 10.9.0.2 and fd09::2, with ways from here to 10.9.0.0/16, 10.10.0.0/16 and fd09::/16:
    ///
    /// | | | |
    /// |---|---|---|
    /// | 10.9.1.0/24, 10.10.0.0/16 | fd09:1::/32 | answers |
    /// | 10.9.2.0/24 | fd09:2::/32 | the router says unreachable |
    /// | 10.9.3.0/24 | fd09:3::/32 | the router says prohibited |
    /// | 10.9.4.0/24 | fd09:4::/32 | the router says nothing |
    /// | 10.9.5.0/24 | fd09:5::/32 | further away than packets live |
    /// | 10.9.6.0/24 | fd09:6::/32 | unreachable by a route here |
    /// | 10.9.7.0/24 | fd09:7::/32 | prohibited by a route here |
    /// | 10.9.8.0/24 | fd09:8::/32 | black hole of a route here |
    /// | 10.9.9.0/24 | fd09:9::/32 | as `answers.rs` is told |
    /// | 10.9.0.77 | fd09::77 | nobody on the link |
    /// | the rest | the rest | no route |
    fn open() -> Self {
        let (far, orders) = sync_channel(1);
        let (made, thread) = sync_channel(1);
        std::thread::spawn(move || obey(&made, &orders));
        let thread = thread.recv().unwrap();
        let network = Self { far };
        run("ip link set lo up");
        run(&format!("ip link add near type veth peer name far netns {thread}"));
        network.there(|| {
            for command in THERE {
                run(command);
            }
            for (setting, value) in SETTINGS_THERE.iter().chain(SETTINGS) {
                set(setting, value);
            }
        });
        for command in HERE {
            run(command);
        }
        for (setting, value) in SETTINGS {
            set(setting, value);
        }
        // Neighbours that are not there are known to be so soon.
        for family in ["ipv4", "ipv6"] {
            set(&format!("{family}/neigh/near/retrans_time_ms"), "20");
            set(&format!("{family}/neigh/near/mcast_solicit"), "1");
        }
        network
    }

    /// Does something on the far side; threads that it starts stay there.
    pub fn there<T: Send + 'static>(&self, order: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, outcome) = sync_channel(1);
        let order = move || done.send(order()).unwrap();
        self.far.send(Box::new(order)).unwrap();
        outcome.recv().expect("the far side panicked")
    }

    /// Opens datagram sockets of ICMP to all; a namespace begins with raw ones only.
    pub fn open_datagram_sockets(&self) {
        set("ipv4/ping_group_range", "0 0");
    }

    /// The address in the network of this number, of both families.
    pub fn addresses(network: u8, host: u8) -> [IpAddr; 2] {
        let v6 = format!("fd09:{network}::{host:x}").parse().unwrap();
        [IpAddr::from([10, 9, network, host]), v6]
    }
}

/// The thread whose namespace is the far side.
fn obey(made: &SyncSender<i32>, orders: &Receiver<Order>) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    made.send(gettid().as_raw()).unwrap();
    for order in orders {
        order();
    }
}

fn run(command: &str) {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{command}: {error}; scripts/setup.sh test"));
    assert!(output.status.success(), "{command}: {}", text(&output));
}

/// Sets a setting of the network of this thread.
fn set(setting: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{setting}"), value)
        .unwrap_or_else(|error| panic!("{setting}: {error}"));
}

const HERE: &[&str] = &[
    "ip addr add 10.9.0.1/24 dev near",
    "ip addr add fd09::1/64 dev near nodad",
    "ip link set near up",
    "ip route add 10.9.0.0/16 via 10.9.0.2",
    "ip route add 10.10.0.0/16 via 10.9.0.2",
    "ip route add 10.9.5.0/24 via 10.9.0.2 hoplimit 1",
    "ip route add unreachable 10.9.6.0/24",
    "ip route add prohibit 10.9.7.0/24",
    "ip route add blackhole 10.9.8.0/24",
    "ip route add fd09::/16 via fd09::2",
    "ip route add fd09:5::/32 via fd09::2 hoplimit 1",
    "ip route add unreachable fd09:6::/32",
    "ip route add prohibit fd09:7::/32",
    "ip route add blackhole fd09:8::/32",
];

const THERE: &[&str] = &[
    "ip link set lo up",
    "ip addr add 10.9.0.2/24 dev far",
    "ip addr add fd09::2/64 dev far nodad",
    "ip link set far up",
    "ip route add local 10.9.1.0/24 dev lo",
    "ip route add local 10.10.0.0/16 dev lo",
    "ip route add unreachable 10.9.2.0/24",
    "ip route add prohibit 10.9.3.0/24",
    "ip route add blackhole 10.9.4.0/24",
    "ip route add 10.9.5.0/24 via 10.9.0.1",
    "ip route add blackhole 10.9.9.0/24",
    "ip route add local fd09:1::/32 dev lo",
    "ip route add unreachable fd09:2::/32",
    "ip route add prohibit fd09:3::/32",
    "ip route add blackhole fd09:4::/32",
    "ip route add fd09:5::/32 via fd09::1",
    "ip route add blackhole fd09:9::/32",
];

const SETTINGS_THERE: &[(&str, &str)] = &[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")];

/// Of here and there: whoever has an ICMP error to tell tells it, however many there are.
const SETTINGS: &[(&str, &str)] = &[("ipv4/icmp_ratemask", "0"), ("ipv6/icmp/ratemask", "255")];
