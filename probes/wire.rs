//! The contract between client and server, version 1, as types. The prose is docs/protocol.md.

use crate::exchange::{RequestHead, ServerNotes};
use crate::timeline::What;
use crate::untrusted::Untrusted;
use serde::{Deserialize, Serialize};

/// The version in every path.
pub const PROTOCOL: u32 = 1;
/// The header that carries a proof.
pub const PROOF_HEADER: &str = "proxyprobe-proof";
/// The first word of a proof.
pub const PROOF_PREFIX: &str = "pp1";
/// The most bytes of one page of the witness; a client reads no more than this.
pub const WITNESS_PAGE_BYTES: usize = 256 * 1024;
/// The most bytes of any other answer that a client reads.
pub const ANSWER_BYTES: usize = 64 * 1024;

/// The path that starts a run.
pub fn run_path(nonce: &str) -> String {
    format!("/v1/run/{nonce}")
}

/// The path of everything within a run.
pub fn route_path(run: &str, nonce: &str, route: &str) -> String {
    format!("/v1/{run}/{nonce}/{route}")
}

/// The route under which the witness is read; its query is `page=N`.
pub const WITNESS_ROUTE: &str = "witness";

/// The answer to the request that starts a run.
#[derive(Clone, Serialize, Deserialize)]
pub struct RunStart {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The server's own version.
    pub server: Untrusted,
    /// The run's id: 128 random bits in hex.
    pub run: String,
    /// The run's key in hex: HMAC-SHA256 of the server's secret over the id.
    pub key: String,
    /// The request that started it, as it arrived.
    pub request: RequestHead,
    /// The protocol that the server negotiated by ALPN on that connection.
    pub alpn: Option<Untrusted>,
    /// The SHA-256 of the certificate that the server serves on its TLS leg, in hex.
    pub certificate_sha256: Option<String>,
    /// The ports of the server's legs, as it declares them.
    pub legs: Legs,
    /// Headers that the server's own front is declared to add.
    #[serde(default)]
    pub front_headers: Vec<Untrusted>,
}

/// Where the server can be reached, by leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legs {
    /// The port of the cleartext leg.
    pub http: Option<u16>,
    /// The port of the TLS leg.
    pub https: Option<u16>,
}

/// One page of the witness.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WitnessPage {
    /// Milliseconds since the run's start, by the server's clock.
    pub now_ms: u64,
    /// The most that a timer of the server was late during the run, in milliseconds.
    pub lag_ms: u64,
    /// What was noted, by nonce.
    pub notes: Vec<(String, ServerNotes)>,
    /// Whether notes were dropped because the run had too many.
    #[serde(default)]
    pub cut: bool,
    /// The next page, if there is one.
    pub next: Option<usize>,
}

/// One line of conversation: what it is, its number, when it was sent by the sender's clock, and the connection's nonce.
///
/// WebSocket messages and the data of server-sent events have the same form, `echo 3 1500 6f2a…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub what: What,
    /// Its number.
    pub number: u32,
    /// Milliseconds since the run's start, by the sender's clock.
    pub sent_ms: u64,
    /// The nonce of the connection, or in a greeting the proof.
    pub word: String,
}

impl Message {
    /// Reads a line; anything else is not ours.
    pub fn read(line: &str) -> Option<Message> {
        let mut parts = line.split(' ');
        let what = what_of(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let sent_ms = parts.next()?.parse().ok()?;
        let word = parts.next()?.to_owned();
        parts.next().is_none().then_some(Message { what, number, sent_ms, word })
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {}", word_of(self.what), self.number, self.sent_ms, self.word)
    }
}

const WORDS: &[(What, &str)] = &[
    (What::Greeting, "greeting"),
    (What::Frame, "frame"),
    (What::Echo, "echo"),
    (What::Tick, "tick"),
    (What::Event, "event"),
    (What::Body, "body"),
];

fn what_of(word: &str) -> Option<What> {
    WORDS.iter().find(|(_, known)| *known == word).map(|(what, _)| *what)
}

fn word_of(what: What) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == what).map_or("other", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_and_nothing_else_does() {
        for (what, _) in WORDS {
            let message = Message { what: *what, number: 7, sent_ms: 12_345, word: "abc".into() };
            assert_eq!(Message::read(&message.to_string()), Some(message));
        }
        for line in ["", "echo", "echo x 1 n", "echo 1 1", "echo 1 1 n more", "<html> 1 1 n", "echo -1 1 n"] {
            assert_eq!(Message::read(line), None, "{line}");
        }
    }
}
