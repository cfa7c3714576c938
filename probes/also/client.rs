//! The client's half, and the only one: visits an endpoint that is not ours, and keeps of what it says no more than sizes and times.

use super::frames::{Frame, Frames, close, ping, pong};
use super::hush::Hush;
use super::{Asked, Heard, Wants};
use crate::exchange::{Proof, ResponseHead};
use crate::failure::{Failure, Kind, Operation};
use crate::io::handshake::{Wish, read_head, read_some, request_head};
use crate::io::http::{Answer, request};
use crate::io::observe::{Opening, Page, Scene, Sheet};
use crate::io::pen::Entropy;
use crate::io::{Dial, Io, Observer, Purpose, Way};
use crate::products;
use crate::timeline::{End, Event, Timeline, What, Why};
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use http::{HeaderMap, HeaderValue, Method, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// An endpoint of the application.
#[derive(Clone)]
pub struct Endpoint {
    /// As it was given.
    pub url: String,
    /// Its host.
    pub host: String,
    /// Its path and query.
    pub path: String,
    /// Cleartext or TLS.
    pub leg: Leg,
    /// What is asked of it.
    pub wants: Wants,
    /// What an answer might repeat and no report may show: the values of headers that the user added.
    pub secrets: Vec<String>,
}

/// A visit that is to be made.
#[derive(Clone)]
pub struct Visit {
    /// Where to.
    pub endpoint: Endpoint,
    /// The way to it.
    pub dial: Arc<dyn Dial>,
    /// How long the way and the head of the answer may take together.
    pub within: Duration,
    /// How long the endpoint is listened to after it accepted.
    pub watch: Duration,
    /// Where the randomness comes from.
    pub entropy: Entropy,
}

/// Whoever opens the way has the same time, and says best what took so long.
const GRACE: Duration = Duration::from_secs(1);
/// How often an answer is asked for.
const PING: Duration = Duration::from_secs(1);
/// How much is read at a time.
const READ: usize = 4 * 1024;
/// The most that is read after an endpoint has accepted: as much as the largest message of this tool's own.
const BYTES: u64 = 64 * 1024;
/// The most answers to pings: an endpoint that asks for more than one in each tenth of a second is not measured by answering.
const PONGS: usize = 50;
/// How much of a page is looked at for marks of products, and for how long.
const PAGE: (usize, Duration) = (4 * 1024, Duration::from_secs(1));
/// How long a farewell may take. Nobody is blamed for one that is not answered.
const FAREWELL: Duration = Duration::from_millis(500);

/// Of the paired server there is nothing to ask: the visits are made beside its probes.
pub(super) async fn observe(_: Scene, _: Sheet<Asked>) {}

/// Makes a visit. `opening` is let go of as soon as the endpoint has answered.
pub async fn visit(visit: Visit, sheet: Sheet<Asked>, opening: Option<Opening>) {
    let Visit { endpoint, dial, within, .. } = &visit;
    let asked = Asked {
        url: Untrusted::new(&endpoint.url),
        host: Untrusted::new(&endpoint.host),
        wants: endpoint.wants,
        watch_ms: u64::try_from(visit.watch.as_millis()).unwrap_or(u64::MAX),
        proxy: None,
        chosen_by: String::new(),
        client: None,
        examined: Default::default(),
        looked: false,
        heard: Heard::default(),
        marks: Vec::new(),
    };
    let page = sheet.ask(asked);
    let deadline = Instant::now() + *within;
    let purpose = if endpoint.wants == Wants::WebSocket { Purpose::WebSocket } else { Purpose::Request };
    let dialled = timeout_at(deadline + GRACE, dial.dial(endpoint.leg, purpose)).await;
    let mut way = match dialled {
        Ok(Ok(way)) => way,
        Ok(Err(failure)) => {
            let untrusted = matches!(failure.kind, Kind::CertificateUntrusted(_) | Kind::CertificateInvalid(_));
            page.failed(failure);
            if untrusted {
                look(&visit, &sheet, deadline).await;
            }
            return;
        }
        Err(_) => {
            let (peer, detail) = (Untrusted::new(&endpoint.host), Untrusted::new("no way was open in time"));
            page.failed(Failure { operation: Operation::Connect, kind: Kind::TimedOut, peer, detail });
            return;
        }
    };
    page.opened(&way);
    if let Some(secured) = way.tls.take() {
        let examined = dial.examine(&secured.chain);
        sheet.amend(
            |_| true,
            |asked| {
                asked.client = Some(secured.end.clone());
                asked.examined = examined.clone();
            },
        );
    }
    let talk = Talk { visit: &visit, sheet: &sheet, page: &page, deadline };
    match endpoint.wants {
        Wants::WebSocket => talk.websocket(way, opening).await,
        Wants::EventStream => talk.stream(way, opening).await,
    }
}

/// Looks at whoever answers TLS with a certificate that is not trusted here. Nothing is sent to them.
async fn look(visit: &Visit, sheet: &Sheet<Asked>, deadline: Instant) {
    let Ok(looked) = timeout_at(deadline, visit.dial.look(visit.endpoint.leg)).await else { return };
    let Ok(secured) = looked.session else { return };
    let examined = visit.dial.examine(&secured.chain);
    sheet.amend(
        |_| true,
        |asked| {
            asked.looked = true;
            asked.client = Some(secured.end.clone());
            asked.examined = examined.clone();
        },
    );
}

/// A conversation with an endpoint.
struct Talk<'a> {
    visit: &'a Visit,
    sheet: &'a Sheet<Asked>,
    page: &'a Page,
    /// Until when the head of the answer must be there.
    deadline: Instant,
}

