//! The client's half: requests held for different times, all at once, and one that is given up early.

use super::server::ROUTE;
use super::{Asked, holds};
use crate::exchange::Proof;
use crate::io::http::{ask, proven_body};
use crate::io::observe::{Opening, Page, Scene, Sheet};
use crate::timeline::{End, Event, What, Why};
use crate::wire::{ANSWER_BYTES, Message};
use futures_util::future::join_all;
use http::HeaderMap;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

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
    match timeout_at(deadline, proven_body(&scene.prover, page.nonce(), ROUTE, &mut answer, ANSWER_BYTES)).await {
        Err(_) => page.gave_up(&observer),
        Ok(Err(Some(end))) => page.pen.note(Event::Ended(end)),
        Ok(Err(None)) => page.pen.note(Event::Closed(Why::Limit)),
        Ok(Ok((proof, text))) => {
            page.proved(proof);
            if proof == Proof::Valid {
                let sent = Message::read(text.trim_end()).map(|message| message.sent_ms);
                page.pen.note(Event::Received(What::Body, 0, sent));
            }
            page.pen.note(Event::Ended(End::Complete));
        }
    }
}
