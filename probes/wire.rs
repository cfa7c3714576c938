//! The contract between client and server, version 1, as types. The prose is docs/protocol.md.

use crate::below::{RawHead, TlsEnd};
use crate::exchange::{RequestHead, ServerNotes};
use crate::h2::Offered;
use crate::timeline::What;
use crate::untrusted::{PLAUSIBLE, Untrusted, harmless};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The version in every path.
pub const PROTOCOL: u32 = 1;
/// The header that carries a proof.
pub const PROOF_HEADER: &str = "proxyprobe-proof";
/// The header in which a server names the limit that an answer is owed to; see [`crate::refusal`].
pub const REFUSED_HEADER: &str = "proxyprobe-refused";
/// The first word of a proof.
pub const PROOF_PREFIX: &str = "pp1";
/// The most bytes of one page of the witness; a client reads no more than this.
pub const WITNESS_PAGE_BYTES: usize = 256 * 1024;
/// The most bytes of any other answer that a client reads.
pub const ANSWER_BYTES: usize = 64 * 1024;

/// Reads an answer of the other end, made harmless before it becomes a value; `None` when it cannot be read, or holds a number that no
/// run produces.
pub fn read<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_value(harmless(serde_json::from_str(json).ok()?)?).ok()
}

/// The path that starts a run.
pub fn run_path(nonce: &str) -> String {
    format!("/v1/run/{nonce}")
}

/// The parameter of that path by which a token admits a run; its value is the HMAC-SHA256 of `"token\n" nonce` by the token, in hex.
pub const TOKEN_PARAMETER: &str = "token";

/// The path of everything within a run.
pub fn route_path(run: &str, nonce: &str, route: &str) -> String {
    format!("/v1/{run}/{nonce}/{route}")
}

/// The route under which the witness is read; its query is `page=N`.
pub const WITNESS_ROUTE: &str = "witness";

/// The route to which a client may leave its report, by POST with the proof of the run's key in its header.
pub const REPORT_ROUTE: &str = "report";
/// The most bytes of such a report: ten times what a deep run makes.
pub const REPORT_BYTES: usize = 8 * 1024 * 1024;

/// The answer to a report that was left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The name under which it is kept.
    pub id: String,
    /// For how long, in seconds.
    pub seconds: u64,
}

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
    /// The address and port that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Untrusted>,
    /// Its head as bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<RawHead>,
    /// The protocol that the server negotiated by ALPN on that connection.
    pub alpn: Option<Untrusted>,
    /// The TLS session on which it came, as the server has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsEnd>,
    /// The SHA-256 of the certificate that the server serves on its TLS leg, in hex.
    pub certificate_sha256: Option<String>,
    /// The ports of the server's legs, as it declares them.
    pub legs: Legs,
    /// Headers that the server's own front is declared to add.
    #[serde(default)]
    pub front_headers: Vec<Untrusted>,
    /// What the server offers by HTTP/2 on its TLS leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<Offered>,
    /// What the server knows that not every one of this protocol does, by names such as [`STREAM_FORMS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub knows: Vec<Untrusted>,
    /// The UDP port at which it answers datagrams, if it does; see [`datagram`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<u16>,
    /// Further ports of its TLS leg.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_ports: Vec<u16>,
}

/// The parameters `type` and `close` of the route `sse`.
pub const STREAM_FORMS: &str = "stream-forms";

impl RunStart {
    /// Whether its id and its key are what they should be. The id stands in the paths of requests: another text there could be a
    /// request of its own.
    pub fn is_sound(&self) -> bool {
        let hex = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex(&self.run) && hex(&self.key)
    }
}

/// The datagrams that show whether UDP gets through.
pub mod datagram {
    /// The first word of a question: no other protocol begins so, QUIC (RFC 9000 section 17.2) among them.
    const WORD: &str = "proxyprobe-udp-1";
    /// The route in the proof of a question.
    pub const ROUTE: &str = "udp";
    /// The route in the proof that is the answer.
    pub const ANSWER: &str = "udp-answer";
    /// No question is longer: a word, two names of at most 64 digits, and a proof.
    pub const MOST_BYTES: usize = 320;

