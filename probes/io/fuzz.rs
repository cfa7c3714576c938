//! Whatever reads bytes of the other end, fed with any bytes: for `fuzz/`, and for the tests that feed its corpora.

use super::encoding::Decoder;
use super::events::{Item, Parser};
use super::handshake::read_head;
use super::http::request;
use super::observe::Sheet;
use super::pen::{Clock, Entropy};
use super::proof::Prover;
use super::websocket::{Heard, MESSAGE_BYTES, Talk};
use super::{Control, Io, Way};
use crate::also::frames::{Frame, Frames};
use crate::below::RawHead;
use crate::exchange::{KernelNote, Opened, ResponseHead};
use crate::tls::hello::{Offer, client_hellos};
use crate::untrusted::Untrusted;
use crate::wire::{self, Message, RunStart, WitnessPage};
use http::{HeaderMap, Method};
use std::future::Future;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

struct Nothing;

impl Control for Nothing {
    fn kernel(&self) -> Option<KernelNote> {
        None
    }

    fn abort(&self) {}
}

/// A peer that says these bytes and hears nothing.
pub fn peer(bytes: &[u8]) -> Io {
    Io::new(tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink()), Arc::new(Nothing))
}

/// Runs a conversation with such a peer to its end.
///
/// # Panics
/// When this system gives no timers.
#[expect(clippy::unwrap_used, reason = "there is nothing to be tested without timers")]
pub fn run<T>(conversation: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(conversation)
}

/// More than any input takes.
const WITHIN: Duration = Duration::from_secs(60);

/// An HTTP answer: its head, and a body however it is framed.
pub fn answer(bytes: &[u8]) {
    run(async {
        let io = peer(bytes);
        let opened = Opened::default();
        let way =
            Way { io, opened, prefix: String::new(), host: "x".to_owned(), headers: HeaderMap::new(), tls: None, sign: None };
        if let Ok(mut answer) = request(way, Method::GET, "/", HeaderMap::new(), WITHIN).await {
            let (body, _) = answer.read(wire::ANSWER_BYTES).await;
            assert!(body.len() <= wire::ANSWER_BYTES, "{}", body.len());
        }
    });
    let _ = RawHead::read(bytes);
}

/// The answer to an opening handshake, and the frames behind it.
pub fn handshake(bytes: &[u8]) {
    run(async {
        let mut io = peer(bytes);
        if let Ok(Ok((_, rest))) = read_head(&mut io).await {
            hear(io, rest).await;
        }
    });
}

/// The frames of a server.
pub fn frames(bytes: &[u8]) {
    run(hear(peer(bytes), Vec::new()));
}

async fn hear(io: Io, rest: Vec<u8>) {
    let page = Sheet::new(Clock::start(), &Entropy::seeded(1)).ask(());
    let mut talk = Talk::opened(io, rest, &page, Prover::new("ab", "cd"), "zombie", MESSAGE_BYTES).await;
    while talk.hear().await != Heard::Over {}
}

/// The frames of an application's own server: the same however they are cut.
pub fn foreign_frames(bytes: &[u8]) {
    let whole: Vec<Frame> = Frames::default().read(bytes).into();
    let mut frames = Frames::default();
    let mut dripped = Vec::new();
    for byte in bytes {
        dripped.extend(frames.read(&[*byte]));
        if matches!(dripped.last(), Some(Frame::Wrong(_))) {
            break;
        }
    }
    assert_eq!(whole, dripped);
}

/// An event stream, also a compressed one: the same however it is cut.
pub fn events(bytes: &[u8]) {
    let whole = Parser::default().push(bytes);
    let mut parser = Parser::default();
    let dripped: Vec<Item> = bytes.iter().flat_map(|byte| parser.push(&[*byte])).take(whole.len()).collect();
    assert_eq!(whole, dripped);
    for item in whole {
        if let Item::Data(text) | Item::Comment(text) = item {
            let _ = (Message::read(&text), Prover::new("ab", "cd").examine(&text, "ef", "sse"));
        }
    }
    let headers = vec![(Untrusted::new("content-encoding"), Untrusted::new("gzip"))];
    let head = ResponseHead { status: 200, version: "1.1".to_owned(), headers, raw: Untrusted::default() };
    let mut decoder = Decoder::of(&head);
    for piece in bytes.chunks(1024) {
        if decoder.read(piece).is_err() {
            break;
        }
    }
}

/// A message, and one that was changed on its way.
pub fn message(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(message) = Message::read(&text) {
        assert_eq!(message.to_string(), text);
    }
    let _ = Message::damaged(&text, "6f2a09c4d1b7e83355aa10fe");
}

/// The first bytes of a TLS session, and a ClientHello.
pub fn hellos(bytes: &[u8]) {
    let read = |message: &Vec<u8>| Offer::read(&super::proof::hex(message));
    let offers: Vec<Offer> = client_hellos(bytes).iter().filter_map(read).chain(read(&bytes.to_vec())).collect();
    for one in &offers {
        let _ = (one.offers_tls_1_3(), one.offers_alpn());
        offers.iter().for_each(|other| drop(one.differences(other)));
    }
}

/// What the server tells: of a run that begins, and of what it saw.
pub fn witness(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(page) = wire::read::<WitnessPage>(&text) {
        let again = serde_json::to_string(&page).unwrap_or_default();
        assert!(again.chars().all(|c| !c.is_control()), "{again}");
    }
    let _ = wire::read::<RunStart>(&text).is_some_and(|start| start.is_sound());
}
