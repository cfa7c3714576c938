//! Attacks on the server, each beside a client that behaves: its run ends with the right verdict, and the server's memory stays
//! below what docs/serve.md says.
//!
//! One at a time: the machine that attacks is the one that is attacked, and a machine without time left is a bad witness.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "attacks/abandoned_runs.rs"]
mod abandoned_runs;
#[path = "attacks/arena.rs"]
mod arena;
#[path = "attacks/compression_bombs.rs"]
mod compression_bombs;
#[path = "attacks/connection_flood.rs"]
mod connection_flood;
#[path = "attacks/continuation_flood.rs"]
mod continuation_flood;
#[path = "attacks/control_floods.rs"]
mod control_floods;
#[path = "attacks/endless_polls.rs"]
mod endless_polls;
#[path = "attacks/frames.rs"]
mod frames;
#[path = "attacks/guessed_ids.rs"]
mod guessed_ids;
#[path = "attacks/h2.rs"]
mod h2;
#[path = "attacks/half_open.rs"]
mod half_open;
#[path = "attacks/many_streams.rs"]
mod many_streams;
#[path = "attacks/one_connection.rs"]
mod one_connection;
#[path = "loopback/program.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod program;
#[path = "attacks/rapid_reset.rs"]
mod rapid_reset;
#[path = "attacks/slow_heads.rs"]
mod slow_heads;
#[path = "attacks/slow_reads.rs"]
mod slow_reads;
