//! Several servers behind one name: two nodes, a real Redis, and a balancer in front that takes them in turns.
//!
//! Where redis-server is not installed the tests say so and pass, unless `PROXYPROBE_REQUIRE_FIELD=1`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test opens its own sockets and reads its own switches")]

#[path = "fleet/clocks.rs"]
mod clocks;
#[path = "fleet/judged.rs"]
mod judged;
#[path = "fleet/lost.rs"]
mod lost;
#[path = "fleet/nodes.rs"]
mod nodes;
#[path = "loopback/ports.rs"]
mod ports;
#[path = "loopback/program.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "fleet/store.rs"]
mod store;
