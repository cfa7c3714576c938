//! The client's half: a ladder of connections, each silent for its rung and then used, and beside it some that are kept up.

mod kept;

use super::server::{EVENTS, WEBSOCKET};
use super::{Asked, Speaker, finer, rungs};
use crate::io::events::{Patience, event_source, listen};
use crate::io::handshake::{Opening, open};
use crate::io::http::ask;
use crate::io::observe::{Opening as Ready, Page, Scene, Sheet};
use crate::io::testify::HOLD;
use crate::io::websocket::{Heard, Talk};
use crate::io::{Io, Observer};
use crate::plan::Depth;
use crate::timeline::{Event, What, Why};
use crate::transport::Transport;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

pub(super) async fn observe(mut scene: Scene, sheet: Sheet<Asked>) {
    let ready = scene.opening.take();
    // Those that are kept up come last: where a path allows few connections, it is they that do not come about.
    let all = rungs(&scene.plan).into_iter().chain(super::kept(&scene.plan)).collect();
    let first = climb(&scene, &sheet, all, ready).await;
    if scene.plan.depth != Depth::Deep {
        return;
    }
    let first: Vec<_> = first.into_iter().filter(|(asked, _)| asked.kept.is_none()).collect();
    let mut kinds: Vec<(Transport, Speaker)> = first.iter().map(|(asked, _)| (asked.transport, asked.first_speaker)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    // All kinds at once: they cost no more time than the longest of them.
    let finer: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| {
            let of_kind = first.iter().filter(|(asked, _)| (asked.transport, asked.first_speaker) == kind);
            let (survived, lost) = silent_limit(of_kind.map(|(asked, came)| (asked.silent_ms, *came)))?;
            Some(climb(&scene, &sheet, finer(kind.0, kind.1, survived, lost), None))
        })
        .collect();
    join_all(finer).await;
}

/// What became of a rung, as far as this end can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// It was used after its silence.
    Lived,
    /// It was dead after its silence, without a word before.
    Silent,
    /// It did not open, was ended, or was not needed any more.
    Otherwise,
}

/// Between which silences a limit lies of which nobody was told. One that is told is known to the millisecond.
fn silent_limit(rungs: impl Iterator<Item = (u64, Came)> + Clone) -> Option<(u64, u64)> {
    let of = |wanted: Came| rungs.clone().filter(move |(_, came)| *came == wanted).map(|(silent_ms, _)| silent_ms);
    let (survived, lost) = (of(Came::Lived).max().unwrap_or(0), of(Came::Silent).min()?);
    (survived < lost && of(Came::Otherwise).all(|silent_ms| silent_ms > lost)).then_some((survived, lost))
}

/// Lays a ladder: all rungs at once, each silent for its time and then used. On a second one, a rung is given up when a shorter one has
/// died.
async fn climb(scene: &Scene, sheet: &Sheet<Asked>, ladder: Vec<Asked>, ready: Option<Ready>) -> Vec<(Asked, Came)> {
    let (died, shortest) = watch::channel(u64::MAX);
    let died = Arc::new(died);
    let rungs: Vec<_> = ladder
        .into_iter()
        .map(|asked| {
            let (scene, page, ready) = (scene.clone(), sheet.ask(asked), ready.clone());
            let (died, mut shortest) = (died.clone(), shortest.clone());
            // A task each: one busy future for all would starve some of them of their turns.
            tokio::spawn(async move {
                let rung = async {
                    match (asked.kept, asked.transport) {
                        (Some(kept), _) => {
                            kept::keep_up(&scene, &page, asked, kept, ready).await;
                            // What it tells is no silence.
                            Came::Otherwise
                        }
                        (None, Transport::Sse) => events(&scene, &page, asked, ready).await,
                        (None, _) => websocket(&scene, &page, asked, ready).await,
                    }
                };
                let came = tokio::select! {
                    biased;
                    came = rung => came,
                    _ = shortest.wait_for(|shortest| asked.finer && *shortest < asked.silent_ms) => {
                        page.pen.note(Event::Closed(Why::Abort));
                        Came::Otherwise
                    }
                };
                if came == Came::Silent {
                    died.send_if_modified(|shortest| std::mem::replace(shortest, asked.silent_ms.min(*shortest)) != *shortest);
                }
                (asked, came)
            })
        })
        .collect();
    drop(ready);
    let abort = AbortAll(rungs.iter().map(tokio::task::JoinHandle::abort_handle).collect());
    let came = join_all(rungs).await.into_iter().filter_map(Result::ok).collect();
    drop(abort);
    came
}

/// The rungs end with the probe.
struct AbortAll(Vec<tokio::task::AbortHandle>);

impl Drop for AbortAll {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

async fn websocket(scene: &Scene, page: &Page, asked: Asked, ready: Option<Ready>) -> Came {
    let silence = Duration::from_millis(asked.silent_ms);
    let query = match asked.first_speaker {
        Speaker::Server => format!("?silent_ms={}", asked.silent_ms),
        Speaker::Client => String::new(),
    };
    let Opening::Open(mut talk) = open(scene, page, WEBSOCKET, &query).await else {
        return Came::Otherwise;
    };
    // The connection is used once before the silence: a zombie is not an idle limit.
    if !talk.say(What::Frame, 1).await || !wait_for(&mut talk, page, What::Echo, 1, Instant::now() + scene.answer()).await {
        return Came::Otherwise;
    }
    drop(ready);
    let until = Instant::now() + silence;
    let spoken = match asked.first_speaker {
        Speaker::Server => wait_for(&mut talk, page, What::Tick, 1, until + scene.answer()).await,
        Speaker::Client => {
            if let Some(Heard::Over) = talk.hear_until(until).await {
                stay(talk).await;
                return Came::Otherwise;
            }
            page.pen.note(Event::SilenceOver);
            talk.say(What::Frame, 2).await && wait_for(&mut talk, page, What::Echo, 2, Instant::now() + scene.answer()).await
        }
    };
    if spoken {
        talk.close(Why::Done).await;
        return Came::Lived;
    }
    if asked.first_speaker == Speaker::Server && talk.observer.ended().is_some() {
        // An end that came with this end's own words is the answer to them: nobody else needs to be kept from hearing of it.
        stay(talk).await;
        return Came::Otherwise;
    }
    Came::Silent
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

async fn events(scene: &Scene, page: &Page, asked: Asked, ready: Option<Ready>) -> Came {
    let comments = asked.kept.map_or_else(String::new, |kept| format!("&every_ms={}", kept.every_ms));
    let query = format!("?silent_ms={}{comments}", asked.silent_ms);
    let Some(mut answer) = ask(scene, page, EVENTS, &query, event_source(None), scene.answer()).await else {
        return Came::Otherwise;
    };
    drop(ready);
    if answer.head.status != 200 {
        page.pen.note(Event::Closed(Why::Done));
        return Came::Otherwise;
    }
    let held = Held::new(answer.observer.clone());
    let patience = Patience {
        first: Duration::from_millis(asked.silent_ms) + scene.answer(),
        between: scene.answer(),
        enough: None,
        weighs: false,
    };
    let heard = listen(scene, page, EVENTS, &mut answer, patience).await;
    let came = match (heard.newest.is_some(), answer.observer.ended()) {
        (true, _) => Came::Lived,
        (false, None) => Came::Silent,
        (false, Some(_)) => {
            sleep(HOLD).await;
            Came::Otherwise
        }
    };
    drop(held);
    came
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
