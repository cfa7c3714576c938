//! The signs of life that are tried one by one, each alone on a connection of its own.

use super::{Asked, Speaker, rungs};
use crate::plan::{Depth, Plan};
use crate::transport::Transport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps a connection from being silent, and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Messages of the client, each answered by the server: the busy twin of the others.
    AnsweredMessages,
    /// Messages of the client that nobody answers.
    ClientBytes,
    /// Messages of the server that nobody answers.
    ServerBytes,
    /// Pings of the server (RFC 6455 section 5.5.2), each answered by a pong.
    ServerPings,
    /// Pings of the client, each answered by a pong.
    ClientPings,
    /// Comments on an event stream.
    Comments,
    /// TCP keep-alive of the client's kernel (RFC 9293 section 3.8.4): as far as the next hop that speaks TCP, a proxy's included.
    TcpKeepAlive,
}

impl Sign {
    /// All of them. Where not all may be tried, the last ones are left out.
    pub const ALL: [Sign; 7] = [
        Sign::AnsweredMessages,
        Sign::ClientBytes,
        Sign::ServerBytes,
        Sign::ServerPings,
        Sign::ClientPings,
        Sign::Comments,
        Sign::TcpKeepAlive,
    ];

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Sign::AnsweredMessages => "answered-messages",
            Sign::ClientBytes => "client-bytes",
            Sign::ServerBytes => "server-bytes",
            Sign::ServerPings => "server-pings",
            Sign::ClientPings => "client-pings",
            Sign::Comments => "comments",
            Sign::TcpKeepAlive => "tcp-keep-alive",
        }
    }

    /// The name within a sentence.
    pub fn in_sentence(self) -> &'static str {
        match self {
            Sign::AnsweredMessages => "answered messages",
            Sign::ClientBytes => "unanswered messages of the client",
            Sign::ServerBytes => "unanswered messages of the server",
            Sign::ServerPings => "pings of the server",
            Sign::ClientPings => "pings of the client",
            Sign::Comments => "comments",
            Sign::TcpKeepAlive => "TCP keep-alive of the client",
        }
    }

    /// The sign of that name.
    pub fn of(name: &str) -> Option<Sign> {
        Self::ALL.into_iter().find(|sign| sign.as_str() == name)
    }

    /// On what kind of connection.
    pub fn transport(self) -> Transport {
        if self == Sign::Comments { Transport::Sse } else { Transport::WebSocket }
    }
}

/// How a connection is kept up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// By what.
    pub by: Sign,
    /// How often, in milliseconds.
    pub every_ms: u64,
}

/// Twice within the shortest silence of a ladder, 4 s: a limit is at least twice as long as the time between two signs.
const EVERY_MS: u64 = 2_000;
/// In long runs so many signs a connection: they leave room in the record, and limits are sought that are far longer.
const SIGNS: u64 = 120;

/// The connections beside the ladder, open for as long as its longest silence; none in a run that has no time for two signs.
pub fn kept(plan: &Plan) -> Vec<Asked> {
    let silent_ms = plan.longest_idle_ms;
    let every_ms = EVERY_MS.max(silent_ms / SIGNS);
    if plan.depth == Depth::Quick || silent_ms < 2 * every_ms {
        return Vec::new();
    }
    // Where few connections are allowed, silences are worth more; and the twin alone says nothing.
    let room = plan.ladder.map_or(usize::MAX, |most| usize::from(most).saturating_sub(rungs(plan).len()));
    let signs = Sign::ALL.into_iter().take(if room < 2 { 0 } else { room });
    let asked = |by: Sign| {
        let first_speaker = if by.transport() == Transport::Sse { Speaker::Server } else { Speaker::Client };
        Asked { transport: by.transport(), silent_ms, first_speaker, finer: false, kept: Some(Kept { by, every_ms }) }
    };
    signs.map(asked).collect()
}
