//! The client's half: sends numbered messages at a steady beat and listens.

use super::Asked;
use super::server::ROUTE;
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::{Heard, Opening, open};
use crate::plan::Depth;
use crate::timeline::{What, Why};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    // Two and a half seconds cover the deaths within 2 s of a 101 that are known from the field; a quick run covers one.
    let messages = if scene.plan.depth == Depth::Quick { 4 } else { 10 };
    let asked = Asked { messages, every_ms: 250 };
    let every = Duration::from_millis(asked.every_ms);
    let page = sheet.ask(asked);
    let query = format!("?messages={messages}&every_ms={}", every.as_millis());
    let Opening::Open(mut talk) = open(&scene, &page, ROUTE, &query, "websocket").await else { return };
    let mut number = 0;
    let mut next = Instant::now();
    let mut answered = Instant::now() + scene.answer();
    let (mut echoes, mut ticks, mut greeted) = (0, 0, false);
    while !(greeted && echoes == messages && ticks == messages) {
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => match heard {
                Heard::Message(What::Greeting, _) => greeted = true,
                Heard::Message(What::Echo, _) => echoes += 1,
                Heard::Message(What::Tick, _) => ticks += 1,
                Heard::Message(..) => {}
                Heard::Over => return,
            },
            () = sleep_until(next), if number < messages => {
                number += 1;
                next += every;
                answered = Instant::now() + scene.answer();
                if !talk.say(What::Frame, number).await {
                    return;
                }
            }
            () = sleep_until(answered), if number == messages => {
                page.gave_up(&talk.observer);
                return;
            }
        }
    }
    talk.close(Why::Done).await;
}
