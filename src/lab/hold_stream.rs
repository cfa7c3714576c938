//! Holds answers until they end, as what scans or buffers them does.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "hold-stream",
    does: "holds streamed answers until they end",
    seen: "Cloud SWG, mitmproxy, Sophos, e2guardian, Privoxy and other scanners; FortiGate in proxy mode; Varnish with do_stream off",
    layer: Layer::Http,
    parameters: &[
        Parameter {
            name: "which",
            kind: Kind::Choice(&["event-streams", "always", "text", "not-asked-for", "close-delimited"]),
            default: "event-streams",
            means: "the answers that it holds: event streams by their type, all, those of the type text/plain, those that were not asked for with Accept: text/event-stream, those that end with their connection",
        },
        Parameter {
            name: "hint",
            kind: Kind::Choice(&["ignored", "obeyed"]),
            default: "ignored",
            means: "what X-Accel-Buffering: no does",
        },
        Parameter {
            name: "head",
            kind: Kind::Choice(&["held", "passed"]),
            default: "held",
            means: "what becomes of the head of the answer",
        },
    ],
    build: |spec, _| {
        let which = match spec.word("which") {
            "always" => Held::Always,
            "text" => Held::Text,
            "not-asked-for" => Held::NotAskedFor,
            "close-delimited" => Held::CloseDelimited,
            _ => Held::EventStreams,
        };
        Arc::new(HoldStream { which, obeys_hint: spec.word("hint") == "obeyed", holds_head: spec.word("head") == "held" })
    },
};

/// Holds streams until they end.
#[derive(Clone, Copy, Debug)]
struct HoldStream {
    /// Which.
    which: Held,
    /// Whether `X-Accel-Buffering: no` is obeyed, as nginx does.
    obeys_hint: bool,
    /// Whether the head of the answer waits for the end as well.
    holds_head: bool,
}

/// Which answers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// All of them.
    Always,
    /// Those of the type `text/event-stream`.
    EventStreams,
    /// Those of the type `text/plain`.
    Text,
    /// Those that were not asked for with `Accept: text/event-stream`.
    NotAskedFor,
    /// Those whose end only the end of the connection tells.
    CloseDelimited,
}

impl HoldStream {
    fn holds(&self, stream: &Stream) -> bool {
        let answer = &stream.answer;
        let chosen = match self.which {
            Held::Always => true,
            Held::EventStreams => answer.is_event_stream(),
            Held::Text => answer.get("content-type").is_some_and(|of| of.to_ascii_lowercase().starts_with("text/plain")),
            Held::NotAskedFor => !stream.request.wants_events(),
            Held::CloseDelimited => answer.get("transfer-encoding").or(answer.get("content-length")).is_none(),
        };
        chosen && !(self.obeys_hint && answer.get("x-accel-buffering").is_some_and(|hint| hint.eq_ignore_ascii_case("no")))
    }
}

impl Middlebox for HoldStream {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let how = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of(client, onward, |request| !request.wants_websocket()).await else { return };
            if !how.holds(&stream) {
                stream.pass().await;
                return;
            }
            if !how.holds_head && !stream.begin().await {
                return;
            }
            let held = stream.rest().await;
            if (how.holds_head && !stream.begin().await) || !stream.say(&held).await {
                return;
            }
            // What is more than it can keep flows.
            while let Some(piece) = stream.next().await {
                if !stream.say(&piece).await {
                    return;
                }
            }
            stream.end().await;
        })
    }
}
