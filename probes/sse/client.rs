//! The client's half: a plain stream and a hinted one side by side, then a reconnect.

use super::server::ROUTE;
use super::{Asked, Kind};
use crate::io::events::{Heard, Patience, event_source, listen};
use crate::io::http::ask;
use crate::io::observe::{Scene, Sheet};
use crate::plan::Depth;
use crate::timeline::{Event, Why};
use std::time::Duration;
use tokio::time::sleep;

/// The most that a server's `retry:` is obeyed.
const RETRY_MAX: Duration = Duration::from_secs(1);

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    // Three seconds of events are long enough that a burst at the end is no hiccup of a slow path.
    let (count, every_ms) = if scene.plan.depth == Depth::Quick { (8, 250) } else { (12, 300) };
    let asked = |kind, count| Asked { kind, count, every_ms };
    let (plain, _) = tokio::join!(
        stream(&scene, &sheet, asked(Kind::Plain, count), None),
        stream(&scene, &sheet, asked(Kind::Hinted, count), None)
    );
    let Some(newest) = plain.newest else { return };
    sleep(plain.retry.unwrap_or_default().min(RETRY_MAX)).await;
    stream(&scene, &sheet, asked(Kind::Resumed, 2), Some(newest)).await;
}

async fn stream(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked, last: Option<u32>) -> Heard {
    let page = sheet.ask(asked);
    let hinted = if asked.kind == Kind::Plain { "" } else { "&hinted" };
    let query = format!("?count={}&every_ms={}{hinted}", asked.count, asked.every_ms);
    // A held-back head comes with the end of the stream at the latest.
    let lasts = Duration::from_millis(u64::from(asked.count + 1) * asked.every_ms) + scene.answer();
    let Some(mut answer) = ask(scene, &page, ROUTE, &query, event_source(last), lasts).await else { return Heard::default() };
    if answer.head.status != 200 {
        let (body, _) = answer.read(300).await;
        page.pen.note(Event::Foreign(crate::untrusted::Untrusted::from_bytes(&body, 300)));
        page.pen.note(Event::Closed(Why::Done));
        return Heard::default();
    }
    let between = Duration::from_millis(2 * asked.every_ms) + scene.answer();
    listen(scene, &page, ROUTE, &mut answer, Patience { first: lasts, between, enough: None }).await
}
