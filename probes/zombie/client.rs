//! The client's half: sends numbered messages at a steady beat and listens; where all is well, it goes on to sizes.

use super::server::ROUTE;
use super::{Asked, Part, kinds, ladder, listen};
use crate::io::handshake::{Opening, open};
use crate::io::observe::{Scene, Sheet};
use crate::io::websocket::Heard;
use crate::plan::Depth;
use crate::timeline::{What, Why};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    // Afterwards, so that its load is no part of the beat; and what is dead at a beat says nothing about sizes.
    if beat(&scene, &sheet).await
        && let Some(largest) = ladder::observe(&scene, &sheet).await
    {
        // A few small messages each: side by side they disturb each other no more than one after the other.
        tokio::join!(kinds::observe(&scene, &sheet, largest), listen::observe(&scene, &sheet));
    }
}

/// Whether every message came, and as it was sent.
async fn beat(scene: &Scene, sheet: &Sheet<Asked>) -> bool {
    // Two and a half seconds cover the deaths within 2 s of a 101 that are known from the field; a quick run covers one.
    let messages = if scene.plan.depth == Depth::Quick { 4 } else { 10 };
    let asked = Asked { messages, every_ms: 250, part: Part::Beat, ..Asked::default() };
    let every = Duration::from_millis(asked.every_ms);
    let page = sheet.ask(asked);
    let query = format!("?messages={messages}&every_ms={}", every.as_millis());
    let Opening::Open(mut talk) = open(scene, &page, ROUTE, &query).await else { return false };
    let mut number = 0;
    let mut next = Instant::now();
    let mut answered = Instant::now() + scene.answer();
    let (mut echoes, mut ticks, mut greeted, mut intact) = (0, 0, false, true);
    while !(greeted && echoes == messages && ticks == messages) {
        tokio::select! {
            // What has arrived is heard before anything more is said: a failing write must not hide it.
            biased;
            heard = talk.hear() => match heard {
                Heard::Message(what, _) | Heard::Altered(what, _) => {
                    intact &= matches!(heard, Heard::Message(..));
                    match what {
                        What::Greeting => greeted = true,
                        What::Echo => echoes += 1,
                        What::Tick => ticks += 1,
                        _ => {}
                    }
                }
                Heard::Over => return false,
            },
            () = sleep_until(next), if number < messages => {
                number += 1;
                next += every;
                answered = Instant::now() + scene.answer();
                if !talk.say(What::Frame, number).await {
                    return false;
                }
            }
            () = sleep_until(answered), if number == messages => {
                page.gave_up(&talk.observer);
                return false;
            }
        }
    }
    talk.close(Why::Done).await;
    intact
}
