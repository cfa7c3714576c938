//! Server-Sent Events: the client's ear (WHATWG HTML, section 9.2).

use super::FLOOD_BYTES;
use super::encoding::{self, Decoder};
use super::http::Answer;
use super::observe::{Page, Scene};
use crate::timeline::{End, Event, Timeline, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{Message, PROOF_PREFIX};
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The media type.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// The headers with which an EventSource asks.
pub fn event_source(last_event_id: Option<u32>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding::OFFERED));
    if let Some(id) = last_event_id {
        headers.insert("last-event-id", HeaderValue::from(id));
    }
    headers
}

/// What a stream left behind.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// When events arrived, up to a bound.
    pub arrived: Vec<Instant>,
    /// The number of the newest event.
    pub newest: Option<u32>,
    /// How long to wait before a reconnect.
    pub retry: Option<Duration>,
}

/// How long an event may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The first one, from the head of the answer on.
    pub first: Duration,
    /// Each one after another, and the end after the last.
    pub between: Duration,
    /// The number of the event with which the client has heard enough; without one it hears the stream to its end.
    pub enough: Option<u32>,
    /// Whether the sizes of the pieces in which the body arrives are written down.
    pub weighs: bool,
}

/// The most arrivals that are remembered.
const ARRIVALS: usize = 256;

/// Hears a stream to its end or until an event is overdue, and writes everything down as it arrives.
pub async fn listen(scene: &Scene, page: &Page, route: &str, answer: &mut Answer, patience: Patience) -> Heard {
    let mut deadline = Instant::now() + patience.first;
    let mut parser = Parser::default();
    let mut decoder = Decoder::of(&answer.head);
    let mut heard = Heard::default();
    let mut pieces = 0;
    // What is compressed may become as much again.
    let mut left = 2 * FLOOD_BYTES;
    answer.observer.limit_reading(FLOOD_BYTES);
    loop {
        let piece = match timeout_at(deadline, answer.next()).await {
            Err(_) => {
                page.gave_up(&answer.observer);
                return heard;
            }
            Ok(Ok(piece)) => piece,
            Ok(Err(end)) => {
                match answer.observer.ended() {
                    // Nobody ended it but this end.
                    _ if answer.observer.flooded() => {
                        page.pen.note(Event::Foreign(Untrusted::from_bytes(&answer.observer.last_bytes(), 200)));
                        page.pen.note(Event::Closed(Why::Limit));
                    }
                    Some((moment, _)) if end != End::Complete => page.pen.note_at(moment, Event::Ended(end)),
                    _ => page.pen.note(Event::Ended(end)),
                }
                return heard;
            }
        };
        if patience.weighs && pieces < Timeline::MAX_PIECES {
            pieces += 1;
            page.pen.note(Event::Piece(u32::try_from(piece.len()).unwrap_or(u32::MAX)));
        }
        let text = decoder.read(&piece).ok().filter(|text| {
            left = left.saturating_sub(u64::try_from(text.len()).unwrap_or(u64::MAX));
            left > 0
        });
        let text = match text {
            Some(text) => text,
            None => {
                page.pen.note(Event::Foreign(Untrusted::from_bytes(&piece, 200)));
                page.pen.note(Event::Closed(Why::Done));
                return heard;
            }
        };
        for item in parser.push(&text) {
            match item {
                Item::Comment(text) if text.starts_with(PROOF_PREFIX) => {
                    page.proved(scene.prover.examine(&text, page.nonce(), route));
                    page.pen.note(Event::Received(What::Comment, 0, None));
                }
                Item::Data(data) => match Message::read(&data) {
                    Some(message) if message.word == page.nonce() => {
                        // An event that comes again is none that was waited for.
                        if heard.newest.is_none_or(|newest| message.number > newest) {
                            heard.newest = Some(message.number);
                            deadline = Instant::now() + patience.between;
                        }
                        if heard.arrived.len() < ARRIVALS {
                            heard.arrived.push(Instant::now());
                        }
                        page.pen.note(Event::Received(message.what, message.number, Some(message.sent_ms)));
                        if patience.enough == Some(message.number) {
                            page.pen.note(Event::Closed(Why::Done));
                            return heard;
                        }
                    }
                    _ => page.pen.note(Event::Foreign(Untrusted::from_bytes(data.as_bytes(), 200))),
                },
                Item::Comment(text) => {
                    let ours = text.split_once(' ').filter(|(_, word)| *word == page.nonce());
                    if let Some(number) = ours.and_then(|(number, _)| number.parse().ok()) {
                        page.pen.note(Event::Received(What::Comment, number, None));
                    }
                }
                Item::Retry(ms) => heard.retry = Some(Duration::from_millis(ms)),
                Item::Alien(text) => page.pen.note(Event::Foreign(Untrusted::from_bytes(text.as_bytes(), 200))),
            }
        }
        // What never stops coming never lets a deadline be looked at.
        if Instant::now() > deadline {
            page.gave_up(&answer.observer);
            return heard;
        }
    }
}

