//! The web hosts of the lab: one TLS port and one plain HTTP port on many addresses.
//!
//! Decides what happens on a connection before and outside of HTTP: silence, resets, banners. Answers to requests are in
//! `answer.rs`, pages in `page.rs`. Hosts that are closed are not bound, so the kernel refuses.

mod answer;
mod old_tls;
mod page;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use self::answer::WebHost;
use super::LabError;
use super::certificates::Authority;
use super::http;
use super::listen;
use super::universe::{Host, PlainHttp, TlsMode, Universe, Web};

/// How long a client may take for its handshake or its first bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ports of the web hosts.
#[derive(Clone, Copy)]
pub struct Ports {
    pub tls: u16,
    pub http: u16,
    /// Whether `::1` exists on this machine.
    pub ipv6: bool,
}

/// Binds all web hosts and starts them. A wanted port of 0 takes a free one.
pub fn start(
    universe: &Arc<Universe>,
    authority: &Arc<Authority>,
    wanted: (u16, u16),
    tasks: &mut JoinSet<()>,
) -> Result<Ports, LabError> {
    let bound = |wanted: fn(&Host) -> bool| -> Vec<IpAddr> {
        universe.hosts.iter().filter(|host| wanted(host)).map(|host| host.at).collect()
    };
    let tls = bound(|host| host.tls != TlsMode::Closed);
    let plain = bound(|host| host.plain != PlainHttp::Closed);
    let (tls, tls_sockets) = listen::on_one_port(&tls, wanted.0, listen::tcp)?;
    let (http, http_sockets) = listen::on_one_port(&plain, wanted.1, listen::tcp)?;
    let ipv6 = tls_sockets.iter().any(|(address, _)| *address == Ipv6Addr::LOCALHOST);
    let ports = Ports { tls, http, ipv6 };

    let mut configs = HashMap::new();
    let mut sites = HashMap::new();
    for host in &universe.hosts {
        let kind = (host.certificate, host.key, host.versions);
        let config = match configs.entry(kind) {
            Entry::Occupied(made) => made.into_mut(),
            Entry::Vacant(kind) => {
                kind.insert(authority.tls(universe, host.certificate, host.key, host.versions)?)
            }
        };
        let acceptor = TlsAcceptor::from(config.clone());
        sites.insert(host.at, (Arc::new(WebHost::new(host.clone(), ports)), acceptor));
    }
    for (address, listener) in tls_sockets {
        let (site, acceptor) = sites[&address].clone();
        let authority = authority.clone();
        let handle = move |stream| tls_connection(site.clone(), authority.clone(), acceptor.clone(), stream);
        tasks.spawn(listen::accept(listener, handle));
    }
    for (address, listener) in http_sockets {
        let (site, _) = sites[&address].clone();
        tasks.spawn(listen::accept(listener, move |stream| serve_http(site.clone(), stream, false)));
    }
    Ok(ports)
}

/// A connection to the TLS port.
async fn tls_connection(
    site: Arc<WebHost>,
    authority: Arc<Authority>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
) {
    match site.host.tls {
        TlsMode::Closed => {}
        TlsMode::Silent => listen::stay_silent(stream).await,
        TlsMode::Reset => listen::reset(&stream),
        TlsMode::PlainHttp => serve_http(site, stream, false).await,
        TlsMode::Tls10 => {
            let name = site.host.at.to_string();
            let Ok(certified) = authority.issue(site.host.certificate, site.host.key, &[&name]) else {
                return;
            };
            let _ = timeout(PATIENCE, old_tls::serve(stream, &certified.cert)).await;
        }
        TlsMode::Serve => {
            let Ok(Ok(mut stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
            match &site.host.web {
                Web::Silent => listen::stay_silent(stream).await,
                Web::Banner { text } => {
                    let _ = stream.write_all(text.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
                Web::Reset => {
                    let _ = timeout(PATIENCE, stream.read(&mut [0; 1024])).await;
                    listen::reset(stream.get_ref().0);
                }
                _ => serve_http(site, stream, true).await,
            }
        }
    }
}

async fn serve_http(
    site: Arc<WebHost>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    secure: bool,
) {
    let title_case = site.title_case();
    http::serve(stream, title_case, move |request| {
        let site = site.clone();
        async move { site.answer(request.uri().path(), http::host(&request), secure) }
    })
    .await;
}
