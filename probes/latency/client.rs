//! The client's half: messages on a WebSocket; requests, first alone, then beside an open stream.

mod http2;

use super::server::{POST, STREAM, WEBSOCKET};
use super::{ALONE, Asked, Kind};
use crate::exchange::Proof;
use crate::failure::Kind as FailureKind;
use crate::io::events::{Patience, event_source, listen};
use crate::io::handshake::{Opening, open};
use crate::io::http::{Answer, Connection, ask, proven_body};
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::websocket::Heard;
use crate::io::{Observer, Purpose};
use crate::plan::Depth;
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{ANSWER_BYTES, Message, route_path};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, once};
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How many connections carry requests at a beat that was asked for: a browser opens six to a host over HTTP/1.1, of which the
/// stream takes one.
const LANES: usize = 5;
/// The head of the stream is waited for no longer than this before requests are sent: some paths hold it.
const STREAM_OPENS: Duration = Duration::from_millis(1_000);

/// How long a request that waited for the end of a stream may take then: the end has to travel to whoever waits for it, and the
/// request and its answer after that, with a second for a lost segment.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// How many of a kind are sent, and when.
#[derive(Clone, Copy)]
struct Pace {
    /// A beat that was asked for.
    asked_for: Option<Duration>,
    /// The least time from one to the next.
    every: Duration,
    /// No more than this many.
    most: u32,
    /// After this time no more are sent,
    lasts: Duration,
    /// but for these: on a slow path, a median takes its time.
    least: u32,
}

impl Pace {
    fn of(scene: &Scene) -> Self {
        let (every_ms, most, lasts_ms, least) = match scene.plan.depth {
            // Nothing else of a quick run takes longer than three seconds.
            Depth::Quick => (20, 12, 600, 3),
            // As many as a 95th percentile takes: the server's record of each has to be read on this path, too.
            Depth::Standard => (50, 20, 4_000, 5),
            Depth::Deep => (100, 60, 12_000, 10),
        };
        let pace =
            Self { asked_for: None, every: Duration::from_millis(every_ms), most, lasts: Duration::from_millis(lasts_ms), least };
        let Some(beat_ms) = scene.plan.send_every_ms.filter(|beat| *beat > 0) else { return pace };
        let beat = Duration::from_millis(beat_ms);
        // Enough for a 95th percentile where there is time for it, and no more than a timeline has room for.
        let least = u32::try_from(2 * lasts_ms / beat_ms).unwrap_or(u32::MAX).clamp(3, 20);
        Self { asked_for: Some(beat), every: beat, most: 240, least, ..pace }
    }

    fn more(&self, sent: u32, began: Instant) -> bool {
        sent < self.most && (sent < self.least || began.elapsed() < self.lasts)
    }

    fn asked(&self, kind: Kind, attempt: u8) -> Asked {
        let every_ms = self.asked_for.map(|beat| u64::try_from(beat.as_millis()).unwrap_or(u64::MAX));
        Asked { kind, every_ms, attempt }
    }
}

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    let pace = Pace::of(&scene);
    let requests = async {
        let (alone, ()) = tokio::join!(alone(&scene, &sheet), chunked(&scene, &sheet));
        // What stalls once may be a lost segment; what stalls twice, on connections of their own, is a rule.
        if alone && beside(&scene, &sheet, pace, 1).await {
            beside(&scene, &sheet, pace, 2).await;
        }
    };
    tokio::join!(messages(&scene, &sheet, pace), requests, http2::requests(&scene, &sheet));
}

/// Messages and their echoes on a WebSocket.
async fn messages(scene: &Scene, sheet: &Sheet<Asked>, pace: Pace) {
    let page = sheet.ask(pace.asked(Kind::Messages, 1));
    let Opening::Open(mut talk) = open(scene, &page, WEBSOCKET, "").await else { return };
    let (mut sent, mut echoed) = (0, 0);
    let began = Instant::now();
    let (mut due, mut heard_at) = (began, began);
    while pace.more(sent, began) || echoed < sent {
        let may = pace.more(sent, began) && (pace.asked_for.is_some() || echoed == sent);
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => match heard {
                Heard::Message(what, number) | Heard::Altered(what, number) => {
                    heard_at = Instant::now();
                    if what == What::Echo {
                        echoed = echoed.max(number);
                        if number == 1 {
                            weigh(&page, &talk.observer);
                        }
                    }
                }
                Heard::Over => return,
            },
            () = sleep_until(due), if may => {
                sent += 1;
                due = if pace.asked_for.is_some() { due + pace.every } else { Instant::now() + pace.every };
                if !talk.say(What::Frame, sent).await {
                    return;
                }
            }
            () = sleep_until(heard_at.max(due) + scene.answer()), if sent > echoed => {
                page.gave_up(&talk.observer);
                return;
            }
        }
    }
    weigh(&page, &talk.observer);
    talk.close(Why::Done).await;
}

