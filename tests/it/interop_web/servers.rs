//! The nginx of one test run: its configuration, certificates and pages in a folder of their own, on free ports.
//!
//! It has a site for each name on one port, and speaks TLS 1.2 alone on another and no TLS on a third.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::{certificates, strange};
use crate::support::{free_port, wait_for};

/// The sites of nginx: name, certificate, what it does. Without anything, the page of [`PAGE`].
const SITES: &[(&str, &str, &str)] = &[
    ("rsa.test", "rsa", ""),
    ("ecdsa.test", "ecdsa", ""),
    ("ed25519.test", "ed25519", ""),
    ("expired.test", "expired", ""),
    ("self-signed.test", "self-signed", ""),
    ("wrong-name.test", "other-name", ""),
    ("long-chain.test", "long-chain", ""),
    ("client.test", "rsa", "ssl_client_certificate root.pem; ssl_verify_client on;"),
    ("gzip.test", "rsa", "index page.html; gzip on; gzip_min_length 1;"),
    ("deflate.test", "rsa", "index page.deflate; add_header Content-Encoding deflate;"),
    ("br.test", "rsa", "index page.br; add_header Content-Encoding br;"),
    ("zstd.test", "rsa", "index page.zstd; add_header Content-Encoding zstd;"),
    ("not-gzip.test", "rsa", "index page.html; add_header Content-Encoding gzip;"),
    ("bomb.test", "rsa", "index bomb.gzip; add_header Content-Encoding gzip;"),
    ("big.test", "rsa", "index big;"),
    ("latin2.test", "rsa", "index page.latin2; default_type 'text/html; charset=iso-8859-2';"),
    ("meta.test", "rsa", "index page.meta;"),
    ("bom.test", "rsa", "index page.utf-16;"),
    ("missing.test", "rsa", "location / { return 404 'not here'; }"),
    ("empty.test", "rsa", "location / { return 204; }"),
    ("next.test", "rsa", "location = / { return 302 /next; } location / { return 200 $uri; }"),
    ("endless.test", "rsa", "location / { return 302 /again$uri; }"),
    ("inside.test", "rsa", "location / { return 302 https://0.0.0.0/; }"),
    ("elsewhere.test", "rsa", "location / { return 302 https://rsa.test; }"),
    ("plainly.test", "rsa", "location / { return 302 http://elsewhere.test/; }"),
];
const PAGE: &str = "location / { return 200 'this is $host over $scheme'; }";

/// Bytes of the big page, and of the one that is packed.
const BIG: u64 = 100 << 20;

/// All servers at work.
pub struct Servers {
    ports: HashMap<&'static str, u16>,
    _nginx: Nginx,
    _dir: tempfile::TempDir,
}

impl Servers {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        certificates::write(dir);
        pages(dir);
        let mut ports: HashMap<_, _> =
            ["nginx", "nginx12", "plain", "closed"].map(|server| (server, free_port())).into();
        fs::write(dir.join("nginx.conf"), nginx_conf(dir, &ports)).unwrap();
        let nginx = Nginx::start(dir);
        for (&server, &port) in ports.iter().filter(|(server, _)| **server != "closed") {
            wait_for(server, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        }
        ports.extend(strange::start(dir));
        Self { ports, _nginx: nginx, _dir: folder }
    }

    pub fn port(&self, server: &str) -> u16 {
        *self.ports.get(server).unwrap_or_else(|| panic!("no such server: {server}"))
    }
}

/// nginx in the foreground; ends when dropped.
struct Nginx(Child);

impl Nginx {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(dir).args(["-c", "nginx.conf", "-e", "nginx.log"]).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn nginx_conf(dir: &Path, ports: &HashMap<&str, u16>) -> String {
    let root = dir.display();
    let (tls, tls12, plain) = (ports["nginx"], ports["nginx12"], ports["plain"]);
    let mut conf =
        "daemon off; master_process off; pid nginx.pid;\nevents { worker_connections 512; }\nhttp {\n\
         access_log off; default_type text/html; ssl_protocols TLSv1.2 TLSv1.3;\n"
            .to_owned();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(conf, "{kind}_temp_path {root}/{kind};").unwrap();
    }
    let mut server = |listen: &str, name: &str, kind: &str, body: &str| {
        let body = if body.contains("index") || body.contains("location") {
            body.to_owned()
        } else {
            format!("{body} {PAGE}")
        };
        writeln!(
            conf,
            "server {{ listen 127.0.0.1:{listen}; server_name {name}; root {root}; ssl_certificate {kind}.pem; \
             ssl_certificate_key {kind}.key; {body} }}"
        )
        .unwrap();
    };
    for (name, kind, body) in SITES {
        server(&format!("{tls} ssl"), name, kind, body);
    }
    for kind in ["rsa", "ecdsa"] {
        server(&format!("{tls12} ssl"), &format!("{kind}.test"), kind, "ssl_protocols TLSv1.2;");
    }
    server(&plain.to_string(), "_", "rsa", "");
    conf + "}\n"
}

fn pages(dir: &Path) {
    const PAGE: &[u8] = b"<p>hello, page</p>";
    // The page in brotli, as its own program packs it.
    const BROTLI: &[u8] = b"\x21\x44\0\x04\x3c\x70\x3ehello, page\x3c\x2f\x70\x3e\x03";
    let write = |name: &str, data: &[u8]| fs::write(dir.join(name), data).unwrap();
    write("page.html", PAGE);
    write("page.br", BROTLI);
    write("page.zstd", &zstd::bulk::compress(PAGE, 3).unwrap());
    let mut deflate = ZlibEncoder::new(vec![], Compression::best());
    deflate.write_all(PAGE).unwrap();
    write("page.deflate", &deflate.finish().unwrap());
    write("page.latin2", b"<p>\xb9</p>");
    write("page.meta", b"<meta charset=windows-1250><p>\x9a</p>");
    write("page.utf-16", b"\xff\xfe<\0p\0>\0\x61\x01");
    fs::File::create(dir.join("big")).unwrap().set_len(BIG).unwrap();
    let mut bomb = GzEncoder::new(fs::File::create(dir.join("bomb.gzip")).unwrap(), Compression::fast());
    let piece = vec![b'x'; 1 << 20];
    (0..BIG >> 20).for_each(|_| bomb.write_all(&piece).unwrap());
    bomb.finish().unwrap();
}
