//! The words for ways through the network that everything else uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// Cleartext HTTP and `ws://`.
    Http,
    /// HTTP over TLS and `wss://`.
    Https,
}

impl Leg {
    /// Both legs, cleartext first.
    pub const ALL: [Leg; 2] = [Leg::Http, Leg::Https];

    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Leg::Http => "http",
            Leg::Https => "https",
        }
    }

    /// The other one.
    pub fn other(self) -> Leg {
        match self {
            Leg::Http => Leg::Https,
            Leg::Https => Leg::Http,
        }
    }

    /// The port that a URL of this scheme means when it names none (RFC 9110 section 4.2).
    pub fn default_port(self) -> u16 {
        match self {
            Leg::Http => 80,
            Leg::Https => 443,
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A way for a server to push: what the tool compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RFC 6455.
    #[serde(rename = "websocket")]
    WebSocket,
    /// Server-Sent Events (WHATWG EventSource).
    Sse,
    /// Requests that the server holds until it has something to say.
    LongPolling,
}

impl Transport {
    /// In the order in which the report lists them.
    pub const ALL: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::LongPolling];

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::WebSocket => "websocket",
            Transport::Sse => "sse",
            Transport::LongPolling => "long-polling",
        }
    }

    /// The name within a sentence.
    pub fn in_sentence(self) -> &'static str {
        match self {
            Transport::LongPolling => "long polling",
            _ => self.title(),
        }
    }

    /// The name at the beginning of a line.
    pub fn title(self) -> &'static str {
        match self {
            Transport::WebSocket => "WebSocket",
            Transport::Sse => "SSE",
            Transport::LongPolling => "Long polling",
        }
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Either way.
    Both,
}

impl Direction {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::ToServer => "to-server",
            Direction::ToClient => "to-client",
            Direction::Both => "both",
        }
    }
}

/// How a connection left this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Straight to the server's address.
    #[default]
    Direct,
    /// Through a proxy's CONNECT tunnel (RFC 9110 section 9.3.6).
    Connect,
    /// As a request in absolute-form to a proxy (RFC 9112 section 3.2.2).
    AbsoluteForm,
}

impl Via {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Via::Direct => "direct",
            Via::Connect => "connect",
            Via::AbsoluteForm => "absolute-form",
        }
    }
}
