//! WebSockets: an opening handshake that keeps everything it sees, and a conversation that writes itself down.

use super::heads::{field, raw_head};
use super::observe::{Page, Scene};
use super::pen::{Pen, Quota};
use super::{FLOOD_BYTES, Io, Observer, Way};
use crate::exchange::{Proof, ResponseHead};
use crate::failure::{Failure, Kind, Operation};
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{Message, PROOF_HEADER, route_path};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{self, Error};

/// The largest message that is sent or accepted: the last rung of the deepest ladder of sizes.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// The head of a pong, and what its ping cost.
const PONG_BYTES: usize = 14;
/// What may wait to be written beside it: its header, and answers to pings that somebody in between sends.
const BESIDE_BYTES: usize = 1024;

/// The limits of every WebSocket here. The library's own defaults cost 138 KB a connection and let a peer that never reads
/// grow the write buffer without bound; ours takes one message of the largest size, and no second one before that has left.
#[doc(hidden)]
pub fn limits(message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_BYTES + BESIDE_BYTES)
        .max_message_size(Some(message))
        .max_frame_size(Some(message))
}

/// The most bytes of a response head that are read.
const HEAD_BYTES: usize = 64 * 1024;
/// The most header fields that are read.
const FIELDS: usize = 128;
/// The most interim responses (RFC 9110 section 15.2) that are passed over.
const INTERIM: usize = 8;
/// How much of a body that came instead of a 101 is read, to look for our proof or a product's name in it.
const BODY_BYTES: usize = 4 * 1024;

/// What came of an opening handshake.
pub enum Opening {
    /// A 101.
    Open(Box<Talk<Io>>),
    /// Anything else; it is on the page.
    Not,
}

/// Dials, asks for a WebSocket on a route of the run, and writes everything down.
///
/// The request has the headers that a browser sends, in a browser's order; `token` is the spelling of `websocket`.
pub async fn open(scene: &Scene, page: &Page, route: &str, query: &str, token: &str) -> Opening {
    let Some(way) = page.dial(scene, scene.websocket()).await else { return Opening::Not };
    let path = format!("{}{query}", route_path(scene.prover.run(), page.nonce(), route));
    let key = generate_key();
    let observer = way.io.observer();
    let peer = Untrusted::new(&way.host);
    let fail = |kind, detail: Untrusted| Failure { operation: Operation::Request, kind, peer: peer.clone(), detail };
    let request = request_head(&way, &path, &key, token);
    let mut io = way.io;
    page.pen.note(Event::Request);
    let deadline = Instant::now() + scene.answer();
    let reading = async {
        io.write_all(request.as_bytes()).await?;
        // Without it TLS may keep the request to itself while this machine waits for an answer.
        io.flush().await?;
        read_head(&mut io).await
    };
    let (head, mut rest) = match timeout_at(deadline, reading).await {
        Err(_) => {
            page.gave_up(&observer);
            return Opening::Not;
        }
        Ok(Ok(Ok(read))) => read,
        Ok(Ok(Err(kind))) => {
            page.failed(fail(kind, Untrusted::from_bytes(&observer.first_bytes(), 120)));
            return Opening::Not;
        }
        Ok(Err(error)) => {
            match observer.ended() {
                Some((moment, end)) => page.pen.note_at(moment, Event::Ended(end)),
                None => page.failed(fail(Kind::of_io(&error), Untrusted::new(&error.to_string()))),
            }
            return Opening::Not;
        }
    };
    let in_header = head.values(PROOF_HEADER).next().map(|text| scene.prover.examine(text, page.nonce(), route));
    let status = head.status;
    let accept = head.values("sec-websocket-accept").next().map(str::to_owned);
    let length = head.values("content-length").next().and_then(|length| length.trim().parse().ok()).unwrap_or(BODY_BYTES);
    page.response(head, in_header.unwrap_or_default());
    if status != 101 {
        let _ = timeout_at(deadline, read_some(&mut io, &mut rest, length)).await;
        // The first line, or the second where a proxy has cut the body into chunks.
        let lines = rest.split(|byte| *byte == b'\n').take(2);
        let mut proofs = lines.map(|line| scene.prover.examine(&String::from_utf8_lossy(line), page.nonce(), route));
        let in_body = proofs.find(|proof| *proof != Proof::None).unwrap_or_default();
        page.proved(in_body);
        if in_header != Some(Proof::Valid) && in_body != Proof::Valid && !rest.is_empty() {
            page.pen.note(Event::Foreign(Untrusted::from_bytes(&rest, 300)));
        }
        page.pen.note(Event::Closed(Why::Done));
        return Opening::Not;
    }
    page.accepted(accept.as_deref() == Some(derive_accept_key(key.as_bytes()).as_str()));
    Opening::Open(Box::new(Talk::opened(io, rest, page, scene.prover.clone(), route).await))
}

