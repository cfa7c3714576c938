//! The client's half: requests held for different times, all at once, and one that is given up early.

use super::server::ROUTE;
use super::{Asked, holds};
use crate::exchange::Proof;
use crate::io::http::ask;
use crate::io::observe::{Opening, Page, Scene, Sheet};
use crate::timeline::{End, Event, What, Why};
use crate::untrusted::Untrusted;
use crate::wire::{ANSWER_BYTES, Message};
use futures_util::future::join_all;
use http::HeaderMap;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// How much of an answer that is not ours is kept: a title and a sentence.
const FOREIGN_BYTES: usize = 300;

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let ready = scene.opening.take();
    let requests = holds(&scene.plan).into_iter().map(|asked| {
        let (scene, page, ready) = (scene.clone(), sheet.ask(asked), ready.clone());
        async move {
            match asked.abort_ms {
                Some(ms) => {
                    drop(ready);
                    if timeout(Duration::from_millis(ms), poll(&scene, &page, asked, None)).await.is_err() {
                        page.pen.note(Event::Closed(Why::Abort));
                    }
                }
                None => poll(&scene, &page, asked, ready).await,
            }
        }
    });
    let requests: Vec<_> = requests.collect();
    drop(ready);
    join_all(requests).await;
}

async fn poll(scene: &Scene, page: &Page, asked: Asked, ready: Option<Opening>) {
    // Nothing tells this end that a request is being held, so the opening counts as over when it begins.
    drop(ready);
    let within = Duration::from_millis(asked.hold_ms) + scene.answer();
    let query = format!("?hold_ms={}", asked.hold_ms);
    let Some(mut answer) = ask(scene, page, ROUTE, &query, HeaderMap::new(), within).await else { return };
    let observer = answer.observer.clone();
    let deadline = Instant::now() + scene.answer();
    match timeout_at(deadline, answer.read(ANSWER_BYTES)).await {
        Err(_) => page.gave_up(&observer),
        Ok((_, None)) => page.pen.note(Event::Closed(Why::Limit)),
        Ok((body, Some(End::Complete))) => {
            let text = String::from_utf8_lossy(&body);
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            let proof = scene.prover.examine(first, page.nonce(), ROUTE);
            page.proved(proof);
            match proof {
                Proof::Valid => {
                    let sent = Message::read(rest.trim_end()).map(|message| message.sent_ms);
                    page.pen.note(Event::Received(What::Body, 0, sent));
                }
                // Who answers in the server's place says so in a few words.
                Proof::None if !body.is_empty() => page.pen.note(Event::Foreign(Untrusted::from_bytes(&body, FOREIGN_BYTES))),
                _ => {}
            }
            page.pen.note(Event::Ended(End::Complete));
        }
        Ok((_, Some(end))) => page.pen.note(Event::Ended(end)),
    }
}
