//! Requests on one connection of HTTP/2, each when the one before was answered.

use super::super::server::POST;
use super::super::{Asked, Kind};
use crate::exchange::Proof;
use crate::io::http::proven_body;
use crate::io::http2::{Connection, Manner};
use crate::io::observe::{Page, Scene, Sheet};
use crate::plan::Depth;
use crate::timeline::{End, Event, What, Why};
use crate::transport::Leg;
use crate::wire::{ANSWER_BYTES, Message};
use http::{HeaderMap, HeaderValue, header};
use tokio::time::timeout;

/// Where HTTP/2 is agreed on, a few requests; what stops them is another probe's question.
pub(super) async fn requests(scene: &Scene, sheet: &Sheet<Asked>) {
    if scene.leg != Leg::Https || scene.declared.http2.is_none() {
        return;
    }
    let page = sheet.ask(Asked { kind: Kind::Http2, every_ms: None, attempt: 1 });
    let Some(connection) = Connection::open(scene, &page, Manner::default()).await else { return };
    // The first one waits for the settings of the other end: one more than a median takes, and a few for it.
    let count = if scene.plan.depth == Depth::Quick { 4 } else { 10 };
    for number in 1..=count {
        if !echoed(scene, &page, &connection, number).await {
            return;
        }
    }
    page.pen.note(Event::Closed(Why::Done));
}

/// Sends one, and says whether its echo came.
async fn echoed(scene: &Scene, page: &Page, connection: &Connection, number: u32) -> bool {
    let message = Message { what: What::Frame, number, sent_ms: page.pen.clock.ms(), word: page.nonce().to_owned(), size: None };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    page.pen.note(Event::Sent(What::Frame, number));
    let answer = connection.post(scene, page, POST, headers, message.to_string().into()).await;
    let Some(mut answer) = answer else { return false };
    let body = proven_body(&scene.prover, page.nonce(), POST, &mut answer, ANSWER_BYTES);
    match timeout(scene.answer(), body).await {
        Ok(Ok((proof, text))) => {
            page.proved(proof);
            let echo = Message::read(text.trim_end()).filter(|echo| echo.word == page.nonce() && proof == Proof::Valid);
            if let Some(echo) = echo.filter(|echo| echo.what == What::Echo && echo.number == number) {
                page.pen.note(Event::Received(What::Echo, number, Some(echo.sent_ms)));
                return true;
            }
            page.pen.note(Event::Ended(End::Complete));
        }
        Ok(Err(end)) => page.pen.note(end.map_or(Event::Closed(Why::Limit), Event::Ended)),
        Err(_) => page.gave_up(&connection.observer),
    }
    false
}
