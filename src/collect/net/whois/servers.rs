//! Which WHOIS server knows a top-level domain: the lists of the configuration, then the shipped one (`servers.txt`),
//! then whoever the server for `.` refers to (`client.rs`).

use std::collections::HashMap;
use std::sync::LazyLock;

use tokio::time::Instant;

use crate::collect::net::HttpClient;
use crate::collect::net::list::{Kind, ListError, Lists};
use crate::model::DomainName;

/// The port of WHOIS (RFC 3912).
const PORT: u16 = 43;

/// Where and how to ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// A host name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What to send, with `%s` for the name.
    pub query: String,
}

/// Servers by domain; `.` is the root.
type Table = HashMap<String, Server>;

/// The lists of servers.
pub struct Servers(Lists<Table>);

static SHIPPED: LazyLock<Table> = LazyLock::new(|| parse(include_str!("servers.txt")).unwrap_or_default());

impl Server {
    /// Reads `host` or `host:port`; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // More than one colon without brackets is an address of IPv6.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let valid = host.parse::<std::net::IpAddr>().is_ok() || DomainName::parse(&host).is_ok();
        valid.then(|| Self { host, port, query: "%s".to_owned() })
    }

    /// The server as the limiter knows it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Servers {
    /// The lists at `places`; loaded when first asked.
    pub fn new(places: &[String], http: HttpClient) -> Self {
        Self(Lists::new(
            places,
            http,
            Kind { extension: "txt", accept: "text/plain", parse, shipped: |_| None },
        ))
    }

    /// The server for the longest listed suffix of `name`; for the root if there is none.
    pub async fn of(&self, name: &DomainName, deadline: Instant) -> Result<(Server, Listed), ListError> {
        let (known, missing) = self.0.all(deadline).await;
        let tables = || known.iter().flat_map(|lists| lists.iter()).chain([&*SHIPPED]);
        let find = |suffix: &str| tables().find_map(|table| table.get(suffix)).cloned();
        let suffixes = std::iter::successors(Some(name.as_str()), |name| Some(name.split_once('.')?.1));
        let found = suffixes.filter_map(find).next().map(|server| (server, Listed::Domain));
        match (found, missing) {
            // What a missing list says would come before the others.
            (_, Some(error)) => Err(error),
            (Some(found), None) => Ok(found),
            (None, None) => Ok((find(".").expect("the shipped list has the root"), Listed::Root)),
        }
    }
}

/// What a server is listed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The domain of the name: it can be asked for the name.
    Domain,
    /// The root: it can be asked who can be asked.
    Root,
}

fn parse(text: &str) -> Result<Table, String> {
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let mut words = line.split_whitespace();
            let (domain, server) = words.next().zip(words.next()).ok_or(number)?;
            let domain = match domain {
                "." => ".".to_owned(),
                domain => DomainName::parse(domain.trim_start_matches('.')).map_err(|_| number)?.to_string(),
            };
            let mut server = Server::parse(server).ok_or(number)?;
            let query: Vec<&str> = words.collect();
            if !query.is_empty() {
                server.query = query.join(" ");
            }
            Ok((domain, server))
        })
        .collect::<Result<_, usize>>()
        .map_err(|number| format!("line {} is not `tld host[:port] [query]`", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::net::loopback::{client, soon};

    #[test]
    fn reads_lines() {
        assert!(parse(include_str!("servers.txt")).unwrap().len() > 50);
        let table = parse("# x\n\n.CZ whois.example\nde h:4343  -T dn %s\n. [::1]:43\nuk 127.0.0.1").unwrap();
        let server = |host: &str, port, query: &str| Server { host: host.into(), port, query: query.into() };
        assert_eq!(table["cz"], server("whois.example", 43, "%s"));
        assert_eq!(table["de"], server("h", 4343, "-T dn %s"));
        assert_eq!(table["."], server("::1", 43, "%s"));
        assert_eq!(table["uk"], server("127.0.0.1", 43, "%s"));
        for line in ["cz", "cz host:port", "cz http://x", "a..b host"] {
            assert_eq!(
                parse(&format!("#\n{line}")).unwrap_err(),
                "line 2 is not `tld host[:port] [query]`",
                "{line}"
            );
        }
    }

    #[tokio::test]
    async fn own_lists_come_before_the_shipped_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "cz 127.0.0.1:1\nco.uk 127.0.0.1:2\n. 127.0.0.1:3").unwrap();
        let servers = Servers::new(&[file.path().to_str().unwrap().to_owned()], client(&[]));
        for (name, port, listed) in [
            ("ok.cz", 1, Listed::Domain),
            ("a.co.uk", 2, Listed::Domain),
            ("a.org.uk", 43, Listed::Domain),
            ("foo.zz", 3, Listed::Root),
        ] {
            let found = servers.of(&DomainName::parse(name).unwrap(), soon()).await.unwrap();
            assert_eq!((found.0.port, found.1), (port, listed), "{name}");
        }
    }
}
