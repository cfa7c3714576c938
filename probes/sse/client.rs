//! The client's half: a plain stream and a hinted one side by side, then a reconnect, and where it tells something a padded one;
//! then the other forms, over HTTP/2 as well, and several streams at once.

use super::form::{departures, over_http2};
use super::server::ROUTE;
use super::{Asked, Form, Kind, MediaType};
use crate::io::Purpose;
use crate::io::events::{Heard, Patience, event_source, listen};
use crate::io::http::{Answer, ask_on};
use crate::io::http2::{Connection, Manner};
use crate::io::observe::{Page, Scene, Sheet};
use crate::plan::{Depth, Plan};
use crate::timeline::{Event, Why};
use crate::transport::Leg;
use crate::untrusted::Untrusted;
use crate::wire::STREAM_FORMS;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, header};
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

/// Forms are tried so many at a time: what they send together stays below the beat of the plain stream and its neighbours.
const AT_A_TIME: usize = 4;
/// And so many connections of HTTP/2: a stream on one takes fewer bytes, and no handshake.
const ROWS_AT_A_TIME: usize = 2;
/// A run whose longest silence is shorter has no time for them: with the streams at once they take a quarter of a minute.
const FORMS_FROM_MS: u64 = 20_000;
/// A connection that takes longer to open says that the link has no room for more, or is far away.
const OPENS_SOON: Duration = Duration::from_secs(1);

/// So many streams are opened at once: two more than a browser opens over HTTP/1.1.
const TOGETHER: usize = 8;
/// What each of them is sent, for two seconds: long enough that all are open at once even where opening takes a second.
const TOGETHER_EVENTS: (u32, u64) = (5, 400);

pub(super) async fn observe(scene: Scene, sheet: Sheet<Asked>) {
    let quick = scene.plan.depth == Depth::Quick;
    // Three seconds of events are long enough that a burst at the end is no hiccup of a slow path.
    let (count, every_ms) = if quick { (8, 250) } else { (12, 300) };
    let asked = |kind, count| Asked { kind, count, every_ms, form: Form::default() };
    let (plain, _) = tokio::join!(
        stream(&scene, &sheet, asked(Kind::Plain, count), None),
        stream(&scene, &sheet, asked(Kind::Hinted, count), None)
    );
    let resumed = async {
        let Some(newest) = plain.heard.newest else { return };
        sleep(plain.heard.retry.unwrap_or_default().min(RETRY_MAX)).await;
        stream(&scene, &sheet, asked(Kind::Resumed, 2), Some(newest)).await;
    };
    // On a path that is slow the kibibytes themselves would be late; a quick run has no time for more.
    let slow = scene.plan.answer_ms > Plan::ANSWER_MS;
    let padded = Asked {
        every_ms: if quick { PADDED_EVERY_QUICK_MS } else { PADDED_EVERY_MS },
        ..asked(Kind::Padded, if quick || slow { UP_TO_16_KIB } else { UP_TO_64_KIB })
    };
    let bunched = plain.heard.newest.is_some() && in_bunches(&plain.heard.arrived, Duration::from_millis(every_ms));
    let padded = async {
        if bunched {
            stream(&scene, &sheet, padded, None).await;
        }
    };
    let room = !slow && scene.plan.longest_idle_ms >= FORMS_FROM_MS && plain.opened_in.is_some_and(|took| took <= OPENS_SOON);
    let mut forms = if room { departures(scene.plan.depth, count, every_ms) } else { Vec::new() };
    let known = |asked: &Asked| !asked.form.is_the_servers() || scene.declared.knows(STREAM_FORMS);
    forms.retain(known);
    let mut waves = forms.chunks(AT_A_TIME);
    // The first ones stand beside the reconnect, but not beside the padded stream: what its kibibytes take is measured.
    let beside = if bunched { None } else { waves.next() };
    tokio::join!(resumed, padded, at_once(&scene, &sheet, beside.unwrap_or_default()));
    for wave in waves {
        at_once(&scene, &sheet, wave).await;
    }
    // Without TLS no browser speaks HTTP/2; and a server that does not say that it does is not asked.
    if room && scene.leg == Leg::Https && scene.declared.http2.is_some() {
        let mut rows = over_http2(scene.plan.depth, count, every_ms);
        rows.iter_mut().for_each(|row| row.retain(known));
        for rows in rows.chunks(ROWS_AT_A_TIME) {
            join_all(rows.iter().map(|row| on_one_connection(&scene, &sheet, row))).await;
        }
    }
    if room && scene.plan.depth != Depth::Quick {
        let (count, every_ms) = TOGETHER_EVENTS;
        at_once(&scene, &sheet, &[Asked { every_ms, ..asked(Kind::Together, count) }; TOGETHER]).await;
    }
}

