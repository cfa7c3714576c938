//! The server's half: echoes, or streams an event at a steady beat.

use super::Asked;
use crate::io::events::MEDIA_TYPE;
use crate::io::streaming::{Schedule, stream_reply};
use crate::io::testify::{Call, Manner, Reply, converse};
use crate::transport::Transport;
use std::time::Duration;

/// A WebSocket that echoes.
pub(super) const WEBSOCKET: &str = "lifetime-websocket";
/// An event stream; `busy_ms` and `every_ms` say for how long and how often.
pub(super) const EVENTS: &str = "lifetime-sse";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[WEBSOCKET, EVENTS];

pub(super) async fn testify(call: Call) -> Reply {
    if call.route == EVENTS {
        let every_ms = call.number("every_ms").unwrap_or(1000).max(100);
        let busy_ms = call.number("busy_ms").unwrap_or(0);
        let count = Asked { transport: Transport::Sse, busy_ms, every_ms }.events();
        let every = Duration::from_millis(every_ms);
        return stream_reply(
            call,
            Schedule {
                first: 1,
                count,
                silence: every / 2,
                comments: None,
                every,
                hinted: true,
                media_type: MEDIA_TYPE,
                close_delimited: false,
                sizes: None,
            },
        );
    }
    let pen = call.pen.clone();
    call.websocket(move |talk, stop| converse(talk, Manner::default(), pen, stop))
}
