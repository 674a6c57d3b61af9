//! Why: own recursion is to be faster than a scanner that recurses itself, and right where zones are broken in part.
//! What: six record types of each name, from the root servers down with nothing in any cache, by the DNS collector and by
//! ZDNS (`--iterative`); then names of zones of which one server fails. The internet is NSD in a network of its own. Needs
//! nsd, ip, unshare and Go (`scripts/setup.sh test`).
//! Knobs: NAMES, and how many of them at once.

mod peers;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use domainflow::collect::net::DnsConfig;
use domainflow::collect::net::dns::Recursion;
use peers::Server;
use peers::dns::{self, ADDRESS, TYPES_OF_A_NAME, count};

const NAMES: usize = 5_000;
const TOP_LEVEL: usize = 10;
/// Zones that the hosts of servers of other zones are in.
const HOSTERS: usize = 20;
/// Names whose zones have one server that is of use, for each way in which the other one is not.
const OF_A_FAULT: usize = 25;
const FAULTS: [(&str, &str); 4] =
    [("lame", "127.53.1.1"), ("refuses", "127.53.3.1"), ("fails", "127.53.3.1"), ("silent", "127.53.9.9")];
/// Names at once, of both.
const AT_ONCE: usize = 100;

/// Says to a process of this bench that it has a network of its own.
const INSIDE: &str = "RECURSION_PEER_INSIDE";
/// Says to a process of this bench that it is our side, and where the root servers are.
const HINTS: &str = "RECURSION_PEER_HINTS";

fn main() {
    if let Some(hints) = std::env::var_os(HINTS) {
        let root_hints = Some(hints.into());
        let config = DnsConfig { recursion: Recursion::Root, root_hints, ..DnsConfig::default() };
        return dns::collect(config, "t0", AT_ONCE);
    }
    if std::env::var_os(INSIDE).is_none() {
        // The port of name servers is 53, which zdns takes for granted.
        peers::peer("zdns");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(std::env::current_exe().expect("a program"));
        let status = command.env(INSIDE, "").status().expect("unshare");
        assert!(status.success(), "{status}");
        return;
    }
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip");
    assert!(status.success(), "{status}");
    let dir = tempfile::tempdir().expect("a folder");
    let _servers = internet(dir.path());
    let path = |name: &str| dir.path().join(name);
    let list = |file: &str, names: &mut dyn Iterator<Item = String>| {
        let path = path(file);
        std::fs::write(&path, names.map(|name| name + "\n").collect::<String>()).expect("a file");
        path
    };
    let names = list("names", &mut (0..NAMES).map(name));
    let faulty = list("faulty", &mut faulty().map(|(_, name)| name));
    dns::write_types(&path("types"));

    let zdns = peers::peer("zdns");
    let ours = || {
        let mut command = Command::new(std::env::current_exe().expect("a program"));
        command.env(HINTS, path("hints"));
        command
    };
    let theirs = |module: &str| {
        let mut command = Command::new(&zdns);
        command.args([module, "--iterative", "--4", "--name-servers=127.53.0.1,127.53.0.2"]);
        command.arg(format!("--threads={AT_ONCE}")).arg(format!("--cache-size={}", 100 * NAMES));
        command.stderr(Stdio::null());
        command
    };
    peers::compare(
        "six types of a name",
        NAMES,
        || {
            let cost = peers::run(ours(), &names, &path("ours"));
            let (whole, with_address) = (count(&path("ours"), WHOLE), count(&path("ours"), ADDRESS));
            assert_eq!((whole, with_address), (NAMES, NAMES), "names of ours");
            cost
        },
        ("zdns", || {
            let mut command = theirs("MULTIPLE");
            command.arg(format!("--multi-config-file={}", path("types").display()));
            let cost = peers::run(command, &names, &path("theirs"));
            let answers = count(&path("theirs"), "\"NOERROR\"");
            assert!(answers > NAMES * TYPES_OF_A_NAME * 99 / 100, "{answers} answers of zdns");
            cost
        }),
    );
    peers::run(ours(), &faulty, &path("ours"));
    peers::run(theirs("A"), &faulty, &path("theirs"));
    for (fault, _) in FAULTS {
        let answered = |file: &str| {
            let text = std::fs::read_to_string(path(file)).expect("a file");
            let lines = text.lines().filter(|line| line.contains(fault) && line.contains("192.0.2.1"));
            lines.count()
        };
        let (ours, theirs) = (answered("ours"), answered("theirs"));
        peers::tell(&format!(
            "one server of two {fault}: {ours} of {OF_A_FAULT} names found, {theirs} by zdns"
        ));
    }
}

/// What a record of ours says when all was found.
const WHOLE: &str = "\"errors\":null";

fn name(number: usize) -> String {
    format!("n{number}.t{}", number % TOP_LEVEL)
}

/// Faults and names that meet them.
fn faulty() -> impl Iterator<Item = (usize, String)> {
    (0..FAULTS.len() * OF_A_FAULT).map(|number| {
        let fault = number % FAULTS.len();
        (fault, format!("{}{number}.t0", FAULTS[fault].0))
    })
}

