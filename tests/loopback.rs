//! The real binary on real sockets: exit codes, signals, TLS, bad input, hostile peers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, and talks to what it started"
)]

#[path = "loopback/also.rs"]
mod also;
#[path = "loopback/application.rs"]
mod application;
#[path = "loopback/commands.rs"]
mod commands;
#[path = "loopback/compared.rs"]
mod compared;
#[path = "loopback/hostile.rs"]
mod hostile;
#[path = "loopback/lab.rs"]
mod lab;
#[path = "loopback/limits.rs"]
mod limits;
#[path = "loopback/ports.rs"]
mod ports;
#[path = "loopback/program.rs"]
mod program;
#[path = "loopback/reaching.rs"]
mod reaching;
#[path = "loopback/reports.rs"]
mod reports;
#[path = "loopback/secrets.rs"]
mod secrets;
#[path = "loopback/serving.rs"]
mod serving;
#[path = "loopback/signals.rs"]
mod signals;
#[path = "loopback/signing_in.rs"]
mod signing_in;
#[path = "loopback/ways.rs"]
mod ways;
