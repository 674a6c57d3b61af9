//! Resolvers that are spoken to over a connection, against unbound: TCP, TLS and HTTPS, with certificates of this run.
//!
//! What must come of it is in `tests/cases/dns/sessions.txt`.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use domainflow::collect::net::dns::of_domain;
use domainflow::collect::net::{AddressPolicy, DnsConfig, Exchange, NetConfig, Resolver};
use domainflow::model::DomainName;
use futures_util::future::join_all;
use hickory_proto::rr::RecordType;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{check, found, servers};
use crate::support::{free_port, wait_for};

struct Unbound {
    tcp: u16,
    tls: u16,
    https: u16,
    ca_file: PathBuf,
    _daemon: servers::Daemon,
    _dir: tempfile::TempDir,
}

#[test]
fn resolvers_over_tcp_tls_and_https_answer_as_the_table_says() {
    let unbound = Unbound::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    check("sessions.txt", |[resolver, trusted, name, rr_type]| {
        let resolver = unbound.resolver(resolver, trusted == "ours");
        runtime.block_on(found(&resolver, name, rr_type))
    });
}

/// Far more than one connection takes at once.
#[test]
fn many_questions_share_a_connection() {
    let unbound = Unbound::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for resolver in ["tcp://127.0.0.1:{tcp}", "tls://127.0.0.1:{tls}", "https://127.0.0.1:{https}"] {
        let resolver = unbound.resolver(resolver, true);
        let name = |number: u32| of_domain(&DomainName::parse(&format!("n{number}.wild.test")).unwrap());
        let lookups = (0..1000).map(|number| {
            let resolver = &resolver;
            async move { resolver.lookup(&name(number), RecordType::A).await }
        });
        let answers = runtime.block_on(join_all(lookups));
        let found = answers.iter().flatten().flat_map(|answer| answer.of_type(RecordType::A)).count();
        assert_eq!(found, 1000, "{:?}", answers.iter().find_map(|answer| answer.as_ref().err()));
    }
}

impl Unbound {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let [tcp, tls, https] = [free_port(), free_port(), free_port()];
        let ca_file = certificates(dir);
        let at = dir.display();
        let mut conf = format!(
            "server:\n interface: 127.0.0.1@{tcp}\n interface: 127.0.0.1@{tls}\n interface: 127.0.0.1@{https}\n \
             tls-port: {tls}\n https-port: {https}\n tls-service-key: \"{at}/key.pem\"\n \
             tls-service-pem: \"{at}/certificate.pem\"\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n \
             directory: \"{at}\"\n use-syslog: no\n local-zone: \"test.\" static\n \
             local-zone: \"wild.test.\" redirect\n local-data: \"wild.test. A 192.0.2.9\"\n \
             local-data: \"test. SOA ns.test. h.test. 1 3600 600 86400 60\"\n \
             local-data: \"www.test. A 192.0.2.7\"\n"
        );
        for number in 1..=120 {
            writeln!(conf, " local-data: \"many.test. A 192.0.2.{number}\"").unwrap();
        }
        conf.push_str("remote-control:\n control-enable: no\n");
        fs::write(dir.join("unbound.conf"), conf).unwrap();
        let daemon = servers::Daemon::start(dir, "unbound", "unbound");
        for port in [tcp, tls, https] {
            wait_for("unbound", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        }
        Self { tcp, tls, https, ca_file, _daemon: daemon, _dir: folder }
    }

    fn resolver(&self, text: &str, trusted: bool) -> Resolver {
        let mut text = text.to_owned();
        for (port, number) in [("{tcp}", self.tcp), ("{tls}", self.tls), ("{https}", self.https)] {
            text = text.replace(port, &number.to_string());
        }
        let config = DnsConfig { resolvers: vec![text.parse().unwrap()], ..DnsConfig::default() };
        let net = NetConfig { ca_file: trusted.then(|| self.ca_file.clone()), ..NetConfig::default() };
        Resolver::new(Arc::new(Exchange::new(&config, AddressPolicy::private())), &config, &net).unwrap()
    }
}

/// Writes a certificate for the resolver and the root that signed it; gives the root's file.
fn certificates(dir: &std::path::Path) -> PathBuf {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["dns.example".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &root).unwrap();
    fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(dir.join("certificate.pem"), leaf.pem()).unwrap();
    let ca_file = dir.join("root.pem");
    fs::write(&ca_file, root.pem()).unwrap();
    ca_file
}
