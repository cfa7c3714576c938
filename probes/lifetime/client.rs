//! The client's half: one busy connection of each kind, as long as the longest silence.

use super::Asked;
use super::server::{EVENTS, WEBSOCKET};
use crate::io::events::{event_source, listen};
use crate::io::http::ask;
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::websocket::{Heard, Opening, open};
use crate::timeline::{Event, What, Why};
use crate::transport::Transport;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The twins open this long after the run began: connections of different ages that end together tell a restart from a limit.
const YOUNGER_MS: u64 = 1_600;

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    sleep_until(scene.clock.moment(YOUNGER_MS)).await;
    let every_ms = (scene.plan.longest_idle_ms / 20).clamp(250, 1_000);
    let busy_ms = scene.plan.longest_idle_ms.saturating_sub(YOUNGER_MS).max(1_000);
    let asked = |transport| Asked { transport, busy_ms, every_ms };
    let socket = sheet.ask(asked(Transport::WebSocket));
    let stream = sheet.ask(asked(Transport::Sse));
    tokio::join!(websocket(&scene, &socket, asked(Transport::WebSocket)), events(&scene, &stream, asked(Transport::Sse)));
}

async fn websocket(scene: &Scene, page: &Page, asked: Asked) {
    let Opening::Open(mut talk) = open(scene, page, WEBSOCKET, "", "websocket").await else { return };
    let every = Duration::from_millis(asked.every_ms);
    let until = Instant::now() + Duration::from_millis(asked.busy_ms);
    let (mut number, mut echoed) = (0, 0);
    let mut next = Instant::now();
    let mut silent_since = Instant::now();
    loop {
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => match heard {
                Heard::Message(what, found) => {
                    silent_since = Instant::now();
                    if what == What::Echo {
                        echoed = found;
                    }
                    if echoed == number && Instant::now() >= until {
                        break;
                    }
                }
                Heard::Over => return,
            },
            () = sleep_until(next), if Instant::now() < until || number == 0 => {
                number += 1;
                next += every;
                if !talk.say(What::Frame, number).await {
                    return;
                }
            }
            () = sleep_until(silent_since + every + scene.answer()) => {
                page.gave_up(&talk.observer);
                return;
            }
        }
    }
    talk.close(Why::Done).await;
}

async fn events(scene: &Scene, page: &Page, asked: Asked) {
    let query = format!("?busy_ms={}&every_ms={}", asked.busy_ms, asked.every_ms);
    let Some(mut answer) = ask(scene, page, EVENTS, &query, event_source(None), scene.answer()).await else { return };
    if answer.head.status != 200 {
        page.pen.note(Event::Closed(Why::Done));
        return;
    }
    let deadline = Instant::now() + Duration::from_millis(asked.busy_ms + asked.every_ms) + scene.answer();
    listen(scene, page, EVENTS, &mut answer, deadline).await;
}