/// The root, the top-level domains, the zones below them, each with two addresses; and a server that has none of them.
fn internet(dir: &Path) -> Vec<Server> {
    let write = |file: &str, text: &str| std::fs::write(dir.join(file), text).expect("a file");
    write("hints", ". NS a.root.\na.root. A 127.53.0.1\n. NS b.root.\nb.root. A 127.53.0.2\n");
    let soa = "$TTL 86400\n@ SOA ns h 1 3600 600 604800 60\n";
    let mut root = format!("{soa}@ NS a.root.\n@ NS b.root.\na.root. A 127.53.0.1\nb.root. A 127.53.0.2\n");
    for n in 0..TOP_LEVEL {
        write!(
            root,
            "t{n}. NS ns1.t{n}.\nt{n}. NS ns2.t{n}.\nns1.t{n}. A 127.53.1.1\nns2.t{n}. A 127.53.1.2\n"
        )
        .expect("a text");
    }
    write("root", &root);
    let mut top_level =
        vec![format!("{soa}@ NS ns1\n@ NS ns2\nns1 A 127.53.1.1\nns2 A 127.53.1.2\n"); TOP_LEVEL];
    let mut delegate = |top: usize, label: &str, hosts: [&str; 2], addresses: Option<[&str; 2]>| {
        for (place, host) in hosts.into_iter().enumerate() {
            writeln!(top_level[top], "{label} NS {host}").expect("a text");
            if let Some(addresses) = addresses {
                writeln!(top_level[top], "{host} A {}", addresses[place]).expect("a text");
            }
        }
    };
    let here = ["127.53.2.1", "127.53.2.2"];
    let mut zones = vec![];
    for n in 0..HOSTERS {
        let label = format!("hoster{n}");
        delegate(n % TOP_LEVEL, &label, [&format!("ns1.{label}"), &format!("ns2.{label}")], Some(here));
        zones.push((format!("{label}.t{}", n % TOP_LEVEL), "zone"));
    }
    for n in 0..NAMES {
        let (label, top) = (format!("n{n}"), n % TOP_LEVEL);
        let hoster = n / 2 % HOSTERS;
        // Every second zone has its servers elsewhere.
        match n % 2 {
            0 => delegate(top, &label, [&format!("ns1.{label}"), &format!("ns2.{label}")], Some(here)),
            _ => {
                let host = |n| format!("ns{n}.hoster{hoster}.t{}.", hoster % TOP_LEVEL);
                delegate(top, &label, [&host(1), &host(2)], None);
            }
        }
        zones.push((name(n), "zone"));
    }
    let mut failing = vec![];
    for (fault, name) in faulty() {
        let label = name.trim_end_matches(".t0");
        let addresses = Some([FAULTS[fault].1, here[0]]);
        delegate(0, label, [&format!("ns1.{label}"), &format!("ns2.{label}")], addresses);
        if FAULTS[fault].0 == "fails" {
            // There is no such file: NSD answers SERVFAIL.
            failing.push((name.clone(), "missing"));
        }
        zones.push((name, "zone"));
    }
    // The collector looks for the addresses of these hosts, which zdns does not: they are the same for all.
    let zone = "@ NS ns1.hoster0.t0.\n@ NS ns2.hoster0.t0.\nns1 A 127.53.2.1\nns2 A 127.53.2.2\n@ A 192.0.2.1\n@ AAAA 2001:db8::1\n\
        @ MX 10 mx.hoster0.t0.\n@ TXT \"v=spf1 mx -all\"\nmx A 192.0.2.25\n";
    write("zone", &format!("{soa}{zone}"));
    let top_level: Vec<_> = top_level
        .iter()
        .enumerate()
        .map(|(n, text)| {
            write(&format!("t{n}"), text);
            (format!("t{n}"), format!("t{n}"))
        })
        .collect();
    let top_level: Vec<_> = top_level.iter().map(|(zone, file)| (zone.clone(), file.as_str())).collect();
    [
        ("root", ["127.53.0.1", "127.53.0.2"], vec![(".".to_owned(), "root")]),
        ("top-level", ["127.53.1.1", "127.53.1.2"], top_level),
        ("zones", here, zones),
        ("failing", ["127.53.3.1", "127.53.3.2"], failing),
    ]
    .map(|(server, addresses, zones)| nsd(dir, server, addresses, &zones))
    .into()
}

fn nsd(dir: &Path, server: &str, addresses: [&str; 2], zones: &[(String, &str)]) -> Server {
    let at = dir.display();
    let mut conf = format!(
        "server:\n username: \"\"\n zonesdir: {at}\n database: \"\"\n pidfile: \"\"\n \
        xfrdfile: {at}/{server}.xfrd\n zonelistfile: {at}/{server}.list\n xfrdir: {at}\n server-count: 1\n \
        rrl-ratelimit: 0\n logfile: {at}/{server}.log\n"
    );
    for address in addresses {
        writeln!(conf, " ip-address: {address}").expect("a text");
    }
    conf.push_str("remote-control:\n control-enable: no\n");
    for (zone, file) in zones {
        write!(conf, "zone:\n name: {zone}\n zonefile: {file}\n").expect("a text");
    }
    let path = dir.join(format!("{server}.conf"));
    std::fs::write(&path, conf).expect("a file");
    let mut command = Command::new("nsd");
    command.arg("-d").arg("-c").arg(path).stderr(Stdio::null());
    let server = Server::start(command);
    for address in addresses {
        peers::wait("nsd", || std::net::TcpStream::connect((address, 53)).is_ok());
    }
    server
}
