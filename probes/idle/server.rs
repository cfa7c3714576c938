//! The server's half: keeps still, speaks first when asked to, or shows that it is alive, in one way.

use crate::io::events::MEDIA_TYPE;
use crate::io::streaming::{Schedule, stream_reply};
use crate::io::testify::{Beat, Call, Manner, Reply, converse};
use crate::timeline::What;
use std::time::Duration;

/// A WebSocket; `silent_ms` makes the server speak first after that silence, `signs` makes it tick or ping every `every_ms`.
pub(super) const WEBSOCKET: &str = "idle-websocket";
/// An event stream whose one event comes after `silent_ms`, with a comment every `every_ms` until then.
pub(super) const EVENTS: &str = "idle-sse";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[WEBSOCKET, EVENTS];

/// The least time between two signs of life, in milliseconds: nobody makes this server chatter.
const LEAST_EVERY_MS: u64 = 500;

pub(super) async fn testify(call: Call) -> Reply {
    let silence = call.number("silent_ms").map(Duration::from_millis);
    let every = call.number("every_ms").map(|ms| Duration::from_millis(ms.max(LEAST_EVERY_MS)));
    if call.route == EVENTS {
        let silence = silence.unwrap_or_default();
        return stream_reply(
            call,
            Schedule {
                first: 1,
                count: 1,
                silence,
                comments: every,
                every: Duration::from_secs(1),
                hinted: true,
                media_type: MEDIA_TYPE,
                close_delimited: false,
                sizes: None,
            },
        );
    }
    let what = match call.word("signs") {
        Some("pings") => Some(What::Ping),
        Some("ticks") => Some(What::Tick),
        _ => None,
    };
    // Until the client leaves, or the server's limit for a connection.
    let beat = what.zip(every).map(|(what, every)| Beat { what, count: u32::MAX, every });
    let manner = Manner { beat, after_silence: silence, ..Manner::default() };
    let pen = call.pen.clone();
    call.websocket(move |talk, stop| converse(talk, manner, pen, stop))
}