/// What a stream consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The data of an event.
    Data(String),
    /// A comment.
    Comment(String),
    /// How many milliseconds to wait before a reconnect.
    Retry(u64),
    /// A line with a field that no event stream has.
    Alien(String),
}

/// Reads an event stream as it arrives, however it is cut into pieces.
#[derive(Default)]
pub struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    started: bool,
    data: Option<String>,
    overlong: bool,
}

/// The longest line that is kept; ours are far shorter.
const LINE_BYTES: usize = 4 * 1024;
/// The most items of one piece: a flood of tiny lines is cut here.
const ITEMS: usize = 1024;

impl Parser {
    /// The items that this piece completes.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        for &byte in piece {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => items.extend(self.end_line().filter(|_| items.len() < ITEMS)),
                _ if self.line.len() < LINE_BYTES => self.line.push(byte),
                _ => self.overlong = true,
            }
        }
        items
    }

    fn end_line(&mut self) -> Option<Item> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.started, true) && line.starts_with("\u{feff}".as_bytes()) {
            line.drain(..3);
        }
        if std::mem::take(&mut self.overlong) {
            return Some(Item::Alien(String::from_utf8_lossy(&line).into_owned()));
        }
        if line.is_empty() {
            return self.data.take().map(Item::Data);
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        if let Some(comment) = text.strip_prefix(':') {
            return Some(Item::Comment(comment.strip_prefix(' ').unwrap_or(comment).to_owned()));
        }
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                match &mut self.data {
                    // An event without end is cut where a line would be: what is cut is none of ours.
                    Some(data) if data.len() >= LINE_BYTES => {}
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
                None
            }
            "retry" => value.parse().ok().map(Item::Retry),
            "id" | "event" => None,
            _ => Some(Item::Alien(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        let text =
            "\u{feff}: hi\r\nretry: 2500\r\nid: 7\rdata: a\ndata:b\r\n\r\nevent: x\ndata\n\nid\n\n<html>\ndata: never ended"
                .as_bytes();
        let whole = Parser::default().push(text);
        assert_eq!(
            whole,
            [
                Item::Comment("hi".into()),
                Item::Retry(2500),
                Item::Data("a\nb".into()),
                Item::Data(String::new()),
                Item::Alien("<html>".into())
            ]
        );
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let items: Vec<Item> = text.chunks(size).flat_map(|piece| parser.push(piece)).collect();
            assert_eq!(items, whole, "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_does_not_grow() {
        let mut parser = Parser::default();
        assert!(parser.push(&vec![b'x'; 10 * LINE_BYTES]).is_empty());
        assert!(parser.line.len() <= LINE_BYTES);
        assert!(matches!(parser.push(b"\n").first(), Some(Item::Alien(_))));
    }

    #[test]
    fn an_event_of_endless_lines_does_not_grow() {
        let mut parser = Parser::default();
        (0..1_000).for_each(|_| assert!(parser.push(&[b"data: ", &[b'x'; 100][..], b"\n"].concat()).is_empty()));
        let items = parser.push(b"\n");
        assert!(matches!(&items[..], [Item::Data(data)] if data.len() < 2 * LINE_BYTES), "{items:?}");
    }
}