    /// A question: `proxyprobe-udp-1 <run> <nonce> <proof>`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Question {
        /// The run's id.
        pub run: String,
        /// Names the question.
        pub nonce: String,
        /// The proof of the run's key for it.
        pub proof: String,
    }

    impl Question {
        /// The question in these bytes.
        pub fn read(bytes: &[u8]) -> Option<Self> {
            let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST_BYTES)?;
            let mut words = text.split(' ');
            let mut next = || words.next().map(str::to_owned);
            let (word, question) = (next()?, Question { run: next()?, nonce: next()?, proof: next()? });
            let hex = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
            (word == WORD && hex(&question.run) && hex(&question.nonce) && question.to_string() == text).then_some(question)
        }
    }

    impl std::fmt::Display for Question {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{WORD} {} {} {}", self.run, self.nonce, self.proof)
        }
    }
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
    /// How many connections the server closed unread since the run began, because it had too many of them.
    #[serde(default)]
    pub turned_away: u64,
    /// How much the times of notes may be wrong, in milliseconds, because several servers made them by clocks of their own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_bound_ms: u64,
    /// The next page, if there is one.
    pub next: Option<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One line of conversation: what it is, its number, when it was sent by the sender's clock, and the connection's nonce.
///
/// WebSocket messages and the data of server-sent events have the same form, `echo 3 1500 6f2a…`. One that has to have a certain
/// size goes on with that size and with filler, so that either end can tell whether all of it arrived as it was sent.
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
    /// The size of the whole message in bytes, where it has one to keep.
    pub size: Option<u32>,
}

impl Message {
    /// Reads a line; anything else is not ours, or not as it was sent.
    pub fn read(line: &str) -> Option<Message> {
        let mut parts = line.splitn(6, ' ');
        let what = what_of(parts.next()?)?;
        let number = u32::try_from(plain(parts.next()?)?).ok()?;
        let sent_ms = plain(parts.next()?).filter(|ms| (*ms as f64) < PLAUSIBLE)?;
        let word = parts.next()?;
        let size = match parts.next() {
            None => None,
            Some(size) => {
                let size = u32::try_from(plain(size)?).ok().filter(|size| usize::try_from(*size) == Ok(line.len()))?;
                is_filler(parts.next()?, word).then_some(Some(size))?
            }
        };
        Some(Message { what, number, sent_ms, word: word.to_owned(), size })
    }

    /// The line.
    pub fn text(&self) -> String {
        line(self.what, self.number, self.sent_ms, &self.word, self.size)
    }

    /// What a line was, and its number, if it is one of ours that was changed on its way: the last word but for the filler is more
    /// than half of what it should be, which nobody else can know.
    pub fn damaged(line: &str, word: &str) -> Option<(What, u32)> {
        let mut parts = line.splitn(5, ' ');
        let what = what_of(parts.next()?)?;
        let number = parts.next()?.parse().ok()?;
        let found = parts.nth(1)?;
        let alike = found.bytes().zip(word.bytes()).filter(|(found, own)| found == own).count();
        (2 * alike > word.len()).then_some((what, number))
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

/// The line of a message, of which the parts are given. It is made for each message that a busy server echoes, and so is one text
/// from the start.
pub fn line(what: What, number: u32, sent_ms: u64, word: &str, size: Option<u32>) -> String {
    let size = size.map(|size| (size, usize::try_from(size).unwrap_or(0)));
    // The longest without a size has a proof in it.
    let mut line = String::with_capacity(size.map_or(128, |(_, bytes)| bytes));
    line.push_str(word_of(what));
    let _ = write!(line, " {number} {sent_ms} ");
    line.push_str(word);
    let Some((size, bytes)) = size else { return line };
    let _ = write!(line, " {size} ");
    // The word again and again: it is another one on every connection, so that no cache and no rule knows the filler.
    let mut room = bytes.saturating_sub(line.len());
    while room >= word.len() && !word.is_empty() {
        line.push_str(word);
        room -= word.len();
    }
    line.push_str(word.get(..room).unwrap_or_default());
    line
}

/// A number as it is written here, and in no other way: without a sign, and without a zero before others.
fn plain(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| is_plain)
}

/// Whether this is a word again and again.
fn is_filler(filler: &str, word: &str) -> bool {
    match word.len() {
        0 => filler.is_empty(),
        length => filler.as_bytes().chunks(length).all(|part| word.as_bytes().starts_with(part)),
    }
}

/// A close code of an application's own (RFC 6455 section 7.4.2) and the words with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// Between 4000 and 4999.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: &'static str,
}

