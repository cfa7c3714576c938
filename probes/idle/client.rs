//! The client's half: a ladder of connections, each silent for its rung and then used.

use super::server::{EVENTS, WEBSOCKET};
use super::{Asked, Speaker, rungs};
use crate::io::events::{Patience, event_source, listen};
use crate::io::http::ask;
use crate::io::observe::{Opening as Ready, Page, Scene, Sheet};
use crate::io::testify::HOLD;
use crate::io::websocket::{Heard, Opening, Talk, open};
use crate::io::{Io, Observer};
use crate::timeline::{Event, What, Why};
use crate::transport::Transport;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let ready = scene.opening.take();
    let ladder = rungs(&scene.plan).into_iter().map(|asked| {
        let (scene, page, ready) = (scene.clone(), sheet.ask(asked), ready.clone());
        // A task each: one busy future for all would starve some of them of their turns.
        tokio::spawn(async move {
            match asked.transport {
                Transport::Sse => events(&scene, &page, asked, ready).await,
                _ => websocket(&scene, &page, asked, ready).await,
            }
        })
    });
    let ladder: Vec<_> = ladder.collect();
    drop(ready);
    let abort = AbortAll(ladder.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    join_all(ladder).await;
    drop(abort);
}

/// The rungs end with the probe.
struct AbortAll(Vec<tokio::task::AbortHandle>);

impl Drop for AbortAll {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

async fn websocket(scene: &Scene, page: &Page, asked: Asked, ready: Option<Ready>) {
    let silence = Duration::from_millis(asked.silent_ms);
    let query = match asked.first_speaker {
        Speaker::Server => format!("?silent_ms={}", asked.silent_ms),
        Speaker::Client => String::new(),
    };
    let Opening::Open(mut talk) = open(scene, page, WEBSOCKET, &query, "websocket").await else { return };
    // The connection is used once before the silence: a zombie is not an idle limit.
    if !talk.say(What::Frame, 1).await || !wait_for(&mut talk, page, What::Echo, 1, Instant::now() + scene.answer()).await {
        return;
    }
    drop(ready);
    let until = Instant::now() + silence;
    let spoken = match asked.first_speaker {
        Speaker::Server => wait_for(&mut talk, page, What::Tick, 1, until + scene.answer()).await,
        Speaker::Client => {
            if let Some(Heard::Over) = talk.hear_until(until).await {
                stay(talk).await;
                return;
            }
            page.pen.note(Event::SilenceOver);
            talk.say(What::Frame, 2).await && wait_for(&mut talk, page, What::Echo, 2, Instant::now() + scene.answer()).await
        }
    };
    if spoken {
        talk.close(Why::Done).await;
    } else if asked.first_speaker == Speaker::Server && talk.observer.ended().is_some() {
        // An end that came with this end's own words is the answer to them: nobody else needs to be kept from hearing of it.
        stay(talk).await;
    }
}

/// Whether the message came in time. When it did not, that is on the page.
async fn wait_for(talk: &mut Talk<Io>, page: &Page, what: What, number: u32, deadline: Instant) -> bool {
    loop {
        match talk.hear_until(deadline).await {
            // A changed message is a sign of life.
            Some(Heard::Message(heard, found) | Heard::Altered(heard, found)) if heard == what && found == number => return true,
            Some(Heard::Message(..) | Heard::Altered(..)) => {}
            Some(Heard::Over) => return false,
            None => {
                page.gave_up(&talk.observer);
                return false;
            }
        }
    }
}

/// Keeps this end open for a while after the other side is gone, so that we are not the ones who tell the server.
async fn stay(talk: Box<Talk<Io>>) {
    sleep(HOLD).await;
    drop(talk);
}

async fn events(scene: &Scene, page: &Page, asked: Asked, ready: Option<Ready>) {
    let query = format!("?silent_ms={}", asked.silent_ms);
    let Some(mut answer) = ask(scene, page, EVENTS, &query, event_source(None), scene.answer()).await else { return };
    drop(ready);
    if answer.head.status != 200 {
        page.pen.note(Event::Closed(Why::Done));
        return;
    }
    let held = Held::new(answer.observer.clone());
    let patience = Patience {
        first: Duration::from_millis(asked.silent_ms) + scene.answer(),
        between: scene.answer(),
        enough: None,
        weighs: false,
    };
    let heard = listen(scene, page, EVENTS, &mut answer, patience).await;
    if heard.newest.is_none() && answer.observer.ended().is_some() {
        sleep(HOLD).await;
    }
    drop(held);
}

/// Keeps a stream's connection open until it is dropped.
struct Held(Observer);

impl Held {
    fn new(observer: Observer) -> Self {
        observer.hold();
        Self(observer)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.release();
    }
}
