//! Attacks on the client by whoever stands on the path, or by the server. Whatever they send: the run ends by itself and within the
//! time that its plan gives it, the report is printed and holds nothing that a terminal obeys, the client's memory stays small, and
//! the findings are those of what was met.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/certificates.rs"]
mod certificates;
#[path = "hostile/frames.rs"]
mod frames;
#[path = "hostile/heads.rs"]
mod heads;
#[path = "loopback/program.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "hostile/proxies.rs"]
mod proxies;
#[path = "hostile/relay.rs"]
mod relay;
#[path = "hostile/scripts.rs"]
mod scripts;
#[path = "hostile/streams.rs"]
mod streams;
#[path = "hostile/victim.rs"]
mod victim;
#[path = "hostile/witnesses.rs"]
mod witnesses;
