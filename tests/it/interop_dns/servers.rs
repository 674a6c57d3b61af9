//! NSD and unbound of one test run: their configuration, zones and keys in a folder of their own, on free ports.
//!
//! One NSD has the root and `test`, signed; another one the zones below, who have the same records and differ in how they
//! are signed. unbound knows the latter by their addresses and has a trust anchor for each signed one.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{free_port, signal, wait_for};

/// How the signed zones come to be: name, algorithm, further arguments of the signer. The signatures of one are taken away,
/// as the digest of its key is of another one.
const SIGNED: [(&str, &str, &[&str]); 8] = [
    ("nsec.test", USUAL, &[]),
    ("nsec3.test", USUAL, &["-n"]),
    ("rsa.test", "RSASHA256", &[]),
    ("bogus.test", USUAL, &[]),
    ("expired.test", USUAL, &["-i", "20200101000000", "-e", "20200201000000"]),
    ("stripped.test", USUAL, &[]),
    ("island.test", USUAL, &[]),
    // ring cannot check these.
    ("ed448.test", "ED448", &[]),
];
const USUAL: &str = "ECDSAP256SHA256";

/// Zones without signatures; the second is a child of a signed one, delegated without DS.
const UNSIGNED: [&str; 4] = ["plain.test", "insecure.nsec.test", "half.test", "glueless.test"];

/// Where the root is.
const ROOT: Ipv4Addr = Ipv4Addr::new(127, 0, 8, 1);

/// Delegations in `test` beside those of the signed zones. There is no server at 127.0.8.9. The one at 127.0.8.1 refers to
/// itself, the one at 127.0.0.1 refuses what it does not have.
const DELEGATIONS: &str = "plain NS ns.plain\nns.plain A 127.0.0.1\n\
    half NS ns1.half\nhalf NS ns2.half\nhalf NS ns3.half\n\
    ns1.half A 127.0.0.1\nns2.half A 127.0.8.1\nns3.half A 127.0.8.9\n\
    glueless NS ns.plain\n\
    refused NS ns.refused\nns.refused A 127.0.0.1\n\
    lame NS ns.lame\nns.lame A 127.0.8.1\n\
    dead NS ns.dead\nns.dead A 127.0.8.9\n\
    ring NS ns.gnir\ngnir NS ns.ring\n";

/// All servers at work.
pub struct Servers {
    pub nsd: SocketAddr,
    pub nsd_v6: SocketAddr,
    pub unbound: SocketAddr,
    /// The file of the root servers.
    pub root_hints: PathBuf,
    /// The file of the root's key.
    pub trust_anchor: PathBuf,
    _daemons: [Daemon; 3],
    _dir: tempfile::TempDir,
}

impl Servers {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let anchors =
            SIGNED.map(|(zone, algorithm, options)| sign(dir, zone, &zone_text(zone), algorithm, options).0);
        for zone in UNSIGNED {
            fs::write(dir.join(zone), zone_text(zone)).unwrap();
        }
        let (anchor, _) = sign(dir, "test", &test_text(&anchors), USUAL, &[]);
        let (_, key) = sign(dir, ".", &format!("$TTL 300\n{ROOT_ZONE}{anchor}\n"), USUAL, &[]);
        let trust_anchor = dir.join("trust_anchor");
        fs::write(&trust_anchor, key).unwrap();
        let root_hints = dir.join("root.hints");
        fs::write(&root_hints, format!(". NS ns.root.\nns.root. A {ROOT}\n")).unwrap();
        let (port, port_of_unbound) = (free_port(), free_port());
        let root: SocketAddr = (ROOT, port).into();
        let nsd: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
        let nsd_v6: SocketAddr = (Ipv6Addr::LOCALHOST, port).into();
        fs::write(dir.join("root.conf"), nsd_conf(dir, "root", &[root], &mut [".", "test"].into_iter()))
            .unwrap();
        fs::write(dir.join("nsd.conf"), nsd_conf(dir, "nsd", &[nsd, nsd_v6], &mut zones())).unwrap();
        fs::write(dir.join("unbound.conf"), unbound_conf(dir, port_of_unbound, port, &anchors)).unwrap();
        let servers = Self {
            nsd,
            nsd_v6,
            unbound: (Ipv4Addr::LOCALHOST, port_of_unbound).into(),
            root_hints,
            trust_anchor,
            _daemons: [
                Daemon::start(dir, "nsd", "root"),
                Daemon::start(dir, "nsd", "nsd"),
                Daemon::start(dir, "unbound", "unbound"),
            ],
            _dir: folder,
        };
        for address in [root, servers.nsd, servers.nsd_v6, servers.unbound] {
            wait_for("a DNS server", || TcpStream::connect(address).ok());
        }
        servers
    }
}

/// A server in the foreground; ends when dropped.
pub struct Daemon(Child);

