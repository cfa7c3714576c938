//! A conversation on a WebSocket that writes itself down; the handshake before it is in [`super::handshake`].

use super::observe::Page;
use super::pen::{Pen, Quota};
use super::testify::LargePlace;
use super::{BoxFuture, FLOOD_BYTES, Io, Observer};
use crate::exchange::Proof;
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{Farewell, Message, line};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Error};

/// The largest message that is sent or accepted, where nothing else is agreed on.
pub const MESSAGE_BYTES: usize = 64 * 1024;
/// The largest message of all: the last rung of the deepest ladder of sizes.
pub const LARGEST_BYTES: usize = 1024 * 1024;
/// The head of a pong, and what its ping cost.
const PONG_BYTES: usize = 14;
/// What goes with a message in pieces or behind messages of one byte: a ping and its headers, or twenty frames of three bytes.
const PIECES_BYTES: usize = 64;
/// What may wait to be written beside it: its header, and answers to pings that somebody in between sends.
const BESIDE_BYTES: usize = 1024;

/// The limits of every WebSocket here. The library's own defaults cost 138 KB a connection and let a peer that never reads
/// grow the write buffer without bound; ours takes one message of the largest size, and no second one before that has left.
#[doc(hidden)]
pub fn limits(message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(message.max(MESSAGE_BYTES) + BESIDE_BYTES)
        .max_message_size(Some(message))
        .max_frame_size(Some(message))
}

/// What the server reads at once, and keeps room for on each WebSocket: a message of the usual kind, and its head. More are many
/// times as much as all else that an idle connection takes.
const SERVED_BYTES: usize = 256;

/// A conversation on a WebSocket that writes itself down; both ends use it.
pub struct Talk<S> {
    socket: WebSocketStream<S>,
    pen: Pen,
    /// The connection under it.
    pub observer: Observer,
    words: Words,
    /// The size of the newest message that had one to keep: its echo is as large.
    heard_size: Option<u32>,
    /// How many messages of one byte were heard; none where they are not expected.
    bytes: Option<u32>,
    /// What this end says when it closes by [`Why::Farewell`].
    farewell: Farewell,
    /// How many bytes the server may still send in this run.
    sent: Option<Arc<Quota>>,
    /// The server's place for it among those of large messages, where it has one.
    pub(super) enlarged: Option<LargePlace>,
}

/// How the words of a conversation are made and examined.
struct Words {
    /// Stands in every message but a greeting.
    word: String,
    /// The client examines greetings. Boxed: a server has thousands of conversations without it.
    examine: Option<Box<(super::proof::Prover, String, Page)>>,
}

