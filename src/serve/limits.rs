//! What the server allows, and why so much.

use std::time::Duration;

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once, below the usual limit of 20,000 file descriptors with room for everything else.
    pub connections: usize,
    /// Runs at once. A standard run leaves about 150 KB of record, so 2,000 take 300 MB; at the very worst, with the two limits
    /// below used up by each of them, 3 GB.
    pub runs: usize,
    /// Connections of one run that are written down; the deepest ladder needs about 150 on both legs.
    pub notes: usize,
    /// Entries of one run, over all its connections: a standard run writes 800, the deepest one 6,000. An entry takes 130 bytes.
    pub entries: usize,
    /// Bytes of request heads of one run: 400 heads of the usual 600 bytes.
    pub heads: usize,
    /// Connections of one run of which raw heads and ClientHellos are kept too: a run has six of them, of at most 40 KB each.
    pub below: usize,
    /// How long a run is kept at most: the longest ladder of 16 minutes, and time to read the witness.
    pub kept: Duration,
    /// How long a run is kept when nothing of it is open any more.
    pub kept_idle: Duration,
    /// From the first byte to the end of a request head, TLS included; browsers need a second, slow paths a few.
    pub head: Duration,
    /// The most bytes of a request head: twice what browsers send with large cookies.
    pub head_bytes: usize,
    /// Streams at once on one HTTP/2 connection, as nginx and HAProxy allow about a hundred.
    pub streams: u32,
    /// The longest that one conversation, stream or held request lasts.
    pub longest: Duration,
    /// How long a shutdown waits for farewells.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 15_000,
            runs: 2_000,
            notes: 400,
            entries: 8_000,
            heads: 256 * 1024,
            below: 8,
            kept: Duration::from_secs(30 * 60),
            kept_idle: Duration::from_secs(5 * 60),
            head: Duration::from_secs(10),
            head_bytes: 32 * 1024,
            streams: 100,
            longest: Duration::from_secs(20 * 60),
            farewell: Duration::from_secs(2),
        }
    }
}