impl Daemon {
    /// Starts `/usr/sbin/PROGRAM` with the file `NAME.conf` of the folder.
    pub fn start(dir: &Path, program: &str, name: &str) -> Self {
        let log = fs::File::create(dir.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(format!("/usr/sbin/{program}"));
        command.arg("-d").arg("-c").arg(dir.join(format!("{name}.conf"))).stdin(Stdio::null());
        Self(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // TERM and not KILL: NSD ends its own children.
        if matches!(self.0.try_wait(), Ok(None)) {
            signal(self.0.id(), "TERM");
        }
        let _ = self.0.wait();
    }
}

fn nsd_conf(
    dir: &Path,
    name: &str,
    addresses: &[SocketAddr],
    zones: &mut dyn Iterator<Item = &'static str>,
) -> String {
    let dir = dir.display();
    let mut conf = format!(
        "server:\n username: \"\"\n pidfile: \"\"\n database: \"\"\n zonesdir: \"{dir}\"\n \
         zonelistfile: \"{dir}/{name}.list\"\n xfrdfile: \"\"\n rrl-ratelimit: 0\n"
    );
    for address in addresses {
        writeln!(conf, " ip-address: {}@{}", address.ip(), address.port()).unwrap();
    }
    conf.push_str("remote-control:\n control-enable: no\n");
    for zone in zones {
        write!(conf, "zone:\n name: {zone}\n zonefile: {}\n", file(zone)).unwrap();
    }
    conf
}

fn unbound_conf(dir: &Path, port: u16, port_of_nsd: u16, anchors: &[String]) -> String {
    let dir = dir.display();
    let mut conf = format!(
        "server:\n interface: 127.0.0.1@{port}\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n directory: \"{dir}\"\n \
         use-syslog: no\n do-not-query-localhost: no\n local-zone: \"test.\" nodefault\n \
         local-zone: \"only.test.\" static\n local-data: \"only.test. A 192.0.2.99\"\n \
         module-config: \"validator iterator\"\n"
    );
    for anchor in anchors.iter().filter(|anchor| !anchor.is_empty()) {
        writeln!(conf, " trust-anchor: \"{anchor}\"").unwrap();
    }
    conf.push_str("remote-control:\n control-enable: no\n");
    let others = [".", "test"].map(|zone| (zone, ROOT));
    for (zone, at) in zones().map(|zone| (zone, Ipv4Addr::LOCALHOST)).chain(others) {
        write!(conf, "stub-zone:\n name: {zone}\n stub-addr: {at}@{port_of_nsd}\n").unwrap();
    }
    conf
}

fn zones() -> impl Iterator<Item = &'static str> {
    SIGNED.iter().map(|(zone, ..)| *zone).chain(UNSIGNED)
}

/// The file of a zone.
fn file(zone: &str) -> &str {
    if zone == "." { "root" } else { zone }
}

/// Signs the text of a zone with a key of its own, and gives the digest of the key and the key.
fn sign(dir: &Path, zone: &str, text: &str, algorithm: &str, options: &[&str]) -> (String, String) {
    let run = |command: &str, arguments: &[&str]| {
        let output = Command::new(command).args(arguments).current_dir(dir).output();
        let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    fs::write(dir.join("unsigned"), text).unwrap();
    let key = run("ldns-keygen", &["-a", algorithm, "-k", "-r", "/dev/urandom", zone]);
    run("ldns-signzone", &[options, &["-f", file(zone), "unsigned", &key]].concat());
    match zone {
        "bogus.test" => {
            let signed = fs::read_to_string(dir.join(zone)).unwrap();
            fs::write(dir.join(zone), signed.replace("192.0.2.7", "192.0.2.8")).unwrap();
        }
        "stripped.test" => fs::write(dir.join(zone), text).unwrap(),
        _ => {}
    }
    let read =
        |kind: &str| fs::read_to_string(dir.join(format!("{key}.{kind}"))).unwrap().trim().replace('\t', " ");
    (if zone == "island.test" { String::new() } else { read("ds") }, read("key"))
}

/// The root, without the digest of the key of `test`.
const ROOT_ZONE: &str =
    ". SOA ns.root. h.root. 1 3600 600 86400 60\n. NS ns.root.\nns.root. A 127.0.8.1\ntest. NS ns.root.\n";

/// The zone `test`, with the digests of the keys of signed zones.
fn test_text(anchors: &[String]) -> String {
    let mut text = format!(
        "$ORIGIN test.\n$TTL 300\n@ SOA ns.root. h.root. 1 3600 600 86400 60\n@ NS ns.root.\n{DELEGATIONS}"
    );
    for (zone, ..) in SIGNED {
        writeln!(text, "{zone}. NS ns.{zone}.\nns.{zone}. A 127.0.0.1").unwrap();
    }
    text + &anchors.join("\n") + "\n"
}

fn zone_text(zone: &str) -> String {
    let mut text = format!(
        "$ORIGIN {zone}.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n\
         www A 192.0.2.7\nwww AAAA 2001:db8::7\n*.wild A 192.0.2.9\nhost.empty A 192.0.2.10\n\
         chain1 CNAME chain2\nchain2 CNAME www\nloop1 CNAME loop2\nloop2 CNAME loop1\ndangling CNAME nowhere\n\
         mail MX 10 www\nchild NS ns.child\nns.child A 127.0.0.9\n"
    );
    if zone == "nsec.test" {
        text.push_str("insecure NS ns.insecure\nns.insecure A 127.0.0.1\nold DNAME wild\n");
    }
    // More than fits into a datagram of 1232 octets.
    for number in 1..=120 {
        writeln!(text, "many A 192.0.2.{number}").unwrap();
    }
    text
}
