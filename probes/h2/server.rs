//! The server's half: the session, event streams, and a WebSocket that echoes.

use super::{BULK_BYTES, FIRST};
use crate::io::events::MEDIA_TYPE;
use crate::io::streaming::{Schedule, stream_reply};
use crate::io::testify::{Call, Manner, Reply, converse};
use crate::timeline::{Event, What, Why};
use http::StatusCode;
use std::time::Duration;

/// An event stream; it has no hints, which the way of HTTP/2 to the client would not need.
pub(super) const STREAM: &str = "h2-sse";
/// A WebSocket (RFC 8441).
pub(super) const WEBSOCKET: &str = "h2-websocket";
/// No stream here has more events, or has them closer together: ten minutes of one a second are more than any run asks for.
const MOST_EVENTS: u32 = 600;
const SHORTEST: Duration = Duration::from_millis(20);
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[FIRST, STREAM, WEBSOCKET];

pub(super) async fn testify(call: Call) -> Reply {
    match call.route.as_str() {
        STREAM => {
            let ms = |name| Duration::from_millis(call.number(name).unwrap_or(0));
            let count = call.number("count").and_then(|count| u32::try_from(count).ok()).unwrap_or(1).min(MOST_EVENTS);
            let (silence, every) = (ms("silence_ms"), ms("every_ms").max(SHORTEST));
            let sizes: Option<fn(u32) -> u64> = if call.flag("bulk") { Some(|_| BULK_BYTES) } else { None };
            let schedule = Schedule {
                first: 1,
                count,
                silence,
                every,
                hinted: true,
                sizes,
                comments: None,
                media_type: MEDIA_TYPE,
                close_delimited: false,
            };
            stream_reply(call, schedule)
        }
        WEBSOCKET => {
            let pen = call.pen.clone();
            call.websocket(move |talk, stop| converse(talk, Manner::default(), pen, stop))
        }
        _ => {
            call.below.tls(call.tls.as_deref().cloned());
            let reply = call.answer(StatusCode::OK, What::Body);
            call.pen.note(Event::Closed(Why::Done));
            reply
        }
    }
}
