//! One question asked on one connection, with what both ends recorded of it.

use crate::below::Below;
use crate::timeline::Timeline;
use crate::transport::Via;
use crate::untrusted::Untrusted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was asked on one connection, and what both ends saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange<A> {
    /// The question, in the probe's own terms.
    pub asked: A,
    /// What was seen.
    pub record: Record,
}

/// What both ends saw of one connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Names the connection at both ends: it is in the path of the request.
    pub nonce: String,
    /// How the connection left this machine; none when it never opened.
    pub opened: Option<Opened>,
    /// The client's record.
    pub client: Timeline,
    /// The head of the answer as the client received it.
    pub response: Option<ResponseHead>,
    /// What the answer said about where it came from.
    pub proof: Proof,
    /// Whether the accept key of an opening handshake was the right one (RFC 6455 section 4.1, point 4).
    pub accept_key_matches: Option<bool>,
    /// What the kernel knew of the connection when an answer was overdue.
    pub kernel: Option<KernelNote>,
    /// The server's record.
    pub witness: Witness,
}

impl Record {
    /// How the connection left this machine, as reports say it.
    pub fn via(&self) -> &'static str {
        self.opened.as_ref().map_or("none", |opened| opened.via.as_str())
    }
}

/// How a connection left this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// Directly or through a proxy.
    pub via: Via,
    /// The local address.
    pub local: String,
    /// The address that was dialled: the server's or the proxy's.
    pub remote: String,
    /// Dialling to open, in milliseconds: TCP, proxy and TLS.
    pub took_ms: u64,
    /// The host and port that the proxy was asked to connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel_to: Option<String>,
    /// The name that the ClientHello asks for (RFC 6066 section 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
}

/// The head of an HTTP answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// Names in lower case and values, in order.
    pub headers: Vec<(Untrusted, Untrusted)>,
    /// The bytes as they arrived, as far as they were kept.
    pub raw: Untrusted,
}

impl ResponseHead {
    /// The values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }
}

/// What an answer said about its origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Nothing that looks like a proof. A missing header alone decides nothing: the proof is in-band too.
    #[default]
    None,
    /// Made by our server for this very request.
    Valid,
    /// Made by our server in this run, for another request: a cache or a replay.
    Stale,
    /// Looks like a proof and is none.
    Wrong,
}

/// What the kernel knew (Linux `TCP_INFO`). Behind a proxy it speaks of the hop to the proxy only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelNote {
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Retransmissions of the oldest of them.
    pub retransmits: u32,
    /// The retransmission timeout, in milliseconds.
    pub rto_ms: u32,
    /// The smoothed round trip, in microseconds.
    pub rtt_us: u32,
    /// Milliseconds since the last acknowledgement arrived.
    pub last_ack_ms: u32,
}

/// The server's record of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Witness {
    /// It could not be read.
    #[default]
    Absent,
    /// It was read, and nothing of this connection is in it.
    Empty,
    /// It was read, and some of it was cut, or it was read before the connection had ended and not again.
    Partial(ServerNotes),
    /// It was read.
    Whole(ServerNotes),
}

impl Witness {
    /// The notes, whole or not.
    pub fn notes(&self) -> Option<&ServerNotes> {
        match self {
            Witness::Partial(notes) | Witness::Whole(notes) => Some(notes),
            Witness::Absent | Witness::Empty => None,
        }
    }
}

/// What the server noted of one request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerNotes {
    /// The head of the request as it arrived.
    pub request: RequestHead,
    /// The address and port that it came from: behind a proxy or address translation, theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Untrusted>,
    /// What happened then, by the server's clock.
    pub timeline: Timeline,
    /// What lies below HTTP, for the probes that compare it.
    #[serde(default, skip_serializing_if = "Below::is_empty")]
    pub below: Below,
}

/// The head of a request as the server received it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestHead {
    /// The method.
    pub method: Untrusted,
    /// The target as it stood in the request line.
    pub target: Untrusted,
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// Names in lower case and values, in order. Values that could be secrets are left out by the server.
    pub headers: Vec<(Untrusted, Untrusted)>,
}

impl RequestHead {
    /// The values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.headers, name)
    }

    /// Whether a comma-separated header has this token, in any case (RFC 9110 section 5.6.1).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        has_token(&self.headers, name, token)
    }
}

/// The values of a header, in order.
pub fn values<'a>(headers: &'a [(Untrusted, Untrusted)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(found, _)| found.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Whether a comma-separated header has this token, in any case (RFC 9110 section 5.6.1).
pub fn has_token(headers: &[(Untrusted, Untrusted)], name: &str, token: &str) -> bool {
    values(headers, name).flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
}
