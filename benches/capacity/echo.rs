//! What an echo costs the server.

use crate::crowd::{Kind, masked, nonce};
use crate::idle::{FLAGS, address};
use crate::peer::{NO_NODE, Peer};
use crate::process::busy;
use crate::program::Serve;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 50;
/// The bytes of a message: a client's head is 6 bytes more, a server's 2 (RFC 6455 section 5.2).
const BYTES: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const ROUND: Duration = Duration::from_secs(4);
const ROUNDS: usize = 5;
/// Below this share of a processor the clock of ticks says too little.
const LEAST_SHARE: f64 = 0.15;

/// What the server is to reach, in round trips for each second of its time.
const AT_LEAST: f64 = 100_000.0;
const TIMES_NODE: f64 = 1.5;

pub(crate) fn measure() {
    let files = crate::process::Files::new();
    // Nothing of a run may stop it.
    let flags = [FLAGS, &["--max-sent-bytes", "100000000000"]].concat();
    let serve = Serve::with(&flags);
    let ours = Target { address: address(&serve.http), pid: serve.child.id(), ours: true };
    let peer = Peer::node(Kind::WebSocket, &files);
    let node = peer.as_ref().map(|peer| Target { address: peer.address, pid: peer.pid(), ours: false });
    let (mut of_ours, mut of_node) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_ours.extend(ours.round());
        of_node.extend(node.as_ref().and_then(Target::round));
    }
    println!("Echoes of {BYTES} bytes on {CONNECTIONS} WebSockets, round trips for each second of the server's processor time:");
    println!("{:20} {:>12} {:>12} {:>12}", "", "median", "best", "at least");
    let of_ours = row("proxyprobe serve", of_ours, &format!("{AT_LEAST:.0}"));
    match node {
        None => println!("Node's ws: {NO_NODE}."),
        Some(_) => {
            let of_node = row("Node's ws", of_node, "");
            println!("{:20} {:>12.2} {:>12} {TIMES_NODE:>12.2}", "ratio", of_ours / of_node, "");
        }
    }
}

fn row(name: &str, mut rounds: Vec<f64>, least: &str) -> f64 {
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN);
    let best = rounds.last().copied().unwrap_or(f64::NAN);
    println!("{name:20} {median:>12.0} {best:>12.0} {least:>12}");
    median
}

struct Target {
    address: SocketAddr,
    pid: u32,
    ours: bool,
}

impl Target {
    /// One round; none where the server had too little time in it.
    fn round(&self) -> Option<f64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let run = if self.ours { self.begin().await } else { String::new() };
            let (count, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
            let mut all = tokio::task::JoinSet::new();
            for number in 0..CONNECTIONS {
                let path = if self.ours { format!("/v1/{run}/{}/zombie", nonce(number)) } else { "/".to_owned() };
                all.spawn(talk(self.address, path, number, count.clone(), over.clone(), self.ours));
            }
            tokio::time::sleep(WARM_UP).await;
            let (before, from) = (busy(self.pid), count.load(Ordering::Relaxed));
            tokio::time::sleep(ROUND).await;
            let (used, done) = (busy(self.pid) - before, count.load(Ordering::Relaxed) - from);
            over.store(true, Ordering::Relaxed);
            while let Some(ended) = all.join_next().await {
                ended.unwrap();
            }
            (used >= LEAST_SHARE * ROUND.as_secs_f64()).then(|| done as f64 / used)
        })
    }

    /// The name of a new run.
    async fn begin(&self) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"GET /v1/run/ab HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned()
    }
}

/// Sends a message, waits for its echo, and sends the next.
async fn talk(to: SocketAddr, path: String, number: usize, count: Arc<AtomicU64>, over: Arc<AtomicBool>, greeted: bool) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begun = Vec::new();
    while !begun.ends_with(b"\r\n\r\n") {
        begun.push(stream.read_u8().await.unwrap());
    }
    if greeted {
        let mut head = [0; 2];
        stream.read_exact(&mut head).await.unwrap();
        let mut greeting = vec![0; usize::from(head[1])];
        stream.read_exact(&mut greeting).await.unwrap();
    }
    let word = nonce(number);
    let text = format!("frame 1 1 {word} {BYTES} ") + &word.repeat(BYTES);
    let message = masked(&text[..BYTES]);
    let mut echo = [0; BYTES + 2];
    while !over.load(Ordering::Relaxed) {
        stream.write_all(&message).await.unwrap();
        stream.read_exact(&mut echo).await.unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    }
    let expected = if greeted { &b"echo 1 "[..] } else { &b"frame 1 "[..] };
    assert!(echo[2..].starts_with(expected), "{echo:?}");
}