/// Writes down how much the connection has carried.
fn weigh(page: &Page, observer: &Observer) {
    let carried = observer.carried();
    page.pen.note(Event::Carried(carried.sent, carried.received));
}

/// A few requests, one after another; where the first is not answered, the others are tried at once. Says whether any was answered.
async fn alone(scene: &Scene, sheet: &Sheet<Asked>) -> bool {
    let lane = || Lane::new(scene, sheet, Asked { kind: Kind::Alone, every_ms: None, attempt: 1 }, None);
    let mut first = lane();
    let mut answered = first.post(1).await;
    if answered {
        for number in 2..=ALONE {
            first.post(number).await;
        }
    } else {
        let others = (2..=ALONE).map(|number| async move {
            let mut lane = lane();
            let answered = lane.post(number).await;
            lane.end();
            answered
        });
        answered = join_all(others).await.contains(&true);
    }
    first.end();
    answered
}

/// One request in chunks.
async fn chunked(scene: &Scene, sheet: &Sheet<Asked>) {
    let mut lane = Lane::new(scene, sheet, Asked { kind: Kind::Chunked, every_ms: None, attempt: 1 }, None);
    lane.post(1).await;
    lane.end();
}

/// Requests beside an open stream. Says whether nothing came of them.
async fn beside(scene: &Scene, sheet: &Sheet<Asked>, pace: Pace, attempt: u8) -> bool {
    let stream = sheet.ask(Asked { kind: Kind::Stream, every_ms: None, attempt });
    let (opened, overdue, observer) = (Notify::new(), Notify::new(), OnceLock::new());
    let listening = async {
        let answer = ask(scene, &stream, STREAM, "", event_source(None), scene.answer()).await;
        opened.notify_one();
        let Some(mut answer) = answer else { return };
        weigh(&stream, observer.get_or_init(|| answer.observer.clone()));
        let patience = Patience { first: scene.answer(), between: scene.answer(), enough: None, weighs: false };
        listen(scene, &stream, STREAM, &mut answer, patience).await;
    };
    let streaming = async {
        tokio::select! {
            () = listening => {}
            () = overdue.notified() => {
                if let Some(observer) = observer.get() {
                    weigh(&stream, observer);
                }
                stream.pen.note(Event::Closed(Why::Done));
            }
        }
    };
    let posting = async {
        let _ = timeout(STREAM_OPENS, opened.notified()).await;
        let answered = post_all(scene, sheet, pace, attempt, &overdue).await;
        overdue.notify_one();
        answered == 0
    };
    tokio::join!(streaming, posting).1
}

/// Posts at the pace, on as many connections as it takes. Gives how many were answered in time.
async fn post_all(scene: &Scene, sheet: &Sheet<Asked>, pace: Pace, attempt: u8, overdue: &Notify) -> u32 {
    let lanes = if pace.asked_for.is_some() { LANES } else { 1 };
    let mut busy = FuturesUnordered::new();
    let mut idle = Vec::new();
    let (mut sent, mut answered, mut failed) = (0, 0, 0);
    let began = Instant::now();
    let mut due = began;
    loop {
        // What follows a first one that was stopped is not beside the stream any more, which is ended then.
        let may = pace.more(sent, began) && busy.len() < lanes && failed < if answered == 0 { 1 } else { ALONE };
        tokio::select! {
            biased;
            Some((lane, in_time)) = busy.next() => {
                let lane: Lane<'_> = lane;
                if in_time { answered += 1 } else { failed += 1 }
                idle.push(lane);
            }
            () = sleep_until(due), if may => {
                sent += 1;
                due = if pace.asked_for.is_some() { due + pace.every } else { Instant::now() + pace.every };
                let fresh = || Lane::new(scene, sheet, pace.asked(Kind::Beside, attempt), Some(overdue));
                let mut lane = idle.pop().unwrap_or_else(fresh);
                busy.push(async move {
                    let in_time = lane.post(sent).await;
                    (lane, in_time)
                });
            }
            else => break,
        }
    }
    idle.into_iter().for_each(Lane::end);
    answered
}

/// A connection for requests, which is opened when it is needed, and opened again where the path does not keep it.
struct Lane<'a> {
    scene: &'a Scene,
    sheet: &'a Sheet<Asked>,
    asked: Asked,
    /// Told when an answer is overdue: the request then waits on, to see what sets it free.
    overdue: Option<&'a Notify>,
    open: Option<(Connection, Page)>,
    /// Whether the first answer on it was weighed.
    weighed: bool,
}

