//! The client's half: one request, long streams beside the run, and when it is calm a crowd of streams, beside it a WebSocket.

use super::server::{STREAM, WEBSOCKET};
use super::{Asked, CROWD, FIRST, MESSAGES, Offered, Part, Settings};
use crate::io::Purpose;
use crate::io::events::{Patience, event_source, listen};
use crate::io::http::{Answer, ask_on, proven_body};
use crate::io::http2::{Connection, Manner, Pings};
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::websocket::Heard;
use crate::plan::Depth;
use crate::timeline::{Event, What, Why};
use crate::transport::Leg;
use crate::wire::ANSWER_BYTES;
use futures_util::future::join_all;
use http::HeaderMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The long streams are this much shorter than the longest silence: past 30 s where silences of 32 s are tried, and over when
/// those are.
const BESIDE_MS: u64 = 1_500;
/// A PING goes out so often: below every limit of silence that is known in the field, 5 s being the shortest.
const PING: Duration = Duration::from_secs(2);
/// The crowd's beat, and how long it stays: two seconds show streams that wait for one another; a quick run has half of one.
const CROWD_MS: (u64, u64) = (250, 2_000);
const CROWD_QUICK_MS: (u64, u64) = (120, 600);
/// The beat of the streams of which one is left unread.
const BESIDE_EVERY_MS: u64 = 250;
/// What a stream there may bring before it is read: a quarter of what is sent to it. So little costs a slow path nothing.
const SMALL_WINDOW: u32 = 4 * 1024;

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    // Without TLS no browser speaks HTTP/2; and a server that does not say that it does is not asked.
    let Some(offered) = scene.declared.http2.filter(|_| scene.leg == Leg::Https) else { return };
    let Some(settings) = first(&scene, &sheet, offered).await else { return };
    let quick = scene.plan.depth == Depth::Quick;
    let long = async {
        if !quick {
            let lasts_ms = scene.plan.longest_idle_ms.saturating_sub(BESIDE_MS);
            let every_ms = (lasts_ms / 20).clamp(250, 1_000);
            let of = |part, every_ms| long(&scene, &sheet, Asked::new(part, offered, lasts_ms, every_ms));
            tokio::join!(of(Part::Silent, 0), of(Part::Pinged, 0), of(Part::Busy, every_ms));
        }
    };
    let crowd = async {
        scene.until_calm().await;
        let other = async {
            if !quick {
                unread(&scene, &sheet, offered).await;
            }
        };
        let websocket = async {
            if settings.websockets {
                websocket(&scene, &sheet, offered).await;
            }
        };
        tokio::join!(crowd(&scene, &sheet, offered, if quick { CROWD_QUICK_MS } else { CROWD_MS }), other, websocket);
    };
    tokio::join!(long, crowd);
}

/// Asks once. Gives what the other end has set where HTTP/2 was agreed to, and the request answered by the server.
async fn first(scene: &Scene, sheet: &Sheet<Asked>, offered: Offered) -> Option<Settings> {
    let page = sheet.ask(Asked::new(Part::First, offered, 0, 0));
    let mut way = page.dial(scene, Purpose::Http2).await?;
    let client = way.tls.take().map(|secured| secured.end);
    sheet.amend(|asked| asked.part == Part::First, |asked| asked.client.clone_from(&client));
    if !client.is_some_and(|end| end.is_http2()) {
        if let Some(answer) = ask_on(way, scene, &page, FIRST, "", HeaderMap::new(), scene.answer()).await {
            read(scene, &page, answer).await;
        }
        return None;
    }
    let connection = Connection::over(way, &page, Manner::default()).await?;
    let settings = settle(scene, sheet, &page, &connection, Part::First).await;
    page.is_proven().then(|| settings.unwrap_or_default())
}

/// Asks for a few words: with the answer, what the other end has set has come as well.
async fn settle(scene: &Scene, sheet: &Sheet<Asked>, page: &Page, connection: &Connection, part: Part) -> Option<Settings> {
    if let Some(answer) = connection.ask(scene, page, FIRST, "", HeaderMap::new(), scene.answer()).await {
        read(scene, page, answer).await;
    }
    let settings = Settings::read(&connection.observer.first_bytes());
    sheet.amend(|asked| asked.part == part, |asked| asked.settings = settings);
    settings
}

/// Reads an answer of a few words.
async fn read(scene: &Scene, page: &Page, mut answer: Answer) {
    let body = proven_body(&scene.prover, page.nonce(), FIRST, &mut answer, ANSWER_BYTES);
    match timeout(scene.answer(), body).await {
        Ok(Ok((proof, _))) => page.proved(proof),
        Ok(Err(Some(end))) => page.pen.note(Event::Ended(end)),
        Ok(Err(None)) => page.pen.note(Event::Closed(Why::Limit)),
        Err(_) => {
            page.pen.note(Event::GaveUp);
            return;
        }
    }
    page.pen.note(Event::Closed(Why::Done));
}

