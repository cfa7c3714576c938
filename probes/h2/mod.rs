#![doc = include_str!("README.md")]

#[cfg(feature = "io")]
mod client;
#[cfg(feature = "io")]
mod server;
mod settings;
mod verdict;

pub use settings::Settings;

use crate::below::TlsEnd;
use crate::circumstances::Circumstances;
use crate::code;
use crate::exchange::Exchange;
use crate::finding::{Code, Finding};
use crate::plan::Cost;
use crate::probe::Probe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Silences from this many milliseconds on are noted only: the longest default of common load balancers, above which an application
/// with a heartbeat of 25 s is safe.
const HARMLESS_FROM_MS: u64 = 60_000;

/// HTTP/2 does not reach from one end to the other.
pub const NOT_NEGOTIATED: Code = code!("h2.not-negotiated", Note);
/// A connection carries fewer streams at once than the server allows.
pub const STREAMS_LIMITED: Code = code!("h2.streams-limited", Note);
/// WebSockets over HTTP/2 are offered by the server, and not to the client.
pub const EXTENDED_CONNECT_REMOVED: Code = code!("h2.extended-connect-removed", Note);
/// WebSockets over HTTP/2 are offered to the client, and do not work.
pub const WEBSOCKET_BROKEN: Code = code!("h2.websocket-broken", Degraded);
/// HTTP/2 is agreed to, and a request over it is not answered.
pub const NO_ANSWER: Code = code!("h2.no-answer", Degraded);
/// Streams that are never silent are ended before their time.
pub const STREAM_RESET: Code = code!("h2.stream-reset", Degraded);
/// A stream that is not read stops others, or does not go on when it is read.
pub const FLOW_CONTROL_STALLED: Code = code!("h2.flow-control-stalled", Degraded);
/// Streams that are silent are ended before their time.
pub const SILENT_STREAM_ENDED: Code = code!("h2.silent-stream-ended", degraded below HARMLESS_FROM_MS);
/// It could not be judged.
pub const INCONCLUSIVE: Code = code!("h2.inconclusive", Inconclusive);

/// What does the path make of HTTP/2?
pub struct H2;

/// What a server says that it offers by HTTP/2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offered {
    /// How many streams a connection may have at once (RFC 9113 section 5.1.2).
    pub streams: u32,
    /// Whether WebSockets may be asked for (RFC 8441).
    pub websockets: bool,
}

/// One request over HTTP/2, or one for which HTTP/2 was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// What for.
    pub part: Part,
    /// What the server says that it offers.
    #[serde(default)]
    pub offered: Offered,
    /// How long the stream is to be open, in milliseconds; 0 where one answer is all.
    #[serde(default)]
    pub lasts_ms: u64,
    /// Milliseconds between its events; 0 where it is silent until its end.
    #[serde(default)]
    pub every_ms: u64,
    /// The session as the client has it, of the first request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<TlsEnd>,
    /// What the other end of the connection has set, as it arrived here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Whether HTTP/2 is agreed to, and a request answered.
    First,
    /// One of several event streams on one connection.
    Crowd,
    /// What the connection of the WebSocket begins with.
    Before,
    /// A WebSocket on a connection of its own (RFC 8441).
    WebSocket,
    /// An event stream that is silent to its end.
    Silent,
    /// The same, kept up by PINGs of the client (RFC 9113 section 6.7).
    Pinged,
    /// An event stream that is never silent.
    Busy,
    /// An event stream of [`BULK_BYTES`], left unread until the one beside it is over.
    Unread,
    /// The one beside it, on the same connection.
    Beside,
}

/// What a stream brings that is left unread for a while: four times what it may bring before it is read.
pub const BULK_BYTES: u64 = 16 * 1024;

/// So many streams are opened at once on one connection: more than the six connections that browsers allow a server over HTTP/1.1.
pub const CROWD: usize = 8;

/// Where the session is compared.
const FIRST: &str = "h2";

/// So many messages go over the WebSocket, and come back.
pub const MESSAGES: u32 = 3;

impl Asked {
    /// Before anything is known.
    pub fn new(part: Part, offered: Offered, lasts_ms: u64, every_ms: u64) -> Self {
        Self { part, offered, lasts_ms, every_ms, client: None, settings: None }
    }

    /// The silence before the first event, in milliseconds.
    pub fn silence_ms(&self) -> u64 {
        if self.every_ms == 0 { self.lasts_ms } else { self.every_ms }
    }

    /// How many events its stream brings.
    pub fn events(&self) -> u32 {
        match self.every_ms {
            0 => 1,
            every => u32::try_from((self.lasts_ms / every).max(1)).unwrap_or(u32::MAX),
        }
    }
}

impl Probe for H2 {
    const ID: &'static str = "h2";
    const QUESTION: &'static str = "What does the path make of HTTP/2?";
    const CODES: &'static [Code] = &[
        NOT_NEGOTIATED,
        STREAMS_LIMITED,
        EXTENDED_CONNECT_REMOVED,
        WEBSOCKET_BROKEN,
        NO_ANSWER,
        STREAM_RESET,
        SILENT_STREAM_ENDED,
        FLOW_CONTROL_STALLED,
        INCONCLUSIVE,
    ];
    const COST: Cost = Cost::Steady;
    type Asked = Asked;

    fn looks_below(route: &str) -> bool {
        route == FIRST
    }

    fn judge(evidence: &[Exchange<Asked>], around: &Circumstances) -> Vec<Finding> {
        verdict::judge(evidence, around)
    }
}

crate::halves!(H2);
