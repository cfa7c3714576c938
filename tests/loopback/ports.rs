//! Ports for what a test starts.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first of the ports that are given away.
const FIRST: u32 = 20_000;
/// How many they are: all lie below those that systems give to clients (from 32,768 on Linux), so that no connection takes one between
/// the moment it is chosen and the moment its server listens.
const PORTS: u32 = 12_000;

/// A port that nobody uses, and that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // The rings of two processes begin at different ports.
    let offered = (0..PORTS).map(|_| FIRST + std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS);
    offered.filter_map(|port| u16::try_from(port).ok()).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}
