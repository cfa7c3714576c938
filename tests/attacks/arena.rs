//! A server, an attack on it, and a client that behaves.

use crate::program::{Ran, Serve, check};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One attack at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Waits until no other attack is under way.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the client beside may add: it runs before the attack as well, so that most of it is there already.
const CLIENT_KIB: u64 = 4 * 1024;
/// What a connection may take at its worst (docs/serve.md).
pub(crate) const CONNECTION_KIB: u64 = 96;
/// What a single hostile connection may take, whatever it sends.
pub(crate) const HOSTILE_KIB: u64 = 2 * 1024;
/// From where attackers come, where it matters that they are not where the client is.
pub(crate) const ELSEWHERE: [[u8; 4]; 3] = [[127, 0, 0, 2], [127, 0, 0, 3], [127, 0, 0, 4]];

/// What an attacker does until the attack is over, by its name.
pub(crate) type Attack = (&'static str, fn(&Arena));

/// What an attacker knows.
pub(crate) struct Arena {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    over: AtomicBool,
    blows: AtomicU64,
}

impl Arena {
    /// Against this server.
    pub(crate) fn of(serve: &Serve) -> Self {
        let address = |url: &str| url.split("//").nth(1).unwrap().parse().unwrap();
        let (http, https) = (address(&serve.http), address(&serve.https));
        Self { http, https, over: AtomicBool::new(false), blows: AtomicU64::new(0) }
    }

    /// The attack is over.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether the attack goes on: until the client's run has ended.
    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Counts something that the attacker did. Then it takes a breath: both ends are this one machine.
    pub(crate) fn blow(&self) {
        self.blows.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }

    /// Opens a connection to the cleartext leg.
    pub(crate) fn connect(&self) -> TcpStream {
        from([127, 0, 0, 1], self.http).unwrap()
    }

    /// The id and the key of a new run.
    pub(crate) fn begin(&self) -> (String, String) {
        let answer = self.get("/v1/run/aa");
        let start: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
        (start["run"].as_str().unwrap().to_owned(), start["key"].as_str().unwrap().to_owned())
    }

    /// Asks, and reads the answer to its end.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A WebSocket of the run, after its 101.
    pub(crate) fn websocket(&self, run: &str, nonce: &str) -> TcpStream {
        let mut stream = self.connect();
        let key = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        write!(stream, "GET /v1/{run}/{nonce}/upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n{key}\r\n\r\n").unwrap();
        let head = crate::program::read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream
    }
}

/// A connection from this address; a peer that does not answer does not stop the test.
pub(crate) fn from(address: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((address, 0)).into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(20))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Lets a client run while the server is attacked by all of these, and asserts that it is judged rightly and that the server grows by
/// no more than so much beyond what the client costs.
pub(crate) fn beside(flags: &[&str], grows_kib: u64, attacks: &[&(dyn Fn(&Arena) + Sync)]) {
    let _alone = alone();
    let serve = Serve::with(flags);
    let arena = Arena::of(&serve);
    let pid = serve.child.id();
    let behaves = || check(&["--pin", &serve.pin, &serve.https]);
    assert_eq!(behaves().code, 0, "before the attack");
    let mut ran = None;
    let grown = grown(pid, || {
        ran = Some(std::thread::scope(|all| {
            let attackers: Vec<_> = attacks.iter().map(|attack| all.spawn(|| attack(&arena))).collect();
            // The client begins when the attack is under way; an attacker who has failed is no attack.
            while arena.blows.load(Ordering::Relaxed) < 50 && !attackers.iter().any(|one| one.is_finished()) {
                std::thread::yield_now();
            }
            let ran = behaves();
            arena.end();
            ran
        }))
    });
    let ran = ran.unwrap();
    let report = ran.json();
    assert_eq!(blamed(&ran), Vec::<Value>::new());
    // Where the machine had no time for its timers the run says so itself, and concludes nothing.
    let late = ["client_lag_ms", "server_lag_ms"].iter().any(|lag| report["circumstances"][lag].as_u64() > Some(100));
    assert!(ran.code == 0 || late, "{}: {:?}", ran.code, ran.codes());
    assert!(grown <= grows_kib + CLIENT_KIB, "it grew by {grown} KiB, of {grows_kib} and {CLIENT_KIB}");
}

/// The KiB by which a process grows at most while something happens.
pub(crate) fn grown(pid: u32, happens: impl FnOnce()) -> u64 {
    let before = kib(pid, "VmRSS");
    // The highest mark begins anew (proc(5), clear_refs).
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    happens();
    kib(pid, "VmHWM").saturating_sub(before)
}

/// The findings that blame the network for something.
pub(crate) fn blamed(ran: &Ran) -> Vec<Value> {
    let found = ran.json()["findings"].as_array().unwrap().clone();
    found.into_iter().filter(|f| f["outcome"] == "broken" || f["outcome"] == "degraded").collect()
}

/// A figure of a process in KiB (proc(5), status).
pub(crate) fn kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