impl Talk<'_> {
    async fn websocket(&self, way: Way, opening: Option<Opening>) {
        let (observer, peer, key) = (way.io.observer(), Untrusted::new(&way.host), generate_key());
        let head = request_head(&way, &self.visit.endpoint.path, &key, &Wish::of(""));
        let mut io = way.io;
        self.page.pen.note(Event::Request);
        let asking = async {
            io.write_all(head.as_bytes()).await?;
            io.flush().await?;
            read_head(&mut io).await
        };
        let (head, mut rest) = match timeout_at(self.deadline, asking).await {
            Err(_) => return self.page.gave_up(&observer),
            Ok(Ok(Ok(read))) => read,
            Ok(Ok(Err(kind))) => {
                let detail = Untrusted::from_bytes(&observer.first_bytes(), 120);
                return self.failed(Failure { operation: Operation::Request, kind, peer, detail });
            }
            Ok(Err(error)) => match observer.ended() {
                Some((moment, end)) => return self.page.pen.note_at(moment, Event::Ended(end)),
                None => {
                    let (kind, detail) = (Kind::of_io(&error), Untrusted::new(&error.to_string()));
                    return self.failed(Failure { operation: Operation::Request, kind, peer, detail });
                }
            },
        };
        drop(opening);
        let status = head.status;
        let accept = head.values("sec-websocket-accept").next().map(str::to_owned);
        let length = head.values("content-length").next().and_then(|length| length.trim().parse().ok()).unwrap_or(PAGE.0);
        self.response(head);
        if status != 101 {
            let _ = timeout(PAGE.1, read_some(&mut io, &mut rest, length)).await;
            self.marks(&rest);
            return self.page.pen.note(Event::Closed(Why::Done));
        }
        let matches = accept.as_deref() == Some(derive_accept_key(key.as_bytes()).as_str());
        self.page.accepted(matches);
        if !matches {
            // A browser ends such a connection, too (RFC 6455 section 4.1).
            return self.page.pen.note(Event::Closed(Why::Done));
        }
        self.listen(io, rest).await;
    }

    /// Asks for answers, counts what comes, and says farewell.
    async fn listen(&self, mut io: Io, first: Vec<u8>) {
        let observer = io.observer();
        let until = Instant::now() + self.visit.watch;
        let (mut frames, mut buffer, mut heard) = (Frames::default(), first, Heard::default());
        let (mut next_ping, mut sent, mut pongs) = (Instant::now(), Vec::<[u8; 8]>::new(), 0);
        let why = loop {
            heard.bytes = heard.bytes.saturating_add(buffer.len() as u64);
            for frame in frames.read(&buffer) {
                match frame {
                    Frame::Message(bytes) => self.piece(&mut heard, bytes),
                    Frame::Ping(payload) if pongs < PONGS => {
                        pongs += 1;
                        let _ = timeout_at(until, say(&mut io, &pong(&payload, self.visit.entropy.bytes()))).await;
                    }
                    Frame::Ping(_) => {}
                    Frame::Pong(payload) => {
                        // What was not asked for answers nothing (RFC 6455 section 5.5.3).
                        let number = sent.iter().position(|own| own[..] == payload).and_then(|at| u32::try_from(at).ok());
                        if let Some(number) = number {
                            self.page.pen.note(Event::Received(What::Pong, number, None));
                        }
                    }
                    Frame::Close(code) => {
                        self.page.pen.note(Event::Ended(End::CloseFrame(code)));
                        let answer = close(if code == 1005 { 1000 } else { code }, self.visit.entropy.bytes());
                        let _ = timeout(FAREWELL, say(&mut io, &answer)).await;
                        return;
                    }
                    Frame::Wrong(why) => return self.page.pen.note(Event::Ended(End::Error(Untrusted::new(why)))),
                }
            }
            if self.is_enough(&mut heard) {
                break Why::Limit;
            }
            buffer.clear();
            buffer.reserve(READ);
            let now = Instant::now();
            if now >= until {
                break Why::Done;
            }
            if now >= next_ping {
                next_ping = now + PING;
                let payload = self.visit.entropy.bytes();
                self.page.pen.note(Event::Sent(What::Ping, u32::try_from(sent.len()).unwrap_or(u32::MAX)));
                sent.push(payload);
                // Whoever does not read is heard no better for it: the time goes on.
                let _ = timeout_at(until, say(&mut io, &ping(&payload, self.visit.entropy.bytes()))).await;
                continue;
            }
            let read = timeout_at(until.min(next_ping), io.read_buf(&mut buffer)).await;
            if matches!(read, Ok(Ok(0) | Err(_))) {
                return self.ended(&observer);
            }
        };
        self.page.pen.note(Event::Closed(why));
        let farewell = async {
            say(&mut io, &close(1000, self.visit.entropy.bytes())).await?;
            let mut left = [0; 1024];
            while io.read(&mut left).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    async fn stream(&self, way: Way, opening: Option<Opening>) {
        let observer = way.io.observer();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        self.page.pen.note(Event::Request);
        let within = self.deadline.saturating_duration_since(Instant::now());
        let mut answer = match request(way, Method::GET, &self.visit.endpoint.path, headers, within).await {
            Ok(answer) => answer,
            Err(failure) => match (&failure.kind, observer.ended()) {
                (Kind::TimedOut, _) => return self.page.gave_up(&observer),
                (Kind::Reset | Kind::Closed, Some((moment, end))) => return self.page.pen.note_at(moment, Event::Ended(end)),
                _ => return self.failed(failure),
            },
        };
        drop(opening);
        self.response(answer.head.clone());
        if !super::met::is_event_stream(&answer.head) {
            if let Ok((page, _)) = timeout(PAGE.1, answer.read(PAGE.0)).await {
                self.marks(&page);
            }
            return self.page.pen.note(Event::Closed(Why::Done));
        }
        self.count(&mut answer).await;
    }

    /// Counts the pieces of a stream and the ends of its events.
    async fn count(&self, answer: &mut Answer) {
        let until = Instant::now() + self.visit.watch;
        let (mut lines, mut heard) = (Lines::default(), Heard::default());
        loop {
            match timeout_at(until, answer.next()).await {
                Err(_) => return self.page.pen.note(Event::Closed(Why::Done)),
                Ok(Err(End::Complete)) => return self.page.pen.note(Event::Ended(End::Complete)),
                Ok(Err(end)) => {
                    let moment = answer.observer.ended().map_or_else(Instant::now, |(moment, _)| moment);
                    return self.page.pen.note_at(moment, Event::Ended(end));
                }
                Ok(Ok(piece)) => {
                    heard.bytes = heard.bytes.saturating_add(piece.len() as u64);
                    heard.event_ends = heard.event_ends.saturating_add(lines.event_ends(&piece));
                    self.piece(&mut heard, piece.len() as u64);
                    if self.is_enough(&mut heard) {
                        return self.page.pen.note(Event::Closed(Why::Limit));
                    }
                }
            }
        }
    }

    /// Writes down that something came, by its size.
    fn piece(&self, heard: &mut Heard, bytes: u64) {
        heard.pieces = heard.pieces.saturating_add(1);
        if usize::try_from(heard.pieces).is_ok_and(|number| number <= Timeline::MAX_PIECES) {
            self.page.pen.note(Event::Piece(u32::try_from(bytes).unwrap_or(u32::MAX)));
        }
    }

    /// Writes down how much came, and says whether no more is read.
    fn is_enough(&self, heard: &mut Heard) -> bool {
        heard.cut = heard.bytes > BYTES;
        let heard = *heard;
        self.sheet.amend(|_| true, |asked| asked.heard = heard);
        heard.cut
    }

    fn response(&self, head: ResponseHead) {
        self.page.response(Hush::of(&self.visit.endpoint).head(head), Proof::None);
    }

    fn failed(&self, failure: Failure) {
        self.page.failed(Failure { detail: Hush::of(&self.visit.endpoint).apply(&failure.detail), ..failure });
    }

    fn ended(&self, observer: &Observer) {
        let (moment, end) = observer.ended().unwrap_or((Instant::now(), End::Fin));
        self.page.pen.note_at(moment, Event::Ended(end));
    }

    /// Keeps the marks of products that a page has, and nothing else of it.
    fn marks(&self, page: &[u8]) {
        let marks: Vec<Untrusted> = products::marks_in(&String::from_utf8_lossy(page)).into_iter().map(Untrusted::new).collect();
        self.sheet.amend(|_| true, |asked| asked.marks.clone_from(&marks));
    }
}

/// Hands bytes to the network at once.
async fn say(io: &mut Io, bytes: &[u8]) -> std::io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}

