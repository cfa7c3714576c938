//! Memory for each idle connection.

use crate::crowd::{Kind, To, open};
use crate::peer::{NO_NODE, Peer};
use crate::process::{Files, allow_descriptors, memory};
use crate::program::Serve;
use std::net::SocketAddr;
use std::time::Duration;

/// So many are measured, after so many that pay for what is there once.
const CONNECTIONS: usize = 5_000;
const FIRST: usize = 200;
/// What is needed only to begin has gone by then.
const QUIET: Duration = Duration::from_secs(3);

/// What an idle connection may take, in bytes.
fn limit(kind: Kind) -> u64 {
    match kind {
        Kind::WebSocket => 4 * 1024,
        Kind::SecureWebSocket => 13 * 1024,
        Kind::Events => 8 * 1024,
    }
}

pub(crate) fn measure() {
    allow_descriptors();
    let files = Files::new();
    println!("Memory of the server for each idle connection, at {CONNECTIONS}, its record included:");
    println!("{:20} {:>12} {:>12} {:>12}", "", "bytes", "at most", "Node");
    for kind in Kind::ALL {
        let serve = Serve::with(&[FLAGS, &["--ca-out", &files.own()]].concat());
        let url = if kind == Kind::SecureWebSocket { &serve.https } else { &serve.http };
        let ours = each(&To::new(address(url), kind, &files.own(), true), serve.child.id());
        drop(serve);
        let node = Peer::node(kind, &files).map(|peer| each(&To::new(peer.address, kind, &files.cert(), false), peer.pid()));
        let node = node.map_or("-".to_owned(), |bytes| bytes.to_string());
        let over = if ours > limit(kind) { "  over" } else { "" };
        println!("{:20} {ours:>12} {:>12} {node:>12}{over}", kind.to_string(), limit(kind));
    }
    if Peer::node(Kind::WebSocket, &files).is_none() {
        println!("Node: {NO_NODE}.");
    }
}

/// Room for all of them, in runs of some hundred.
pub(crate) const FLAGS: &[&str] =
    &["--max-connections", "19000", "--max-connections-per-address", "0", "--max-runs-per-minute", "0"];

/// The bytes by which a process grows for each connection.
fn each(to: &To, pid: u32) -> u64 {
    let first = open(to, FIRST, 1);
    std::thread::sleep(QUIET);
    let before = memory(pid);
    let all = open(to, CONNECTIONS, 2);
    std::thread::sleep(QUIET);
    let grown = memory(pid).saturating_sub(before);
    drop((first, all));
    grown / CONNECTIONS as u64
}

/// The address in a URL that a server printed.
pub(crate) fn address(url: &str) -> SocketAddr {
    url.split("//").nth(1).unwrap().parse().unwrap()
}
