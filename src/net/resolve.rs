//! Names are resolved once, and one address is kept for the whole run: rungs on different addresses cannot be compared.

use super::Network;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::io::Io;
use proxyprobe_probes::untrusted::Untrusted;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Which addresses may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// As they come.
    #[default]
    Any,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// The addresses that a run keeps to; a clone keeps to the same ones.
#[derive(Clone)]
pub struct Pinned {
    network: Arc<dyn Network>,
    family: Family,
    overrides: BTreeMap<(String, u16), IpAddr>,
    kept: Arc<Mutex<BTreeMap<String, IpAddr>>>,
}

impl Pinned {
    /// With the user's own entries for certain hosts and ports.
    pub fn new(network: Arc<dyn Network>, family: Family, overrides: BTreeMap<(String, u16), IpAddr>) -> Self {
        Self { network, family, overrides, kept: Arc::default() }
    }

    /// Opens a connection to a host. The first address that answers is kept for the rest of the run.
    ///
    /// # Errors
    /// When the name has no address or none of them answers.
    pub async fn connect(&self, host: &str, port: u16, operation: Operation) -> Result<(Io, SocketAddr, SocketAddr), Failure> {
        let peer = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let fail = |operation, kind, detail: &str, peer: &str| Failure {
            operation,
            kind,
            peer: Untrusted::new(peer),
            detail: Untrusted::new(detail),
        };
        let kept = self.kept.lock().await.get(host).copied();
        let candidates = match self.overrides.get(&(host.to_owned(), port)).copied().or(kept) {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => self
                .look_up(host, port)
                .await
                .map_err(|error| fail(name_of(operation), Kind::NameNotFound, &error.to_string(), host))?,
        };
        if candidates.is_empty() {
            let detail = match self.family {
                Family::V4 => "it has no IPv4 address",
                Family::V6 => "it has no IPv6 address",
                Family::Any => "",
            };
            return Err(fail(name_of(operation), Kind::NameNotFound, detail, host));
        }
        let mut last = None;
        for address in candidates {
            match self.network.connect(address).await {
                Ok((io, local)) => {
                    self.kept.lock().await.insert(host.to_owned(), address.ip());
                    return Ok((io, local, address));
                }
                Err(error) => {
                    let name = if host.parse::<IpAddr>().is_ok() { peer.clone() } else { format!("{peer} ({})", address.ip()) };
                    last = Some(fail(operation, Kind::of_io(&error), &error.to_string(), &name));
                }
            }
        }
        Err(last.unwrap_or_else(|| fail(operation, Kind::Other, "", &peer)))
    }

    /// All addresses of a host, where the choice among them is free: it is a name, and no flag names an address or a family.
    pub(super) async fn free(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        let bound = self.family != Family::Any || self.overrides.contains_key(&(host.to_owned(), port));
        if bound || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Vec::new();
        }
        self.look_up(host, port).await.unwrap_or_default()
    }

    /// The address that was kept for a host.
    pub async fn kept(&self, host: &str) -> Option<IpAddr> {
        self.kept.lock().await.get(host).copied()
    }

    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let allowed = |address: &SocketAddr| match self.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok([SocketAddr::new(address, port)].into_iter().filter(allowed).collect());
        }
        Ok(self.network.resolve(host, port).await?.into_iter().filter(allowed).collect())
    }
}

/// The name of a proxy or of a script that has no address is not the server's trouble.
fn name_of(operation: Operation) -> Operation {
    if operation == Operation::Connect { Operation::Resolve } else { operation }
}
