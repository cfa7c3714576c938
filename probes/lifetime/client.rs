//! The client's half: one busy connection of each kind, as long as the longest silence.

use super::Asked;
use super::server::{EVENTS, WEBSOCKET};
use crate::io::events::{Patience, event_source, listen};
use crate::io::handshake::{Opening, open};
use crate::io::http::ask;
use crate::io::observe::{Page, Scene, Sheet};
use crate::io::websocket::Heard;
use crate::timeline::{Event, What, Why};
use crate::transport::Transport;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The twins open this long after the run began, and at different times: connections of different ages that end or fall silent
/// together tell a restart or a stall from a limit.
const YOUNGER_MS: u64 = 1_600;
/// And the event stream so much later; a quick run has no time for that.
const YOUNGEST_MS: u64 = 4_000;

/// A twin grows as old as the longest silence but for this: past 30 s where silences of 32 s are tried, because 30 s is the limit
/// that most often is one of age somewhere and one of silence elsewhere.
const BESIDE_MS: u64 = 1_500;
/// And from this silence on but for [`YOUNGEST_MS`]: past 60 s, the other such limit, in a run that ends with its longest silence.
const LONG_MS: u64 = 65_000;

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    let longest = scene.plan.longest_idle_ms;
    let every_ms = (longest / 20).clamp(250, 1_000);
    let stream_at = if longest >= 2 * YOUNGEST_MS { YOUNGEST_MS } else { YOUNGER_MS };
    // Busy until the longest silence has ended and the younger one is old enough to be compared with it; both until then, so that
    // neither is alone with whatever happens to the path.
    let beside = if longest >= LONG_MS { YOUNGEST_MS } else { BESIDE_MS };
    let until = longest.max(stream_at + longest.saturating_sub(beside));
    let begin = |transport, at_ms: u64| {
        let (scene, sheet) = (&scene, &sheet);
        async move {
            sleep_until(scene.clock.moment(at_ms)).await;
            // Where the run began slowly, the silent ones are late as well: what counts is how old this one becomes.
            let busy_ms = until.saturating_sub(scene.clock.ms()).max(longest.saturating_sub(beside)).max(1_000);
            let asked = Asked { transport, busy_ms, every_ms };
            let page = sheet.ask(asked);
            match transport {
                Transport::Sse => events(scene, &page, asked).await,
                _ => websocket(scene, &page, asked).await,
            }
        }
    };
    tokio::join!(begin(Transport::WebSocket, YOUNGER_MS), begin(Transport::Sse, stream_at));
}

async fn websocket(scene: &Scene, page: &Page, asked: Asked) {
    let Opening::Open(mut talk) = open(scene, page, WEBSOCKET, "").await else { return };
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
                // A changed message is a sign of life.
                Heard::Message(what, found) | Heard::Altered(what, found) => {
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
            // Its time is over, too, where other things than the last answer go on arriving.
            () = sleep_until(silent_since.min(until) + every + scene.answer()) => {
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
    let enough = Some(asked.events());
    let overdue = Duration::from_millis(2 * asked.every_ms) + scene.answer();
    listen(scene, page, EVENTS, &mut answer, Patience { first: overdue, between: overdue, enough, weighs: false }).await;
}
