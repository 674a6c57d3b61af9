//! A zone and who serves it, as the servers of its parent say: hosts, addresses, and which of them failed lately.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hickory_proto::rr::Name;
use rand::seq::SliceRandom as _;
use tokio::time::Instant;

use crate::collect::net::dns::Answer;
use crate::collect::net::dns::cache::Keep;

/// Hosts of one zone that are kept; a zone may name any number.
pub(super) const MOST_HOSTS: usize = 16;
/// Addresses of one zone's servers that are kept.
const MOST_ADDRESSES: usize = 32;

/// What the servers of a parent say of a child.
#[derive(Debug)]
pub(super) enum Child {
    /// It is a zone of its own.
    Zone(Arc<Cut>),
    /// It is none; this holds for a while.
    Inside(Duration),
    /// There is no such name, nor one below it (RFC 8020).
    Absent(Arc<Answer>),
}

/// A referral as it was read.
#[derive(Debug)]
pub(super) struct Delegation {
    pub zone: Name,
    pub hosts: Vec<Name>,
    /// Those that came along (glue).
    pub addresses: Vec<IpAddr>,
    pub life: Duration,
    /// Whether the child itself says so, through a server that it shares with its parent.
    pub authoritative: bool,
}

/// A zone and its servers.
#[derive(Debug)]
pub(super) struct Cut {
    pub zone: Name,
    hosts: Vec<Name>,
    servers: Mutex<Vec<Server>>,
    life: Duration,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// The last time it was asked, it was of no use.
    failed: bool,
}

/// A question that a server is put.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    cut: &'a Cut,
    server: SocketAddr,
    began: Instant,
    /// How long a server may take that is not slow.
    patience: Duration,
    judged: bool,
}

impl Cut {
    /// A zone whose servers listen on `port`.
    pub fn new(delegation: Delegation, port: u16) -> Self {
        let Delegation { zone, hosts, addresses, life, .. } = delegation;
        let cut = Self { zone, hosts, servers: Mutex::default(), life };
        cut.add(addresses, port);
        cut
    }

    /// The labels of the zone's name.
    pub fn depth(&self) -> usize {
        self.zone.iter().len()
    }

    /// The known servers: those that failed last come last, IPv4 before IPv6, else by chance.
    pub fn servers(&self) -> Vec<SocketAddr> {
        let mut servers: Vec<_> = self.lock().iter().map(|server| (server.failed, server.address)).collect();
        servers.shuffle(&mut rand::rng());
        servers.sort_by_key(|(failed, address)| (*failed, address.is_ipv6()));
        servers.into_iter().map(|(_, address)| address).collect()
    }

    /// Hosts whose addresses can be asked for without asking this zone, in an order by chance.
    pub fn hosts_elsewhere(&self) -> Vec<&Name> {
        let mut hosts: Vec<_> = self.hosts.iter().filter(|host| !self.zone.zone_of(host)).collect();
        hosts.shuffle(&mut rand::rng());
        hosts
    }

    /// Adds the servers at `addresses`, and gives them.
    pub fn add(&self, addresses: Vec<IpAddr>, port: u16) -> Vec<SocketAddr> {
        let added: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address.to_canonical(), port)).collect();
        let mut servers = self.lock();
        for &address in &added {
            if servers.len() < MOST_ADDRESSES && servers.iter().all(|server| server.address != address) {
                servers.push(Server { address, failed: false });
            }
        }
        added
    }

    /// Begins a question to `server`. One that takes longer than `patience` and is overtaken has failed.
    pub fn trial(&self, server: SocketAddr, patience: Duration) -> Trial<'_> {
        Trial { cut: self, server, began: Instant::now(), patience, judged: false }
    }

    fn judge(&self, address: SocketAddr, failed: bool) {
        let mut servers = self.lock();
        if let Some(server) = servers.iter_mut().find(|server| server.address == address) {
            server.failed = failed;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Server>> {
        self.servers.lock().expect("nothing panics while it is held")
    }
}

impl Trial<'_> {
    /// The server was of use, or not.
    pub fn ends(mut self, well: bool) {
        self.judged = true;
        self.cut.judge(self.server, !well);
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.judged && self.began.elapsed() >= self.patience {
            self.cut.judge(self.server, true);
        }
    }
}

impl Keep for Child {
    fn life(&self) -> Duration {
        match self {
            Self::Zone(cut) => cut.life,
            Self::Inside(life) => *life,
            Self::Absent(denial) => denial.life(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Zone(cut) => {
                let names: usize = cut.hosts.iter().map(|host| size_of::<Name>() + host.len()).sum();
                // Further addresses may be found out later.
                size_of::<Cut>() + names + MOST_HOSTS * size_of::<Server>()
            }
            Self::Inside(_) => size_of::<Self>(),
            Self::Absent(denial) => denial.size(),
        }
    }
}
