//! The HTTPS services of the lab, RDAP and NERD, behind one port and one certificate; each has an address of its own.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificates::Authority;
use super::universe::{NERD, NERD_HOST, RDAP, Universe};
use super::{LabError, http, listen, nerd, rdap};

/// Starts the services; returns their port.
pub fn start(
    universe: &Arc<Universe>,
    authority: &Authority,
    port: u16,
    tasks: &mut JoinSet<()>,
) -> Result<u16, LabError> {
    let mut hosts: Vec<String> = universe.rdap_hosts().chain([NERD_HOST.to_owned()]).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let acceptor = TlsAcceptor::from(authority.service_tls(&hosts)?);
    let addresses = [IpAddr::from(RDAP), IpAddr::from(NERD)];
    let (port, listeners) = listen::on_one_port(&addresses, port, listen::tcp)?;
    for (address, listener) in listeners {
        let (acceptor, universe) = (acceptor.clone(), universe.clone());
        tasks.spawn(listen::accept(listener, move |stream| {
            let (acceptor, universe) = (acceptor.clone(), universe.clone());
            async move {
                // Whatever went wrong with the handshake, the client has been told.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = move |request| {
                    let universe = universe.clone();
                    async move {
                        if address == NERD {
                            nerd::answer(&universe, request).await
                        } else {
                            rdap::answer(&universe, port, &request).await
                        }
                    }
                };
                http::serve(stream, false, answer).await;
            }
        }));
    }
    Ok(port)
}
