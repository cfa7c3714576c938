//! The server's half: keeps still, and speaks first when asked to.

use crate::io::events::{Schedule, stream_reply};
use crate::io::testify::{Call, Manner, Reply, converse};
use std::time::Duration;

/// A WebSocket; `silent_ms` makes the server speak first after that silence.
pub(super) const WEBSOCKET: &str = "idle-websocket";
/// An event stream whose one event comes after `silent_ms`.
pub(super) const EVENTS: &str = "idle-sse";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[WEBSOCKET, EVENTS];

pub(super) async fn testify(call: Call) -> Reply {
    let silence = call.number("silent_ms").map(Duration::from_millis);
    if call.route == EVENTS {
        let silence = silence.unwrap_or_default();
        return stream_reply(
            call,
            Schedule { first: 1, count: 1, silence, every: Duration::from_secs(1), hinted: true, sizes: None },
        );
    }
    let manner = Manner { ticks: None, after_silence: silence };
    let pen = call.pen.clone();
    call.websocket(move |talk, stop| converse(talk, manner, pen, stop))
}