/// Finds the ends of events in a stream: empty lines, whose ends may be CR, LF or both.
#[derive(Default)]
struct Lines {
    /// Whether the line has something in it.
    filled: bool,
    /// Whether the last byte was a CR, to which an LF belongs.
    after_cr: bool,
}

impl Lines {
    fn event_ends(&mut self, piece: &[u8]) -> u32 {
        let mut ends = 0u32;
        for byte in piece {
            let of_cr = *byte == b'\n' && self.after_cr;
            self.after_cr = *byte == b'\r';
            match byte {
                _ if of_cr => {}
                b'\r' | b'\n' => {
                    ends = ends.saturating_add(u32::from(!self.filled));
                    self.filled = false;
                }
                _ => self.filled = true,
            }
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_with_empty_lines_of_any_kind() {
        for (stream, ends) in
            [("data: a\n\ndata: b\n\n", 2), (": c\r\n\r\n", 1), ("data: a\r\rdata: b\r\r", 2), ("<html>\n<p>", 0)]
        {
            assert_eq!(Lines::default().event_ends(stream.as_bytes()), ends, "{stream:?}");
            let mut lines = Lines::default();
            assert_eq!(stream.bytes().map(|byte| lines.event_ends(&[byte])).sum::<u32>(), ends, "{stream:?} byte by byte");
        }
    }
}
