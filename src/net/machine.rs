//! This machine's own part in the way: interfaces, a proxy on loopback, settings that contradict each other, an address family that
//! fails.

use super::Route;
use proxyprobe_probes::failure::{Failure, Kind, Operation};
use proxyprobe_probes::reach::machine::{Family, Interface, Machine};
use proxyprobe_probes::transport::Leg;
use proxyprobe_probes::untrusted::Untrusted;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long an address may take to connect: two retransmissions of a SYN (1 s + 2 s, RFC 6298) on a path that is fast enough for calls.
const CONNECT: Duration = Duration::from_millis(3_500);

/// An interface of this machine, with one of its addresses.
#[derive(Clone, Debug)]
pub struct Here {
    /// Its address.
    pub address: IpAddr,
    /// What is said of it.
    pub interface: Interface,
}

/// The interfaces of this machine that are up.
pub(super) fn interfaces() -> Vec<Here> {
    // Without the list, nothing is said of interfaces.
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let up = all.into_iter().filter(|one| one.is_oper_up() && !one.is_loopback());
    up.map(|one| {
        let tunnel = one.is_p2p() || is_tunnel(&one.name);
        Here { address: one.ip(), interface: Interface { name: Untrusted::new(&one.name), tunnel } }
    })
    .collect()
}

/// How the names of tunnels begin that the system shows as an Ethernet: TAP devices, and the adapters of VPN clients.
const TUNNELS: &[&str] =
    &["tap", "tun", "utun", "wg", "ppp", "ipsec", "gpd", "cscotun", "zt", "openvpn", "wireguard", "nordlynx", "tailscale"];
/// And what stands somewhere in them.
const NAMED: &[&str] = &["vpn", "anyconnect", "pangp", "globalprotect", "zscaler", "fortinet", "fortissl", "wan miniport"];

fn is_tunnel(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TUNNELS.iter().any(|start| name.starts_with(start)) || NAMED.iter().any(|part| name.contains(part))
}

impl Route {
    /// What of this machine lies on the way of a leg. It connects to the other address family of what is dialled, where there is
    /// one, and closes the connection at once.
    pub async fn machine(&self, leg: Leg) -> Machine {
        let target = self.target();
        let proxy = self.proxy(leg);
        let (host, port) = match &proxy {
            Some(proxy) => (proxy.host.clone(), proxy.port),
            None => (target.host.clone(), target.port(leg).unwrap_or(leg.default_port())),
        };
        let local = self.local_address(leg).await;
        let all = self.network.interfaces();
        let own = all.iter().find(|here| Some(here.address) == local).map(|here| here.interface.clone());
        let mut other_tunnels: Vec<Untrusted> = all
            .into_iter()
            .filter(|here| here.interface.tunnel && own.as_ref().is_none_or(|own| own.name != here.interface.name))
            .map(|here| here.interface.name)
            .collect();
        other_tunnels.sort();
        other_tunnels.dedup();
        let here = |host: &str, address: Option<IpAddr>| {
            host == "localhost" || address.or(host.parse().ok()).is_some_and(|address| address.is_loopback())
        };
        let address = self.options.pinned.kept(&host).await;
        let proxy_here = proxy.filter(|proxy| here(&proxy.host, address) && !here(&target.host, None));
        Machine {
            interface: own,
            other_tunnels,
            proxy_here: proxy_here.map(|proxy| Untrusted::new(&proxy.address())),
            settings: self.options.proxies.said(leg),
            families: self.families(&host, port).await,
        }
    }

    /// Tries the first address of each family, where the host has both.
    async fn families(&self, host: &str, port: u16) -> Vec<Family> {
        let addresses = match timeout(CONNECT, self.options.pinned.free(host, port)).await {
            Ok(addresses) => addresses,
            Err(_) => return Vec::new(),
        };
        let first = |wanted: fn(&&SocketAddr) -> bool| addresses.iter().find(wanted).copied();
        let (Some(v4), Some(v6)) = (first(|address| address.is_ipv4()), first(|address| address.is_ipv6())) else {
            return Vec::new();
        };
        if v4.ip().is_loopback() || v6.ip().is_loopback() {
            return Vec::new();
        }
        let (v4, v6) = tokio::join!(self.try_address("ipv4", v4), self.try_address("ipv6", v6));
        vec![v4, v6]
    }

    async fn try_address(&self, family: &str, address: SocketAddr) -> Family {
        let begun = Instant::now();
        let kind = match timeout(CONNECT, self.network.connect(address)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some((Kind::of_io(&error), error.to_string())),
            Err(_) => Some((Kind::TimedOut, String::new())),
        };
        let peer = Untrusted::new(&address.to_string());
        let failure = kind.map(|(kind, detail)| Failure {
            operation: Operation::Connect,
            kind,
            peer: peer.clone(),
            detail: Untrusted::new(&detail),
        });
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Family { family: family.to_owned(), address: peer, took_ms, failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_known_by_their_names() {
        for name in ["tun0", "utun3", "wg-corp", "Cisco AnyConnect Virtual Miniport", "PANGP Virtual Ethernet Adapter", "tap0"] {
            assert!(is_tunnel(name), "{name}");
        }
        for name in ["eth0", "en0", "wlan0", "Ethernet 2", "docker0", "Wi-Fi", "veth1", "br0"] {
            assert!(!is_tunnel(name), "{name}");
        }
    }
}
