//! Connections beside the ladder, each kept up by one sign of life alone.

use super::{events, stay, wait_for};
use crate::idle::server::WEBSOCKET;
use crate::idle::{Asked, Kept, Sign};
use crate::io::Io;
use crate::io::handshake::{Opening, open};
use crate::io::observe::{Opening as Ready, Page, Scene};
use crate::io::websocket::{Heard, Talk};
use crate::timeline::{Event, What, Why};
use crate::transport::Transport;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Opens one, keeps it up for as long as it should be, and uses it.
pub(super) async fn keep_up(scene: &Scene, page: &Page, asked: Asked, kept: Kept, ready: Option<Ready>) {
    if asked.transport == Transport::Sse {
        events(scene, page, asked, ready).await;
        return;
    }
    let query = match kept.by {
        Sign::ServerPings => format!("?signs=pings&every_ms={}", kept.every_ms),
        Sign::ServerBytes => format!("?signs=ticks&every_ms={}", kept.every_ms),
        _ => String::new(),
    };
    let Opening::Open(mut talk) = open(scene, page, WEBSOCKET, &query).await else { return };
    if !exchange(scene, page, &mut talk, 1).await {
        return;
    }
    drop(ready);
    let every = Duration::from_millis(kept.every_ms);
    if kept.by == Sign::TcpKeepAlive && !talk.observer.keep_alive(every) {
        talk.close(Why::Abort).await;
        return;
    }
    let until = Instant::now() + Duration::from_millis(asked.silent_ms);
    let Some(last) = sign(&mut talk, kept.by, every, until).await else {
        stay(talk).await;
        return;
    };
    page.pen.note(Event::SilenceOver);
    if exchange(scene, page, &mut talk, last + 1).await {
        talk.close(Why::Done).await;
    }
}

/// Says frame `number` and waits for its echo.
async fn exchange(scene: &Scene, page: &Page, talk: &mut Talk<Io>, number: u32) -> bool {
    talk.say(What::Frame, number).await && wait_for(talk, page, What::Echo, number, Instant::now() + scene.answer()).await
}

/// Gives signs until then; the number of the last frame, or none where the connection is over.
async fn sign(talk: &mut Talk<Io>, by: Sign, every: Duration, until: Instant) -> Option<u32> {
    let what = match by {
        Sign::AnsweredMessages => Some(What::Frame),
        Sign::ClientBytes => Some(What::Tick),
        Sign::ClientPings => Some(What::Ping),
        Sign::ServerBytes | Sign::ServerPings | Sign::Comments | Sign::TcpKeepAlive => None,
    };
    let mut next = Instant::now() + every;
    let mut number = 1;
    loop {
        let due = what.map_or(until, |_| next.min(until));
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => if heard == Heard::Over { return None },
            () = sleep_until(due) => match what.filter(|_| due < until) {
                None => return Some(if by == Sign::AnsweredMessages { number } else { 1 }),
                Some(what) => {
                    number += 1;
                    next += every;
                    if !talk.say(what, number).await {
                        return None;
                    }
                }
            },
        }
    }
}