/// One event stream on a connection of its own.
async fn long(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked) {
    let pings = (asked.part == Part::Pinged).then(|| Pings { every: PING, answer: scene.answer() });
    let page = sheet.ask(asked.clone());
    if let Some(connection) = Connection::open(scene, &page, Manner { pings, ..Manner::default() }).await {
        stream(scene, &page, &connection, &asked).await;
    }
}

async fn stream(scene: &Scene, page: &Page, connection: &Connection, asked: &Asked) {
    if let Some(answer) = open(scene, page, connection, asked).await {
        hear(scene, page, asked, answer).await;
    }
}

/// Asks for a stream, up to the head of its answer.
async fn open(scene: &Scene, page: &Page, connection: &Connection, asked: &Asked) -> Option<Answer> {
    let bulk = if asked.part == Part::Unread { "&bulk" } else { "" };
    let query = format!("?count={}&silence_ms={}&every_ms={}{bulk}", asked.events(), asked.silence_ms(), asked.every_ms);
    let answer = connection.ask(scene, page, STREAM, &query, event_source(None), scene.answer()).await?;
    if answer.head.status != 200 {
        page.pen.note(Event::Closed(Why::Done));
        return None;
    }
    Some(answer)
}

/// Hears a stream to its last event.
async fn hear(scene: &Scene, page: &Page, asked: &Asked, mut answer: Answer) {
    let silence_ms = asked.silence_ms();
    let first = Duration::from_millis(silence_ms) + scene.answer();
    let between = Duration::from_millis(2 * asked.every_ms) + scene.answer();
    let patience = Patience { first, between, enough: Some(asked.events()), weighs: false };
    listen(scene, page, STREAM, &mut answer, patience).await;
}

/// A stream that is left unread until it can bring no more, beside one that is read.
async fn unread(scene: &Scene, sheet: &Sheet<Asked>, offered: Offered) {
    let unread = Asked::new(Part::Unread, offered, 2 * BESIDE_EVERY_MS, BESIDE_EVERY_MS);
    let beside = Asked::new(Part::Beside, offered, 4 * BESIDE_EVERY_MS, BESIDE_EVERY_MS);
    let page = sheet.ask(unread.clone());
    let Some(connection) = Connection::open(scene, &page, Manner { window: SMALL_WINDOW, pings: None }).await else { return };
    let Some(answer) = open(scene, &page, &connection, &unread).await else { return };
    let other = sheet.ask(beside.clone());
    stream(scene, &other, &connection, &beside).await;
    hear(scene, &page, &unread, answer).await;
}

/// Several streams at once on one connection.
async fn crowd(scene: &Scene, sheet: &Sheet<Asked>, offered: Offered, (every_ms, lasts_ms): (u64, u64)) {
    let asked = Asked::new(Part::Crowd, offered, lasts_ms, every_ms);
    let pages: Vec<Page> = (0..CROWD).map(|_| sheet.ask(asked.clone())).collect();
    let Some(first) = pages.first() else { return };
    let Some(connection) = Connection::open(scene, first, Manner::default()).await else { return };
    join_all(pages.iter().map(|page| stream(scene, page, &connection, &asked))).await;
    let settings = Settings::read(&connection.observer.first_bytes());
    sheet.amend(|asked| asked.part == Part::Crowd, |asked| asked.settings = settings);
}

/// A WebSocket on a connection of its own: one that had other work may take no more. It is not asked for before the other end has said
/// that it takes such requests (RFC 8441 section 3).
async fn websocket(scene: &Scene, sheet: &Sheet<Asked>, offered: Offered) {
    let before = sheet.ask(Asked::new(Part::Before, offered, 0, 0));
    let Some(connection) = Connection::open(scene, &before, Manner::default()).await else { return };
    let settings = settle(scene, sheet, &before, &connection, Part::Before).await;
    if before.is_proven() && settings.is_some_and(|settings| settings.websockets) {
        let page = sheet.ask(Asked { settings, ..Asked::new(Part::WebSocket, offered, 0, 0) });
        converse(scene, &page, &connection).await;
    }
}

async fn converse(scene: &Scene, page: &Page, connection: &Connection) {
    let Some(mut talk) = connection.websocket(scene, page, WEBSOCKET).await else { return };
    let mut number = 0;
    let mut deadline = Instant::now() + scene.answer();
    loop {
        match talk.hear_until(deadline).await {
            Some(Heard::Message(What::Greeting | What::Echo, heard)) if heard == number => {
                if number == MESSAGES {
                    break;
                }
                number += 1;
                deadline = Instant::now() + scene.answer();
                if !talk.say(What::Frame, number).await {
                    return;
                }
            }
            Some(Heard::Message(..) | Heard::Altered(..)) => {}
            Some(Heard::Over) => return,
            None => {
                page.gave_up(&talk.observer);
                return;
            }
        }
    }
    talk.close(Why::Done).await;
}