impl Farewell {
    /// The client's.
    pub const CLIENT: Farewell = Farewell { code: 4001, reason: "the client is done" };
    /// The server's.
    pub const SERVER: Farewell = Farewell { code: 4002, reason: "the server is done" };
}

const WORDS: &[(What, &str)] = &[
    (What::Greeting, "greeting"),
    (What::Frame, "frame"),
    (What::Echo, "echo"),
    (What::Tick, "tick"),
    (What::Event, "event"),
    (What::Body, "body"),
    (What::Binary, "binary"),
    (What::BinaryEcho, "binary-echo"),
    (What::Pieces, "pieces"),
    (What::PiecesEcho, "pieces-echo"),
    (What::Bytes, "bytes"),
    (What::BytesEcho, "bytes-echo"),
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
            for size in [None, Some(64), Some(126)] {
                let message = Message { what: *what, number: 7, sent_ms: 12_345, word: "abc".into(), size };
                assert_eq!(Message::read(&message.to_string()), Some(message));
            }
        }
        let late = format!("echo 1 {} n", u64::MAX);
        for line in [&*late, "", "echo", "echo x 1 n", "echo 1 1", "echo 1 1 n more", "<html> 1 1 n", "echo -1 1 n"] {
            assert_eq!(Message::read(line), None, "{line}");
        }
        assert!(Message::read("echo 1 1 abc 21 abcab").is_some());
        // The same in other spellings: a sign, a zero before, another filler, another size, nothing behind the size.
        for line in [
            "echo +1 1 n",
            "echo 01 1 n",
            "echo 1 00 n",
            "echo 1 1 abc 21 abcac",
            "echo 1 1 abc 21 abca",
            "echo 1 1 abc 022 abcab",
            "echo 1 1 abc 15",
            "echo 1 1  15 ab",
        ] {
            assert_eq!(Message::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_question_by_datagram_reads_back_and_nothing_else_does() {
        let question = datagram::Question { run: "ab12".into(), nonce: "0f".into(), proof: "pp1.0f.12".into() };
        let text = question.to_string();
        assert_eq!(datagram::Question::read(text.as_bytes()), Some(question));
        let long = text.replace("ab12", &"a".repeat(65));
        for odd in [
            &*text.replace("ab12", "../x"),
            &text.replace("-1 ", "-2 "),
            &format!("{text} more"),
            "proxyprobe-udp-1 ab12",
            &long,
            "",
        ] {
            assert_eq!(datagram::Question::read(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(datagram::Question::read(&[0xFF; 100]), None);
    }

    #[test]
    fn a_changed_message_is_told_from_a_strange_one() {
        let word = "6f2a09c4d1b7e83355aa10fe";
        for size in [None, Some(64), Some(1_024)] {
            let line = Message { what: What::Echo, number: 3, sent_ms: 1_500, word: word.into(), size }.to_string();
            assert_eq!(line.len(), size.map_or(36, |size| size as usize));
            let shorter = line.strip_suffix(|_: char| true).unwrap();
            let other = line.replace("6f2a", "0000");
            let longer = format!("{line}x");
            for changed in [shorter, &other, &longer] {
                assert!(Message::read(changed).is_none_or(|message| message.word != word), "{changed}");
                assert_eq!(Message::damaged(changed, word), Some((What::Echo, 3)), "{changed}");
            }
        }
        for strange in [
            "",
            "echo",
            "<html> 1 1 n",
            "echo 3 1500",
            "echo 3 1500 aaaaaaaaaaaaaaaaaaaaaaaa",
            "echo x 1 6f2a09c4d1b7e83355aa10fe",
        ] {
            assert_eq!(Message::damaged(strange, word), None, "{strange}");
        }
        // It claims to be larger than anything that was sent.
        assert_eq!(Message::read("echo 3 1500 6f2a09c4d1b7e83355aa10fe 4294967295 6f"), None);
    }
}