/// Hears several streams at once.
async fn at_once(scene: &Scene, sheet: &Sheet<Asked>, all: &[Asked]) {
    join_all(all.iter().map(|asked| stream(scene, sheet, *asked, None))).await;
}

/// The same over HTTP/2, all on one connection, where it is agreed on.
async fn on_one_connection(scene: &Scene, sheet: &Sheet<Asked>, row: &[Asked]) {
    let Some((first, others)) = row.split_first() else { return };
    let page = sheet.ask(*first);
    let Some(connection) = Connection::open(scene, &page, Manner::default()).await else { return };
    let pages = std::iter::once((page, first)).chain(others.iter().map(|asked| (sheet.ask(*asked), asked)));
    let hear_one = async |(page, asked): (Page, &Asked)| {
        let (query, headers) = question(asked, None);
        if let Some(answer) = connection.ask(scene, &page, ROUTE, &query, headers, lasts(scene, asked)).await {
            hear(scene, &page, asked, answer).await;
        }
    };
    join_all(pages.map(hear_one)).await;
}

/// Whether a third of the events came together with the one before, although the shortest gap is half the mean. Only then does
/// their size matter, and only then is the path burdened with padding.
fn in_bunches(arrived: &[Instant], every: Duration) -> bool {
    let together = |pair: &&[Instant]| matches!(pair, [a, b] if b.saturating_duration_since(*a) < every / 4);
    let pairs = arrived.windows(2);
    3 * pairs.clone().filter(together).count() >= pairs.len().max(1)
}

/// What was heard of a stream, and, where it was answered at all, how long its connection took to open.
#[derive(Default)]
struct Streamed {
    heard: Heard,
    opened_in: Option<Duration>,
}

async fn stream(scene: &Scene, sheet: &Sheet<Asked>, asked: Asked, last: Option<u32>) -> Streamed {
    let page = sheet.ask(asked);
    let Some(way) = page.dial(scene, Purpose::Request).await else { return Streamed::default() };
    let took = Duration::from_millis(way.opened.took_ms);
    let (query, headers) = question(&asked, last);
    let answer = ask_on(way, scene, &page, ROUTE, &query, headers, lasts(scene, &asked)).await;
    let Some(answer) = answer else { return Streamed::default() };
    Streamed { heard: hear(scene, &page, &asked, answer).await, opened_in: Some(took) }
}

/// How a stream is asked for: a query, and headers.
fn question(asked: &Asked, last: Option<u32>) -> (String, HeaderMap) {
    let flag = match asked.kind {
        Kind::Padded => "&padded",
        Kind::Hinted | Kind::Resumed => "&hinted",
        Kind::Plain | Kind::Varied | Kind::Together => "",
    };
    let media_type = match asked.form.media_type {
        MediaType::EventStream => String::new(),
        other => format!("&type={}", other.word()),
    };
    let close = if asked.form.close_delimited { "&close" } else { "" };
    let query = format!("?count={}&every_ms={}{flag}{media_type}{close}", asked.count, asked.every_ms);
    let mut headers = event_source(last);
    if asked.form.accepts_anything {
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    }
    if asked.form.uncompressed {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    (query, headers)
}

/// How much longer than its beat a stream may take.
fn padding(asked: &Asked) -> Duration {
    if asked.kind == Kind::Padded { PADDING_TAKES } else { Duration::ZERO }
}

/// How long a stream may take. A held-back head comes with its end at the latest.
fn lasts(scene: &Scene, asked: &Asked) -> Duration {
    Duration::from_millis(u64::from(asked.count + 1) * asked.every_ms) + scene.answer() + padding(asked)
}

/// Hears what came of it to its end.
async fn hear(scene: &Scene, page: &Page, asked: &Asked, mut answer: Answer) -> Heard {
    if answer.head.status != 200 {
        let (body, _) = timeout(scene.answer(), answer.read(300)).await.unwrap_or_default();
        page.pen.note(Event::Foreign(Untrusted::from_bytes(&body, 300)));
        page.pen.note(Event::Closed(Why::Done));
        return Heard::default();
    }
    let between = Duration::from_millis(2 * asked.every_ms) + scene.answer() + padding(asked);
    let weighs = !matches!(asked.kind, Kind::Resumed | Kind::Together);
    let patience = Patience { first: lasts(scene, asked), between, enough: None, weighs };
    listen(scene, page, ROUTE, &mut answer, patience).await
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