impl Words {
    /// What the word of this message should be.
    fn expected(&self, text: &str) -> String {
        match self.examine.as_deref() {
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
    pub(crate) async fn opened(
        io: Io,
        rest: Vec<u8>,
        page: &Page,
        prover: super::proof::Prover,
        route: &str,
        message: usize,
    ) -> Self {
        let observer = io.observer();
        observer.limit_reading(FLOOD_BYTES);
        let socket = WebSocketStream::from_partially_read(io, rest, Role::Client, Some(limits(message))).await;
        let words = Words { word: page.nonce().to_owned(), examine: Some(Box::new((prover, route.to_owned(), page.clone()))) };
        let (pen, farewell) = (page.pen.clone(), Farewell::CLIENT);
        Self { socket, pen, observer, words, heard_size: None, bytes: None, farewell, sent: None, enlarged: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Talk<S> {
    /// The server's end of an accepted upgrade: it takes messages of at most so many bytes, and sends no more than its run may.
    pub async fn accepted(io: S, observer: Observer, pen: Pen, nonce: String, message: usize, sent: Arc<Quota>) -> Self {
        let limits = limits(message).read_buffer_size(SERVED_BYTES);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(limits)).await;
        let words = Words { word: nonce, examine: None };
        let farewell = Farewell::SERVER;
        Self { socket, pen, observer, words, heard_size: None, bytes: None, farewell, sent: Some(sent), enlarged: None }
    }

    /// Sends a message, or a ping, and hands it to the network at once; writes it down. False when the connection is over.
    pub async fn say(&mut self, what: What, number: u32) -> bool {
        self.say_sized(what, number, None).await
    }

    /// The same with filler up to this size.
    pub async fn say_sized(&mut self, what: What, number: u32, size: Option<u32>) -> bool {
        self.send(what, number, None, size).await
    }

    /// The same with another last word: a greeting carries the proof.
    pub async fn say_with(&mut self, what: What, number: u32, word: String) -> bool {
        self.send(what, number, Some(word), None).await
    }

    /// Answers what was heard last as what it is, with as many bytes. What asks for no answer gets none.
    pub async fn echo(&mut self, what: What, number: u32) -> bool {
        match what.echo() {
            Some(echo) => self.say_sized(echo, number, self.heard_size).await,
            None => true,
        }
    }

    /// From now on messages of one byte are the other end's, in their order.
    pub fn expect_bytes(&mut self) {
        self.bytes = Some(0);
    }

    async fn send(&mut self, what: What, number: u32, word: Option<String>, size: Option<u32>) -> bool {
        let now = Instant::now();
        let text = self.text(what, number, now, word, size);
        let beside =
            if matches!(what, What::Pieces | What::PiecesEcho | What::Bytes | What::BytesEcho) { PIECES_BYTES } else { 0 };
        if !self.may_send(text.len() + beside) {
            self.end(Why::Limit).await;
            return false;
        }
        self.pen.note_at(now, Event::Sent(what, number));
        if matches!(what, What::Pieces | What::PiecesEcho) {
            self.pen.note_at(now, Event::Sent(What::Ping, number));
        }
        // `send` flushes: bytes that a TLS layer keeps to itself would make this end look dead.
        let sent = match what {
            What::Ping => self.socket.send(tungstenite::Message::Ping(text.into())).await,
            What::Binary | What::BinaryEcho => self.socket.send(tungstenite::Message::binary(text)).await,
            What::Pieces | What::PiecesEcho => self.at_once(self.in_pieces(number, &text)).await,
            What::Bytes | What::BytesEcho => self.at_once(self.behind_bytes(&text)).await,
            _ => self.socket.send(tungstenite::Message::text(text)).await,
        };
        match sent {
            Ok(()) => true,
            Err(error) => {
                self.over(&error);
                false
            }
        }
    }

    /// Apart from what waits: a word that is kept while it does is room in each conversation.
    fn text(&self, what: What, number: u32, now: Instant, word: Option<String>, size: Option<u32>) -> String {
        let word = word.as_deref().unwrap_or(&self.words.word);
        match what {
            What::Ping => format!("{number} {word}"),
            _ => line(what, number, self.pen.clock.at(now), word, size),
        }
    }

    /// A message in three frames, with a ping behind the first of them.
    fn in_pieces(&self, number: u32, text: &str) -> Vec<Frame> {
        let bytes = text.as_bytes();
        let third = bytes.len() / 3;
        let (first, rest) = bytes.split_at(third);
        let (second, last) = rest.split_at(third);
        let part = |bytes: &[u8], data, is_final| Frame::message(bytes.to_vec(), OpCode::Data(data), is_final);
        vec![
            part(first, Data::Text, false),
            Frame::ping(format!("{number} {}", self.words.word)),
            part(second, Data::Continue, false),
            part(last, Data::Continue, true),
        ]
    }

    /// A message behind messages of one byte: those of the connection's name, so that each has its own place among them.
    fn behind_bytes(&self, text: &str) -> Vec<Frame> {
        let whole = |bytes: Vec<u8>| Frame::message(bytes, OpCode::Data(Data::Text), true);
        let bytes = self.words.word.bytes().cycle().take(usize::try_from(What::BYTES).unwrap_or(0));
        bytes.map(|byte| vec![byte]).chain([text.as_bytes().to_vec()]).map(whole).collect()
    }

    /// Hands frames to the network in one piece. Nothing waits before them: each message was flushed. Boxed: few conversations have
    /// such messages, and each would have room for this.
    fn at_once(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            for mut frame in frames {
                // The library chooses a key for what it writes itself (RFC 6455 section 5.3).
                frame.header_mut().mask = self.words.examine.is_some().then(rand::random);
                frame.format(&mut bytes)?;
            }
            self.socket.flush().await?;
            self.socket.get_mut().write_all(&bytes).await?;
            self.socket.get_mut().flush().await?;
            Ok(())
        })
    }

    /// Waits for the next message and writes it down.
    pub async fn hear(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => {
                    if let Some(heard) = self.examine(&text, false) {
                        return heard;
                    }
                }
                Some(Ok(tungstenite::Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                    Ok(text) => {
                        if let Some(heard) = self.examine(text, true) {
                            return heard;
                        }
                    }
                    Err(_) => self.foreign(&bytes),
                },
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    let (code, reason) =
                        frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                    self.pen.note(Event::Ended(End::CloseFrame(code)));
                    if !reason.is_empty() {
                        self.pen.note(Event::Reason(Untrusted::new(&reason)));
                    }
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
    pub async fn close(mut self: Box<Self>, why: Why) {
        self.end(why).await;
    }

    /// What it went by, still open, without all that the conversation took.
    #[expect(clippy::boxed_local, reason = "the future of a conversation would have room for all that is taken out of the box")]
    pub(super) fn into_stream(self: Box<Self>) -> S {
        self.socket.into_inner()
    }

    /// Whether the run may be sent so many bytes more.
    fn may_send(&self, bytes: usize) -> bool {
        self.sent.as_ref().is_none_or(|quota| quota.take(bytes))
    }

    /// Boxed: a farewell is large, and each conversation has but one.
    fn end(&mut self, why: Why) -> BoxFuture<'_, ()> {
        self.pen.note(Event::Closed(why));
        let (code, reason) = match why {
            Why::Shutdown => (CloseCode::Away, ""),
            Why::Limit => (CloseCode::Policy, ""),
            Why::Farewell => (CloseCode::from(self.farewell.code), self.farewell.reason),
            _ => (CloseCode::Normal, ""),
        };
        let farewell = async move {
            let _ = self.socket.close(Some(CloseFrame { code, reason: reason.into() })).await;
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        Box::pin(async move {
            // Nobody is blamed for a farewell that is not answered.
            let _ = timeout(Duration::from_millis(500), farewell).await;
        })
    }

    /// Whether it came in a binary frame decides as much as its words do.
    fn examine(&mut self, text: &str, binary: bool) -> Option<Heard> {
        if let Some(heard) = self.examine_byte(text, binary) {
            return Some(heard);
        }
        let read = Message::read(text);
        let as_sent = |what| binary == matches!(what, What::Binary | What::BinaryEcho);
        let proof = match (&read, self.words.examine.as_deref()) {
            (Some(message), Some((prover, route, page))) if message.what == What::Greeting => {
                Some(prover.examine(&message.word, page.nonce(), route))
            }
            _ => None,
        };
        let ours = |message: &Message| proof.map_or(message.word == self.words.word, |proof| proof == Proof::Valid);
        if let Some(message) = read.filter(ours).filter(|message| as_sent(message.what)) {
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

    /// What is no longer than all messages of one byte together, and has no byte that they have not, is one of them.
    fn examine_byte(&mut self, text: &str, binary: bool) -> Option<Heard> {
        let heard = self.bytes.filter(|heard| *heard < What::BYTES)?;
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= What::BYTES)?;
        if text.bytes().any(|byte| !self.words.word.as_bytes().contains(&byte)) {
            return None;
        }
        let place = usize::try_from(heard).ok()?;
        let expected = self.words.word.bytes().cycle().nth(place);
        let number = heard + 1;
        self.bytes = Some(number);
        if !binary && length == 1 && text.bytes().next() == expected {
            self.pen.note(Event::Received(What::Byte, number, None));
            return Some(Heard::Message(What::Byte, number));
        }
        self.pen.note(Event::Altered(What::Byte, number, length));
        Some(Heard::Altered(What::Byte, number))
    }

    /// Writes down a ping or a pong of ours; anybody in between may send others.
    fn control(&self, what: What, payload: &[u8]) {
        let ours = std::str::from_utf8(payload).ok().and_then(|text| text.split_once(' '));
        if let Some(number) = ours.filter(|(_, word)| *word == self.words.word).and_then(|(number, _)| number.parse().ok()) {
            self.pen.note(Event::Received(what, number, None));
        }
    }

    fn proved(&self, proof: Option<Proof>) {
        if let (Some(proof), Some((_, _, page))) = (proof, self.words.examine.as_deref()) {
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
