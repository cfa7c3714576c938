//! What the server allows, and why so much.

use std::time::Duration;

/// The limits of a server. docs/serve.md has the same numbers and reasons for operators.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, below the usual limit of 20,000 file descriptors with room for everything else.
    pub connections: usize,
    /// Connections at once of one address (of IPv6, one /64 network). Thirty people behind one address at a hundred and thirty
    /// each; a standard run has 130, at most 67 of them at once. None: addresses are not told apart.
    pub address_connections: Option<usize>,
    /// Runs at once, those that are over and still kept among them: seven standard runs begin in each second of five minutes.
    pub runs: usize,
    /// Runs that one address begins in a minute: thirty people with quick runs of five seconds, again and again. None: addresses
    /// are not told apart.
    pub address_runs: Option<u32>,
    /// Requests of one run that are written down; the deepest run needs about 320 on both legs.
    pub notes: usize,
    /// Bytes of the record of one run: a standard run's is about 600 KB, the deepest one's less than 3 MB.
    pub record: usize,
    /// Connections of one run of which raw heads and ClientHellos are kept too: a run has six of them, of at most 40 KB each.
    pub below: usize,
    /// Bytes that one run is sent in messages and events. A deep run is sent about 5 MiB; ten of the largest messages a second for
    /// a minute are 38 MiB.
    pub sent: usize,
    /// Bytes of all records together: 1,300 standard runs.
    pub memory: usize,
    /// How long a run is kept at most: the longest ladder of 16 minutes, and time to read the witness.
    pub kept: Duration,
    /// How long a run is kept when nothing of it is open any more: a client reads its witness within seconds.
    pub kept_idle: Duration,
    /// From the first byte to the end of a request head, TLS included; browsers need a second, slow paths a few.
    pub head: Duration,
    /// The most bytes of a request head: twice what browsers send with large cookies.
    pub head_bytes: usize,
    /// The most bytes of a message on a WebSocket: the last rung of the ladder of sizes that all have.
    pub message: usize,
    /// Conversations at once whose messages may have 1 MiB, which is the last rung of the deepest ladder: each may keep 5 MiB, the message and
    /// what is made of it. On a fast path each takes half a second, so that fifty deep runs of two legs that begin together get through in two,
    /// which is how long they wait for one another. One address, and where they are not told apart one run, has at most half of them.
    pub large: usize,
    /// Streams at once on one HTTP/2 connection, as nginx and HAProxy allow about a hundred.
    pub streams: u32,
    /// Reports that arrive at once, of 8 MiB each.
    pub reports: usize,
    /// The longest that one connection lasts, and with it any conversation, stream or held request.
    pub longest: Duration,
    /// How long a shutdown waits for farewells.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 15_000,
            address_connections: Some(4_000),
            runs: 2_000,
            address_runs: Some(360),
            notes: 400,
            record: 3 * 1024 * 1024,
            below: 8,
            sent: 40 * 1024 * 1024,
            memory: 768 * 1024 * 1024,
            kept: Duration::from_secs(30 * 60),
            kept_idle: Duration::from_secs(5 * 60),
            head: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            message: proxyprobe_probes::io::websocket::MESSAGE_BYTES,
            large: 32,
            streams: 100,
            reports: 8,
            longest: Duration::from_secs(20 * 60),
            farewell: Duration::from_secs(2),
        }
    }
}
