//! The server's half: streams numbered events at an irregular beat, and goes on where a reconnecting client left off.

use super::{MediaType, PADDED_STEPS, padded_size};
use crate::io::streaming::{Schedule, stream_reply};
use crate::io::testify::{Call, Reply};
use std::time::Duration;

/// The stream; `count`, `every_ms`, `type` and the flags `hinted`, `padded` and `close` say what it is like.
pub(super) const ROUTE: &str = "sse";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[ROUTE];
/// No client asks for more events than this.
const EVENTS: u64 = 200;

pub(super) async fn testify(call: Call) -> Reply {
    let last: Option<u32> =
        call.request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let padded = call.flag("padded");
    let most = if padded { u64::from(PADDED_STEPS) + 1 } else { EVENTS };
    let count = call.number("count").unwrap_or(10).min(most);
    let every = Duration::from_millis(call.number("every_ms").unwrap_or(300).max(20));
    let schedule = Schedule {
        first: last.map_or(1, |id| id.saturating_add(1)),
        count: u32::try_from(count).unwrap_or(0),
        comments: None,
        silence: every / 2,
        every,
        hinted: call.flag("hinted"),
        media_type: call.word("type").and_then(MediaType::of).unwrap_or_default().as_str(),
        close_delimited: call.flag("close"),
        sizes: padded.then_some(padded_size),
    };
    stream_reply(call, schedule)
}
