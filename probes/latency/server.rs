//! The server's half: echoes frames and the bodies of requests, and streams beside them.

use crate::io::events::MEDIA_TYPE;
use crate::io::streaming::{Schedule, stream_reply};
use crate::io::testify::{Call, Manner, Reply, converse};
use crate::timeline::{Event, What};
use crate::wire::Message;
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use std::time::Duration;
use tokio::time::timeout;

/// A WebSocket that echoes.
pub(super) const WEBSOCKET: &str = "latency-websocket";
/// A POST whose body is a message, which is echoed.
pub(super) const POST: &str = "latency-post";
/// An event stream with a steady beat.
pub(super) const STREAM: &str = "latency-sse";
/// The routes of this probe.
pub(super) const ROUTES: &[&str] = &[WEBSOCKET, POST, STREAM];

/// The beat of the stream: often enough to tell that it lives while a request waits.
pub(super) const BEAT_MS: u64 = 250;
/// The most events: two minutes, longer than any series of requests takes.
const EVENTS: u32 = 480;

/// The most bytes of a body: a message has less than a hundred.
const BODY_BYTES: usize = 1024;
/// How long a body may take: three retransmissions, as everywhere.
const BODY_TIME: Duration = Duration::from_secs(10);

pub(super) async fn testify(mut call: Call) -> Reply {
    match call.route.as_str() {
        STREAM => {
            let every = Duration::from_millis(BEAT_MS);
            stream_reply(
                call,
                Schedule {
                    first: 1,
                    count: EVENTS,
                    silence: every / 2,
                    every,
                    hinted: true,
                    media_type: MEDIA_TYPE,
                    close_delimited: false,
                    sizes: None,
                    comments: None,
                },
            )
        }
        POST => {
            // What its head brought goes before the body is waited for: a connection may have a hundred of them.
            (*call.request.headers_mut(), *call.request.uri_mut()) = (HeaderMap::new(), Uri::default());
            let body = Limited::new(call.request.body_mut(), BODY_BYTES).collect();
            let text = match timeout(BODY_TIME, body).await {
                Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                Ok(Err(_)) | Err(_) => String::new(),
            };
            match Message::read(text.trim_end()).filter(|message| message.word == call.nonce) {
                Some(message) if message.what == What::Frame => {
                    call.pen.note(Event::Received(What::Frame, message.number, Some(message.sent_ms)));
                    call.numbered_answer(StatusCode::OK, What::Echo, message.number)
                }
                // It came without what it carried, or with something else.
                _ => call.answer(StatusCode::UNPROCESSABLE_ENTITY, What::Body),
            }
        }
        _ => {
            let pen = call.pen.clone();
            call.websocket(move |talk, stop| converse(talk, Manner::default(), pen, stop))
        }
    }
}
