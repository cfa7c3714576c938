//! How bytes get out of this machine; the only place that dials.

mod connect;
pub(crate) mod fuzz;
mod gate;
mod machine;
pub mod pac;
pub mod proxy;
mod resolve;
mod route;
pub mod secret;
mod settings;
mod settle;
mod sign_in;
mod socks;
mod store;
mod system;
mod tcp;
pub mod tls;

pub use machine::Here;
pub use resolve::{Family, Pinned};
pub use route::{Elsewhere, Route, RouteOptions, Target};
pub use settings::{Proxies, Said, Setting, Source, Variables};
pub use settle::Taken;
pub use sign_in::{Scheme, SignIn};
pub use store::StoreDoor;
pub use system::settings as system_settings;
pub use tcp::{System, adopt};

use proxyprobe_probes::io::{BoxFuture, Io};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The layer below everything: names and sockets, or names and pipes.
pub trait Network: Send + Sync {
    /// The addresses of a name, best first.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;

    /// Opens a connection; with it comes the local address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<(Io, SocketAddr)>>;

    /// The local address that would be used towards `address`, to notice a change of network.
    fn local_towards(&self, address: SocketAddr) -> Option<std::net::IpAddr>;

    /// Sends a datagram, again each `again` until one comes back, and gives that.
    fn ask_by_datagram(&self, _address: SocketAddr, _question: Vec<u8>, _again: Duration) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    /// The interfaces of this machine, where it has real ones.
    fn interfaces(&self) -> Vec<Here> {
        Vec::new()
    }
}
