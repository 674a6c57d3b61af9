//! `hosts.yaml`: the web hosts of the lab, by address. What a field means is said there.
//!
//! Decides nothing: `web/` serves them, `certificates.rs` issues what they show.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// A line of `hosts.yaml`: one or more web hosts that behave alike.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub at: IpAddr,
    #[serde(default = "once")]
    pub count: u8,
    /// Whether ordinary names are put here.
    #[serde(default)]
    pub pool: bool,
    #[serde(default)]
    pub tls: TlsMode,
    #[serde(default)]
    pub certificate: Chain,
    #[serde(default)]
    pub key: Key,
    #[serde(default)]
    pub versions: Versions,
    #[serde(default)]
    pub web: Web,
    #[serde(default)]
    pub plain: PlainHttp,
}

fn once() -> u8 {
    1
}

/// What the TLS port of a host does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    #[default]
    Serve,
    Closed,
    Silent,
    Reset,
    PlainHttp,
    /// TLS 1.0 and nothing newer, as far as the certificates.
    Tls10,
}

/// Which certificates a host shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// A leaf for the asked name and the authority that signed it.
    #[default]
    Valid,
    SelfSigned,
    Expired,
    WrongName,
    Long,
}

/// The key of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    #[default]
    P256,
    P384,
    Ed25519,
    Rsa,
}

/// The protocol versions of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versions {
    #[default]
    Both,
    Tls12,
    Tls13,
}

/// What the plain HTTP port of a host does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlainHttp {
    /// Redirects to HTTPS.
    #[default]
    Redirect,
    /// The page of the host.
    Page,
    Closed,
}

/// What a host answers to `GET /`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "answer")]
pub enum Web {
    /// A page made of a template with so many items.
    Page {
        template: Template,
        #[serde(default)]
        items: usize,
        #[serde(default)]
        charset: Option<String>,
        #[serde(default)]
        declared: Declared,
        #[serde(default)]
        chunked: bool,
        /// Whether the body is compressed (gzip).
        #[serde(default)]
        compressed: bool,
    },
    /// 302; other paths have a page. `{host}`, `{tls}` and `{http}` stand for the asked host and the ports.
    Redirect { to: String },
    /// So many redirects in a row.
    Hops { count: u32 },
    /// Redirects to itself.
    Loop,
    /// A status with a text.
    Status {
        code: u16,
        #[serde(default)]
        text: String,
    },
    /// Nothing.
    Silent,
    /// Bytes that are not HTTP.
    Banner { text: String },
    /// A reset after the request.
    Reset,
}

impl Default for Web {
    fn default() -> Self {
        Self::Page {
            template: Template::Company,
            items: 4,
            charset: None,
            declared: Declared::InHeader,
            chunked: false,
            compressed: false,
        }
    }
}

/// A page: `data/pages/<template>.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    Shop,
    News,
    Company,
    Parked,
    Login,
}

/// Where the charset of a page is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declared {
    #[default]
    InHeader,
    InPage,
}

impl Host {
    /// The hosts of a line: as many as it counts, on the addresses that follow.
    pub fn repeated(self) -> impl Iterator<Item = Host> {
        (0..self.count).map(move |n| Host { at: following(self.at, n), ..self.clone() })
    }
}

fn following(address: IpAddr, n: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() + u32::from(n)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() + u128::from(n)).into(),
    }
}