impl<'a> Lane<'a> {
    fn new(scene: &'a Scene, sheet: &'a Sheet<Asked>, asked: Asked, overdue: Option<&'a Notify>) -> Self {
        Self { scene, sheet, asked, overdue, open: None, weighed: false }
    }

    /// Sends a message by POST. Says whether it was answered in time.
    async fn post(&mut self, number: u32) -> bool {
        let Some((mut connection, page)) = self.opened().await else { return false };
        let sent_ms = page.pen.clock.ms();
        let message = Message { what: What::Frame, number, sent_ms, word: page.nonce().to_owned(), size: None }.to_string();
        let path = format!("{}?n={number}", route_path(self.scene.prover.run(), page.nonce(), POST));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let body = if self.asked.kind == Kind::Chunked {
            let frame = Frame::data(Bytes::from(message));
            StreamBody::new(once(async { Ok::<_, Infallible>(frame) })).boxed_unsync()
        } else {
            Full::new(Bytes::from(message)).boxed_unsync()
        };
        page.pen.note(Event::Request);
        page.pen.note(Event::Sent(What::Frame, number));
        let (within, observer) = (self.scene.answer(), connection.observer.clone());
        let patience = if self.overdue.is_some() { within + AFTERWARDS } else { within };
        let mut in_time = true;
        let answered = {
            let asking = async {
                let mut answer = connection.send(Method::POST, &path, headers, body, patience).await?;
                let read = proven_body(&self.scene.prover, page.nonce(), POST, &mut answer, ANSWER_BYTES).await;
                Ok::<_, crate::failure::Failure>((answer, read))
            };
            tokio::pin!(asking);
            tokio::select! {
                biased;
                answered = &mut asking => Some(answered),
                () = sleep(within) => {
                    in_time = false;
                    page.gave_up(&observer);
                    match self.overdue {
                        Some(overdue) => {
                            overdue.notify_one();
                            timeout(AFTERWARDS, asking).await.ok()
                        }
                        None => None,
                    }
                }
            }
        };
        let echoed = match answered {
            Some(Ok((answer, read))) => self.heard(&page, number, &answer, read),
            Some(Err(failure)) if in_time => {
                match (&failure.kind, observer.ended()) {
                    (FailureKind::TimedOut, _) => page.gave_up(&observer),
                    (FailureKind::Reset | FailureKind::Closed, Some((moment, end))) => {
                        page.pen.note_at(moment, Event::Ended(end))
                    }
                    _ => page.failed(failure),
                }
                false
            }
            Some(Err(_)) | None => false,
        };
        if echoed && !std::mem::replace(&mut self.weighed, true) {
            weigh(&page, &observer);
        }
        let goes_on = echoed && timeout(within, connection.goes_on()).await.unwrap_or(false);
        if goes_on {
            self.open = Some((connection, page));
        } else if echoed {
            // The answer said so, or the connection ended behind it.
            page.pen.note(Event::Ended(End::Complete));
        }
        echoed && in_time
    }

    /// Writes down an answer. Says whether it is the echo.
    fn heard(&self, page: &Page, number: u32, answer: &Answer, read: Result<(Proof, String), Option<End>>) -> bool {
        let in_header = self.scene.prover.examine(&answer.header_proof, page.nonce(), POST);
        page.response(answer.head.clone(), in_header);
        match read {
            Ok((proof, text)) => {
                page.proved(proof);
                let message = Message::read(text.trim_end()).filter(|message| message.word == page.nonce());
                match message.filter(|_| proof == Proof::Valid) {
                    Some(message) if message.what == What::Echo => {
                        page.pen.note(Event::Received(What::Echo, message.number, Some(message.sent_ms)));
                        return message.number == number;
                    }
                    // Ours, and it says that the message did not come with the request.
                    Some(message) => page.pen.note(Event::Received(message.what, message.number, Some(message.sent_ms))),
                    None => page.pen.note(Event::Foreign(Untrusted::from_bytes(text.as_bytes(), 200))),
                }
                page.pen.note(Event::Ended(End::Complete));
            }
            Err(Some(end)) => page.pen.note(Event::Ended(end)),
            Err(None) => page.pen.note(Event::Closed(Why::Limit)),
        }
        false
    }

    async fn opened(&mut self) -> Option<(Connection, Page)> {
        if let Some(open) = self.open.take() {
            return Some(open);
        }
        self.weighed = false;
        let page = self.sheet.ask(self.asked);
        let way = page.dial(self.scene, Purpose::Request).await?;
        match Connection::over(way).await {
            Ok(connection) => Some((connection, page)),
            Err(failure) => {
                page.failed(failure);
                None
            }
        }
    }

    /// Everything was asked.
    fn end(mut self) {
        if let Some((connection, page)) = self.open.take() {
            weigh(&page, &connection.observer);
            page.pen.note(Event::Closed(Why::Done));
        }
    }
}
