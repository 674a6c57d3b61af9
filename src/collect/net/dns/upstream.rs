//! How a recursive resolver is written in the configuration: where it is, and what it is spoken to over.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A recursive resolver: `192.0.2.1`, `[2001:db8::1]:5353`, `tcp://192.0.2.1`, `tls://192.0.2.1#dns.example`,
/// `https://192.0.2.1/dns-query#dns.example`.
///
/// The name after `#` is the one that its certificate must hold; without one, it must hold the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it is.
    pub address: SocketAddr,
    /// What it is spoken to over.
    pub transport: Transport,
}

/// What a resolver is spoken to over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams, and TCP where they do not suffice (RFC 1035 section 4.2).
    Udp,
    /// A TCP connection that stays (RFC 7766).
    Tcp,
    /// TLS (RFC 7858).
    Tls {
        /// Whom the certificate must name.
        name: String,
    },
    /// HTTP/2 (RFC 8484).
    Https {
        /// Whom the certificate must name.
        name: String,
        /// The path of the URL, with its slash.
        path: String,
    },
}

/// Why a text names no resolver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Something else than the four.
    #[error("{0:?} is none of udp, tcp, tls, https")]
    Scheme(String),
    /// A name, or nothing: names cannot be looked up before there is a resolver.
    #[error("{0:?} is no address; write it as https://192.0.2.1/dns-query#dns.example")]
    Address(String),
    /// A part that this transport does not have.
    #[error("a resolver over {0} has no {1}")]
    Surplus(&'static str, &'static str),
}

/// The path that RFC 8484 uses in its examples, and nearly everybody since.
const PATH: &str = "/dns-query";

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Udp }
    }
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let (rest, name) = rest.split_once('#').map_or((rest, None), |(rest, name)| (rest, Some(name)));
        let (at, path) = rest.find('/').map_or((rest, None), |slash| (&rest[..slash], Some(&rest[slash..])));
        let (scheme, port) = match scheme {
            "udp" => ("udp", 53),
            "tcp" => ("tcp", 53),
            "tls" => ("tls", 853),
            "https" => ("https", 443),
            other => return Err(UpstreamError::Scheme(other.to_owned())),
        };
        let address = address(at, port).ok_or_else(|| UpstreamError::Address(at.to_owned()))?;
        if path.is_some() && scheme != "https" {
            return Err(UpstreamError::Surplus(scheme, "path"));
        }
        if name.is_some() && !matches!(scheme, "tls" | "https") {
            return Err(UpstreamError::Surplus(scheme, "name"));
        }
        let name = name.map_or_else(|| address.ip().to_string(), str::to_owned);
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls { name },
            _ => Transport::Https { name, path: path.unwrap_or(PATH).to_owned() },
        };
        Ok(Self { address, transport })
    }
}

/// An address with or without port; IPv6 in brackets if there is one.
fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
    ip.or_else(|| text.parse().ok())
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match &self.transport {
            Transport::Udp => write!(f, "{address}"),
            Transport::Tcp => write!(f, "tcp://{address}"),
            Transport::Tls { name } => write!(f, "tls://{address}#{name}"),
            Transport::Https { name, path } => write!(f, "https://{address}{path}#{name}"),
        }
    }
}

impl Serialize for Upstream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_or_refused() {
        for (text, shown) in [
            ("192.0.2.1:5353", Ok("192.0.2.1:5353")),
            ("192.0.2.1", Ok("192.0.2.1:53")),
            ("udp://192.0.2.1", Ok("192.0.2.1:53")),
            ("2001:db8::1", Ok("[2001:db8::1]:53")),
            ("tcp://[2001:db8::1]", Ok("tcp://[2001:db8::1]:53")),
            ("tls://192.0.2.1", Ok("tls://192.0.2.1:853#192.0.2.1")),
            ("tls://[2001:db8::1]:8853#dns.example", Ok("tls://[2001:db8::1]:8853#dns.example")),
            ("https://192.0.2.1#dns.example", Ok("https://192.0.2.1:443/dns-query#dns.example")),
            ("https://192.0.2.1:444/x/y#dns.example", Ok("https://192.0.2.1:444/x/y#dns.example")),
            ("", Err(UpstreamError::Address(String::new()))),
            ("dns.example", Err(UpstreamError::Address("dns.example".into()))),
            ("https://dns.example/dns-query", Err(UpstreamError::Address("dns.example".into()))),
            ("quic://192.0.2.1", Err(UpstreamError::Scheme("quic".into()))),
            ("tls://192.0.2.1/dns-query", Err(UpstreamError::Surplus("tls", "path"))),
            ("192.0.2.1#dns.example", Err(UpstreamError::Surplus("udp", "name"))),
        ] {
            let read = text.parse::<Upstream>();
            assert_eq!(read.clone().map(|read| read.to_string()), shown.map(str::to_owned), "{text}");
            if let Ok(read) = read {
                assert_eq!(read.to_string().parse(), Ok(read), "{text}");
            }
        }
    }
}
