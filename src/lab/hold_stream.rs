//! Holds answers until they end, as what scans or buffers them does.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Holds streams until they end.
#[derive(Clone, Copy, Debug)]
pub struct HoldStream {
    /// Which.
    pub only: Held,
    /// Whether `X-Accel-Buffering: no` is obeyed, as nginx does.
    pub obeys_hint: bool,
    /// Whether the head of the answer waits for the end as well.
    pub holds_head: bool,
}

/// Which answers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// All of them.
    Always,
    /// Those of the type `text/event-stream`.
    EventStreams,
    /// Those that were not asked for with `Accept: text/event-stream`.
    NotAskedFor,
    /// Those whose end only the end of the connection tells.
    CloseDelimited,
}

impl HoldStream {
    fn holds(&self, stream: &Stream) -> bool {
        let answer = &stream.answer;
        let chosen = match self.only {
            Held::Always => true,
            Held::EventStreams => answer.get("content-type").is_some_and(|of| of.starts_with("text/event-stream")),
            Held::NotAskedFor => !stream.request.wants_events(),
            Held::CloseDelimited => answer.get("transfer-encoding").or(answer.get("content-length")).is_none(),
        };
        chosen && !(self.obeys_hint && answer.get("x-accel-buffering") == Some("no"))
    }
}

impl Middlebox for HoldStream {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of(client, server, |request| !request.wants_websocket()).await else { return };
            if !how.holds(&stream) {
                stream.pass().await;
                return;
            }
            if !how.holds_head && !stream.begin().await {
                return;
            }
            let held = stream.rest().await;
            if (!how.holds_head || stream.begin().await) && stream.say(&held).await {
                stream.end().await;
            }
        })
    }
}
