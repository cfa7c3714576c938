//! The field ring: real products, the real binary, real sockets on loopback (and, as root, in network namespaces).
//!
//! Each test starts what it needs with ports, a directory and a configuration of its own, and stops it by its process id. A product
//! that is not installed is named on stderr and its tests pass, unless `PROXYPROBE_REQUIRE_FIELD=1`. `PROXYPROBE_FIELD_REPORTS=DIR` keeps every
//! report as JSON.
#![expect(
    clippy::disallowed_methods,
    reason = "a test opens its own sockets, reads its own switches and times its own processes"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[cfg(unix)]
mod also;
#[cfg(unix)]
#[path = "../loopback/application.rs"]
mod application;
#[cfg(unix)]
mod haproxy;
#[cfg(unix)]
mod harness;
#[cfg(unix)]
mod inspection;
#[cfg(unix)]
mod killed;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod namespaces;
#[cfg(unix)]
mod nginx;
#[cfg(unix)]
mod page;
#[cfg(unix)]
mod path;
#[cfg(unix)]
#[path = "../loopback/ports.rs"]
mod ports;
#[cfg(unix)]
mod products;
#[cfg(unix)]
mod relay;
#[cfg(unix)]
mod rows;
#[cfg(unix)]
mod sign_in;
#[cfg(unix)]
mod socks;
#[cfg(unix)]
mod squid;
#[cfg(unix)]
mod system;
#[cfg(unix)]
mod tables;
#[cfg(unix)]
mod tls_proxy;
