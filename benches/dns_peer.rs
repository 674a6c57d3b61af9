//! Why: the DNS collector is to be several times as fast as the scanners that people use now, at a fraction of the cost.
//! What: six record types of each name by the DNS collector and by ZDNS, through the same unbound that has all in its cache
//! (an NSD behind it), results written as JSON lines. Needs unbound, nsd and Go (`scripts/setup.sh test`).
//! Knobs: NAMES, and how many of them at once.

mod peers;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use domainflow::collect::net::DnsConfig;
use peers::Server;
use peers::dns::{self, ADDRESS, TYPES_OF_A_NAME, count};

const NAMES: usize = 20_000;
/// Names that we ask for at once: their queries fill the window of the resolver (`dns.concurrency`) and wait for no turn.
const AT_ONCE: usize = 20;
/// ZDNS's default; more make it slower here, and lose queries.
const THREADS: &str = "100";
/// Says to a process of this bench that it is our side, and whom to ask.
const RESOLVER: &str = "DNS_PEER_RESOLVER";

fn main() {
    if let Ok(resolver) = std::env::var(RESOLVER) {
        let resolver: SocketAddr = resolver.parse().expect("an address");
        let config = DnsConfig { resolvers: vec![resolver.into()], ..DnsConfig::default() };
        return dns::collect(config, "bench.test", AT_ONCE);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let (_nsd, _unbound, resolver) = servers(dir.path());
    let names = path("names");
    std::fs::write(&names, (0..NAMES).map(|n| format!("n{n}.bench.test\n")).collect::<String>())
        .expect("a file");
    dns::write_types(&path("types"));

    let zdns = peers::peer("zdns");
    let before = peers::datagrams_lost();
    let mut lost = 0;
    peers::compare(
        "six types of a name",
        NAMES,
        || {
            let before = peers::datagrams_lost();
            let mut command = Command::new(std::env::current_exe().expect("a program"));
            command.env(RESOLVER, resolver.to_string());
            let cost = peers::run(command, &names, &path("ours"));
            lost += peers::datagrams_lost() - before;
            let answered = count(&path("ours"), "\"statusCode\":0");
            assert_eq!((answered, count(&path("ours"), ADDRESS)), (NAMES, NAMES), "names of ours");
            cost
        },
        ("zdns", || {
            let mut command = Command::new(&zdns);
            command.args(["MULTIPLE", "--udp-only", "--threads", THREADS]);
            command.arg(format!("--name-servers={resolver}"));
            command.arg(format!("--multi-config-file={}", path("types").display()));
            command.stderr(std::process::Stdio::null());
            let cost = peers::run(command, &names, &path("theirs"));
            assert!(
                count(&path("theirs"), "\"NOERROR\"") > NAMES * TYPES_OF_A_NAME * 99 / 100,
                "answers of zdns"
            );
            cost
        }),
    );
    let all = peers::datagrams_lost() - before;
    peers::tell(&format!("datagrams lost: {lost} of ours, {} of zdns", all - lost));
}

/// An NSD with the zone and an unbound in front of it with one thread and room for all of it; and the latter's address.
fn servers(dir: &Path) -> (Server, Server, SocketAddr) {
    let (authority, recursor) = (peers::free_port(), peers::free_port());
    let write = |name: &str, text: String| {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let mut zone =
        "$ORIGIN bench.test.\n$TTL 86400\n@ SOA ns h 1 3600 600 604800 86400\n@ NS ns\nns A 127.0.0.1\n\
        mx A 192.0.2.25\n"
            .to_owned();
    for n in 0..NAMES {
        zone +=
            &format!("n{n} A 192.0.2.1\nn{n} AAAA 2001:db8::1\nn{n} MX 10 mx\nn{n} TXT \"v=spf1 mx -all\"\n");
    }
    write("zone", zone);
    let at = dir.display();
    let nsd = write(
        "nsd.conf",
        format!(
            "server:\n ip-address: 127.0.0.1@{authority}\n username: \"\"\n zonesdir: {at}\n database: \"\"\n \
            pidfile: \"\"\n xfrdfile: {at}/xfrd\n zonelistfile: {at}/list\n xfrdir: {at}\n server-count: 1\n \
            rrl-ratelimit: 0\nremote-control:\n control-enable: no\nzone:\n name: bench.test\n zonefile: zone\n"
        ),
    );
    let unbound = write(
        "unbound.conf",
        format!(
            "server:\n interface: 127.0.0.1@{recursor}\n port: {recursor}\n username: \"\"\n chroot: \"\"\n \
            directory: {at}\n pidfile: \"\"\n use-syslog: no\n num-threads: 1\n do-not-query-localhost: no\n \
            module-config: iterator\n domain-insecure: test\n local-zone: test nodefault\n msg-cache-size: 256m\n \
            rrset-cache-size: 256m\n neg-cache-size: 64m\n access-control: 127.0.0.0/8 allow\nremote-control:\n \
            control-enable: no\nstub-zone:\n name: bench.test\n stub-addr: 127.0.0.1@{authority}\n"
        ),
    );
    let mut command = Command::new("nsd");
    command.arg("-d").arg("-c").arg(nsd);
    let nsd = Server::start(command);
    let mut command = Command::new("unbound");
    command.arg("-d").arg("-c").arg(unbound);
    let unbound = Server::start(command);
    let address = SocketAddr::from(([127, 0, 0, 1], recursor));
    peers::wait("unbound", || std::net::TcpStream::connect(address).is_ok());
    peers::wait("nsd", || std::net::TcpStream::connect(("127.0.0.1", authority)).is_ok());
    (nsd, unbound, address)
}
