//! The UDP sockets that all queries share: a few per address family, each with a random port, an id table and a reader.
//!
//! A socket per query would cost more than the query (measured: 3 to 4 times the CPU). What keeps forgers out instead:
//! a random socket and a random id per query, new sockets from time to time, and a reader that passes on only what came
//! from the server asked and repeats id and question; anything else is ignored and the true reply awaited (RFC 5452).

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::query::{Fit, Query};

/// Sockets per address family.
const PORTS: usize = 16;
/// After so many queries a socket is replaced by one with another port.
const QUERIES_PER_PORT: u32 = 8192;
/// Replies of many servers arrive while the reader's thread is busy: ask for room; the system may give less.
const RECEIVE_BUFFER: usize = 1 << 20;
/// More than the payload that queries offer; what is longer is cut off and found malformed.
const LARGEST_DATAGRAM: usize = 4096;

/// The sockets, opened when first needed.
#[derive(Debug)]
pub(super) struct Ports {
    v4: [Slot; PORTS],
    v6: [Slot; PORTS],
}

type Slot = Mutex<Option<Arc<Port>>>;

/// One open socket and its reader.
#[derive(Debug)]
struct Port {
    wire: Arc<Wire>,
    used: AtomicU32,
    reader: AbortHandle,
}

/// What the askers and the reader of a socket share.
#[derive(Debug)]
struct Wire {
    socket: UdpSocket,
    awaited: Mutex<HashMap<u16, Awaited>>,
}

/// A reply that somebody waits for.
#[derive(Debug)]
struct Awaited {
    server: SocketAddr,
    query: Arc<Query>,
    /// Taken when the reply is delivered. The entry stays until its flight ends, so that the id is not given twice.
    asker: Option<oneshot::Sender<Heard>>,
}

/// A reply that fits its query.
#[derive(Debug)]
pub(super) struct Heard {
    pub fit: Fit,
    pub bytes: Vec<u8>,
}

/// A query on its way; dropping it ends the wait.
#[derive(Debug)]
pub(super) struct Flight {
    port: Arc<Port>,
    server: SocketAddr,
    query: Arc<Query>,
    reply: oneshot::Receiver<Heard>,
}

impl Ports {
    pub fn new() -> Self {
        Self { v4: Default::default(), v6: Default::default() }
    }

    /// Gives `query` a socket and a free id. Nothing is sent yet.
    pub fn take_off(&self, server: SocketAddr, mut query: Query) -> io::Result<Flight> {
        let port = self.port(server)?;
        let (asker, reply) = oneshot::channel();
        let query = {
            let mut awaited = port.wire.awaited();
            // Ends soon: the exchange keeps far fewer queries in flight than there are ids.
            while awaited.contains_key(&query.id()) {
                query.set_id(rand::random());
            }
            let query = Arc::new(query);
            awaited.insert(query.id(), Awaited { server, query: query.clone(), asker: Some(asker) });
            query
        };
        Ok(Flight { port, server, query, reply })
    }

    fn port(&self, server: SocketAddr) -> io::Result<Arc<Port>> {
        let slots = if server.is_ipv4() { &self.v4 } else { &self.v6 };
        let mut slot = slots[rand::random_range(0..PORTS)].lock().expect("opening a socket does not panic");
        if let Some(port) = &*slot
            // The reader ends with its runtime; an embedding program may start another one.
            && !port.reader.is_finished()
            && port.used.fetch_add(1, Ordering::Relaxed) < QUERIES_PER_PORT
        {
            return Ok(port.clone());
        }
        let port = Arc::new(Port::open(server)?);
        *slot = Some(port.clone());
        Ok(port)
    }
}

impl Port {
    fn open(server: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        let any: SocketAddr = if server.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            socket.set_only_v6(true)?;
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&any.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let wire = Arc::new(Wire { socket, awaited: Mutex::default() });
        let reader = tokio::spawn(wire.clone().read()).abort_handle();
        Ok(Self { wire, used: AtomicU32::new(1), reader })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Wire {
    fn awaited(&self) -> MutexGuard<'_, HashMap<u16, Awaited>> {
        self.awaited.lock().expect("nothing panics while the table is held")
    }

    async fn read(self: Arc<Self>) {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => self.deliver(from, &buffer[..length]),
                Err(error) => {
                    tracing::debug!(%error, "receiving from a DNS socket failed");
                    // A fault that lasts must not make the reader spin.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn deliver(&self, from: SocketAddr, datagram: &[u8]) {
        let Some(id) = datagram.first_chunk() else { return };
        let mut awaited = self.awaited();
        let Some(entry) = awaited.get_mut(&u16::from_be_bytes(*id)) else { return };
        // Not compared as a whole: an IPv6 socket address also has a flow label.
        if (from.ip(), from.port()) != (entry.server.ip(), entry.server.port()) {
            return;
        }
        if let Some(fit) = entry.query.fit(datagram)
            && let Some(asker) = entry.asker.take()
        {
            // An asker that has gone meanwhile needs no reply.
            let _ = asker.send(Heard { fit, bytes: datagram.to_vec() });
        }
    }
}

impl Flight {
    /// Sends the query and waits for the reply. To send it again, cancel and call anew: the same bytes leave from the
    /// same port, so that a late reply still fits and a forger gains no second id to guess.
    pub async fn ask(&mut self) -> io::Result<Heard> {
        self.port.wire.socket.send_to(self.query.bytes(), self.server).await?;
        Ok((&mut self.reply).await.expect("the table keeps the sender for as long as the flight lasts"))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.port.wire.awaited().remove(&self.query.id());
    }
}