/// The head of an opening handshake, with the headers of a browser in a browser's order.
pub(crate) fn request_head(way: &Way, path: &str, key: &str, token: &str) -> String {
    let mut head = format!("GET {}{path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\n", way.prefix, way.host);
    head.push_str("Pragma: no-cache\r\nCache-Control: no-cache\r\n");
    for (name, value) in &way.headers_for("GET", path) {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            let name = title_case(name.as_str());
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("Upgrade: {token}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"));
    // Every browser offers it (RFC 7692); our server never accepts, so that an acceptance is somebody else's.
    head.push_str("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
    head
}

/// `user-agent` as browsers write it: `User-Agent`.
fn title_case(name: &str) -> String {
    let mut first = true;
    let raise = |c: char| {
        let raised = if first { c.to_ascii_uppercase() } else { c };
        first = c == '-';
        raised
    };
    name.chars().map(raise).collect()
}

/// Reads up to the end of a head that is not interim, or says why that is not to be had: it is no HTTP, or more than is read.
pub(crate) async fn read_head(io: &mut Io) -> std::io::Result<Result<(ResponseHead, Vec<u8>), Kind>> {
    let mut bytes = Vec::new();
    for _ in 0..=INTERIM {
        let (head, length) = loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            match response.parse(&bytes) {
                Ok(httparse::Status::Complete(length)) => break (recorded(&response, &bytes), length),
                Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES => {}
                Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Ok(Err(Kind::TooLarge)),
                Err(_) => return Ok(Err(Kind::NotHttp)),
            }
            if io.read_buf(&mut bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        };
        bytes.drain(..length);
        if !(100..200).contains(&head.status) || head.status == 101 {
            return Ok(Ok((head, bytes)));
        }
    }
    Ok(Err(Kind::TooLarge))
}

fn recorded(response: &httparse::Response<'_, '_>, bytes: &[u8]) -> ResponseHead {
    ResponseHead {
        status: response.code.unwrap_or_default(),
        version: if response.version == Some(0) { "1.0" } else { "1.1" }.to_owned(),
        headers: response.headers.iter().map(|header| field(header.name, header.value)).collect(),
        raw: raw_head(bytes),
    }
}

/// Reads a body of this length, or as much of it as is looked at.
pub(crate) async fn read_some(io: &mut Io, rest: &mut Vec<u8>, length: usize) {
    // A chunked body ends with an empty chunk (RFC 9112 section 7.1).
    while rest.len() < length.min(BODY_BYTES) && !rest.ends_with(b"\r\n0\r\n\r\n") {
        if !matches!(io.read_buf(rest).await, Ok(size) if size > 0) {
            return;
        }
    }
}

/// A conversation on a WebSocket that writes itself down; both ends use it.
pub struct Talk<S> {
    socket: WebSocketStream<S>,
    pen: Pen,
    /// The connection under it.
    pub observer: Observer,
    words: Words,
    /// The size of the newest message that had one to keep: its echo is as large.
    heard_size: Option<u32>,
    /// How many bytes the server may still send in this run.
    sent: Option<Arc<Quota>>,
}

/// How the words of a conversation are made and examined.
struct Words {
    /// Stands in every message but a greeting.
    word: String,
    /// The client examines greetings.
    examine: Option<(super::proof::Prover, String, Page)>,
}

impl Words {
    /// What the word of this message should be.
    fn expected(&self, text: &str) -> String {
        match &self.examine {
            Some((prover, route, page)) if text.starts_with("greeting ") => prover.token(page.nonce(), route),
            _ => self.word.clone(),
        }
    }
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message of ours.
    Message(What, u32),
    /// A message of ours that was changed on its way.
    Altered(What, u32),
    /// The connection is over.
    Over,
}

impl Talk<Io> {
    /// The client's end of an accepted upgrade; `rest` came with the 101.
    pub(crate) async fn opened(io: Io, rest: Vec<u8>, page: &Page, prover: super::proof::Prover, route: &str) -> Self {
        let observer = io.observer();
        observer.limit_reading(FLOOD_BYTES);
        let socket = WebSocketStream::from_partially_read(io, rest, Role::Client, Some(limits(MESSAGE_BYTES))).await;
        let words = Words { word: page.nonce().to_owned(), examine: Some((prover, route.to_owned(), page.clone())) };
        Self { socket, pen: page.pen.clone(), observer, words, heard_size: None, sent: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// The server's end of an accepted upgrade: it takes messages of at most so many bytes, and sends no more than its run may.
    pub async fn accepted(io: S, observer: Observer, pen: Pen, nonce: &str, message: usize, sent: Arc<Quota>) -> Self {
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(limits(message))).await;
        let words = Words { word: nonce.to_owned(), examine: None };
        Self { socket, pen, observer, words, heard_size: None, sent: Some(sent) }
    }

    /// Sends a message, or a ping, and hands it to the network at once; writes it down. False when the connection is over.
    pub async fn say(&mut self, what: What, number: u32) -> bool {
        self.say_sized(what, number, None).await
    }

    /// The same with filler up to this size.
    pub async fn say_sized(&mut self, what: What, number: u32, size: Option<u32>) -> bool {
        let word = self.words.word.clone();
        self.send(what, number, word, size).await
    }

    /// The same with another last word: a greeting carries the proof.
    pub async fn say_with(&mut self, what: What, number: u32, word: String) -> bool {
        self.send(what, number, word, None).await
    }

    /// Answers the frame that was heard last, with as many bytes.
    pub async fn echo(&mut self, number: u32) -> bool {
        self.say_sized(What::Echo, number, self.heard_size).await
    }

    async fn send(&mut self, what: What, number: u32, word: String, size: Option<u32>) -> bool {
        let (message, bytes) = match what {
            What::Ping => {
                let payload = format!("{number} {word}");
                let bytes = payload.len();
                (tungstenite::Message::Ping(payload.into()), bytes)
            }
            _ => {
                let message = Message { what, number, sent_ms: self.pen.clock.ms(), word, size }.to_string();
                let bytes = message.len();
                (tungstenite::Message::text(message), bytes)
            }
        };
        if !self.may_send(bytes) {
            self.end(Why::Limit).await;
            return false;
        }
        self.pen.note(Event::Sent(what, number));
        // `send` flushes: bytes that a TLS layer keeps to itself would make this end look dead.
        match self.socket.send(message).await {
            Ok(()) => true,
            Err(error) => {
                self.over(&error);
                false
            }
        }
    }

    /// Waits for the next message and writes it down.
    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => {
                    if let Some(heard) = self.examine(&text) {
                        return heard;
                    }
                }
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| frame.code.into());
                    self.pen.note(Event::Ended(End::CloseFrame(code)));
                    // The library answers the close; the answer leaves with the flush.
                    let _ = self.socket.flush().await;
                    return Heard::Over;
                }
                // The library answers pings by itself, with as many bytes.
                Some(Ok(tungstenite::Message::Ping(bytes))) if !self.may_send(bytes.len() + PONG_BYTES) => {
                    self.end(Why::Limit).await;
                    return Heard::Over;
                }
                Some(Ok(tungstenite::Message::Ping(bytes))) => self.control(What::Ping, &bytes),
                Some(Ok(tungstenite::Message::Pong(bytes))) => self.control(What::Pong, &bytes),
                Some(Ok(tungstenite::Message::Frame(_))) => {}
                Some(Ok(tungstenite::Message::Binary(bytes))) => self.foreign(&bytes),
                // Only the server has a limit that its peer may not share.
                Some(Err(Error::Capacity(_))) if self.sent.is_some() => {
                    self.foreign(&self.observer.last_bytes());
                    self.end(Why::Limit).await;
                    return Heard::Over;
                }
                Some(Err(error)) => {
                    self.over(&error);
                    return Heard::Over;
                }
                None => {
                    self.over(&Error::ConnectionClosed);
                    return Heard::Over;
                }
            }
        }
    }

    /// Waits for the next message, but not longer than until `deadline`.
    pub async fn hear_until(&mut self, deadline: Instant) -> Option<Heard> {
        timeout_at(deadline, self.hear()).await.ok()
    }

    /// Ends the conversation with a close frame, and waits a little for the answer to it.
    pub async fn close(mut self, why: Why) {
        self.end(why).await;
    }

    /// Whether the run may be sent so many bytes more.
    fn may_send(&self, bytes: usize) -> bool {
        self.sent.as_ref().is_none_or(|quota| quota.take(bytes))
    }

    async fn end(&mut self, why: Why) {
        self.pen.note(Event::Closed(why));
        let code = match why {
            Why::Shutdown => CloseCode::Away,
            Why::Limit => CloseCode::Policy,
            _ => CloseCode::Normal,
        };
        let farewell = async {
            let _ = self.socket.close(Some(CloseFrame { code, reason: "".into() })).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        // Nobody is blamed for a farewell that is not answered.
        let _ = timeout(Duration::from_millis(500), farewell).await;
    }

    fn examine(&mut self, text: &str) -> Option<Heard> {
        let read = Message::read(text);
        let proof = match (&read, &self.words.examine) {
            (Some(message), Some((prover, route, page))) if message.what == What::Greeting => {
                Some(prover.examine(&message.word, page.nonce(), route))
            }
            _ => None,
        };
        let ours = |message: &Message| proof.map_or(message.word == self.words.word, |proof| proof == Proof::Valid);
        if let Some(message) = read.filter(ours) {
            self.proved(proof);
            self.heard_size = message.size;
            self.pen.note(Event::Received(message.what, message.number, Some(message.sent_ms)));
            return Some(Heard::Message(message.what, message.number));
        }
        if let Some((what, number)) = Message::damaged(text, &self.words.expected(text)) {
            let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
            self.heard_size = text.split(' ').nth(4).map(|_| bytes);
            self.pen.note(Event::Altered(what, number, bytes));
            return Some(Heard::Altered(what, number));
        }
        self.proved(proof);
        self.foreign(text.as_bytes());
        None
    }

    /// Writes down a ping or a pong of ours; anybody in between may send others.
    fn control(&self, what: What, payload: &[u8]) {
        let ours = std::str::from_utf8(payload).ok().and_then(|text| text.split_once(' '));
        if let Some(number) = ours.filter(|(_, word)| *word == self.words.word).and_then(|(number, _)| number.parse().ok()) {
            self.pen.note(Event::Received(what, number, None));
        }
    }

    fn proved(&self, proof: Option<Proof>) {
        if let (Some(proof), Some((_, _, page))) = (proof, &self.words.examine) {
            page.proved(proof);
        }
    }

    fn foreign(&self, bytes: &[u8]) {
        self.pen.note(Event::Foreign(Untrusted::from_bytes(bytes, 200)));
    }

    fn over(&mut self, error: &Error) {
        match (error, self.observer.ended()) {
            // The peer's bytes broke the protocol: keep the bytes, the library's name for it says little.
            (Error::Protocol(kind), ended)
                if !matches!(kind, tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) =>
            {
                self.pen.note(Event::Foreign(Untrusted::from_bytes(&self.observer.last_bytes(), 200)));
                let end = ended.map_or_else(|| End::Error(Untrusted::new(&kind.to_string())), |(_, end)| end);
                self.pen.note(Event::Ended(end));
            }
            (Error::Utf8(_) | Error::Capacity(_), _) => {
                self.pen.note(Event::Foreign(Untrusted::from_bytes(&self.observer.last_bytes(), 200)));
                self.pen.note(Event::Ended(End::Error(Untrusted::new(&error.to_string()))));
            }
            // Nobody ended it but this end.
            _ if self.observer.flooded() => {
                self.foreign(&self.observer.last_bytes());
                self.pen.note(Event::Closed(Why::Limit));
            }
            (_, Some((moment, end))) => self.pen.note_at(moment, Event::Ended(end)),
            (other, None) => self.pen.note(Event::Ended(End::Error(Untrusted::new(&other.to_string())))),
        }
    }
}
