//! The client's half: a plain stream and a hinted one side by side, then a reconnect, and where it tells something a padded one.

use super::server::ROUTE;
use super::{Asked, Kind};
use crate::io::events::{Heard, Patience, event_source, listen};
use crate::io::http::ask;
use crate::io::observe::{Scene, Sheet};
use crate::plan::{Depth, Plan};
use crate::timeline::{Event, Why};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The most that a server's `retry:` is obeyed.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A padded stream up to 16 KiB, and one up to 64 KiB: so many events, and one more behind the last size, so that what this size
/// sets free does not come with the end.
const UP_TO_16_KIB: u32 = 10;
const UP_TO_64_KIB: u32 = 14;

/// The beat of a padded stream, in milliseconds. It takes no longer than the plain one, so that what is passed on by the clock and
/// did not pass the plain one on in time does not pass this one on either.
const PADDED_EVERY_MS: u64 = 230;
/// The same in a quick run.
const PADDED_EVERY_QUICK_MS: u64 = 120;

/// How much longer a padded stream may take than its beat: 64 KiB at 64 kbit/s.
const PADDING_TAKES: Duration = Duration::from_secs(8);

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    let quick = scene.plan.depth == Depth::Quick;
    // Three seconds of events are long enough that a burst at the end is no hiccup of a slow path.
    let (count, every_ms) = if quick { (8, 250) } else { (12, 300) };
    let asked = |kind, count| Asked { kind, count, every_ms };
    let (plain, _) = tokio::join!(
        stream(&scene, &sheet, asked(Kind::Plain, count), None),
        stream(&scene, &sheet, asked(Kind::Hinted, count), None)
    );
    let Some(newest) = plain.newest else { return };
    let resumed = async {
        sleep(plain.retry.unwrap_or_default().min(RETRY_MAX)).await;
        stream(&scene, &sheet, asked(Kind::Resumed, 2), Some(newest)).await;
    };
    // On a path that is slow the kibibytes themselves would be late; a quick run has no time for more.
    let slow = scene.plan.answer_ms > Plan::ANSWER_MS;
    let padded = Asked {
        kind: Kind::Padded,
        count: if quick || slow { UP_TO_16_KIB } else { UP_TO_64_KIB },
        every_ms: if quick { PADDED_EVERY_QUICK_MS } else { PADDED_EVERY_MS },
    };
    let bunched = in_bunches(&plain.arrived, Duration::from_millis(every_ms));
    let padded = async {
        if bunched {
            stream(&scene, &sheet, padded, None).await;
        }
    };
    tokio::join!(resumed, padded);
}

/// Whether a third of the events came together with the one before, although the shortest gap is half the mean. Only then does
/// their size matter, and only then is the path burdened with padding.
fn in_bunches(arrived: &[Instant], every: Duration) -> bool {
    let together = |pair: &&[Instant]| matches!(pair, [a, b] if b.saturating_duration_since(*a) < every / 4);
    let pairs = arrived.windows(2);
    3 * pairs.clone().filter(together).count() >= pairs.len().max(1)
}

async fn stream(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked, last: Option<u32>) -> Heard {
    let page = sheet.ask(asked);
    let flag = match asked.kind {
        Kind::Plain => "",
        Kind::Padded => "&padded",
        Kind::Hinted | Kind::Resumed => "&hinted",
    };
    let query = format!("?count={}&every_ms={}{flag}", asked.count, asked.every_ms);
    let padding = if asked.kind == Kind::Padded { PADDING_TAKES } else { Duration::ZERO };
    // A held-back head comes with the end of the stream at the latest.
    let lasts = Duration::from_millis(u64::from(asked.count + 1) * asked.every_ms) + scene.answer() + padding;
    let Some(mut answer) = ask(scene, &page, ROUTE, &query, event_source(last), lasts).await else { return Heard::default() };
    if answer.head.status != 200 {
        let (body, _) = timeout(scene.answer(), answer.read(300)).await.unwrap_or_default();
        page.pen.note(Event::Foreign(crate::untrusted::Untrusted::from_bytes(&body, 300)));
        page.pen.note(Event::Closed(Why::Done));
        return Heard::default();
    }
    let between = Duration::from_millis(2 * asked.every_ms) + scene.answer() + padding;
    let patience = Patience { first: lasts, between, enough: None, weighs: asked.kind != Kind::Resumed };
    listen(scene, &page, ROUTE, &mut answer, patience).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_no_bunch() {
        let start = Instant::now();
        let at = |times: &[u64]| times.iter().map(|ms| start + Duration::from_millis(*ms)).collect::<Vec<_>>();
        let every = Duration::from_millis(300);
        assert!(!in_bunches(&[], every));
        assert!(!in_bunches(&at(&[150, 300, 750, 900, 1350, 1500]), every));
        // One lost segment, and what had to wait for it.
        assert!(!in_bunches(&at(&[150, 300, 1360, 1361, 1362, 1500, 1950, 2100, 2550, 2700, 3150, 3300]), every));
        assert!(in_bunches(&at(&[3600, 3600, 3600, 3601]), every));
        // Always two and two.
        assert!(in_bunches(&at(&[150, 750, 751, 1350, 1350, 1950, 1951]), every));
    }
}
