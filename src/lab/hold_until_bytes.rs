//! Holds a stream until so many bytes of it have come.

use super::stream::Stream;
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "hold-until-bytes",
    does: "holds event streams until so many bytes have come",
    seen: "nginx (4 KiB blocks), e2guardian (2 MiB), Privoxy with filters (4 MiB)",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "bytes", kind: Kind::Number(1, 1 << 30), default: "4096", means: "the size of the buffer" },
        Parameter {
            name: "then",
            kind: Kind::Choice(&["holds-again", "keeps-the-rest", "flows"]),
            default: "holds-again",
            means: "what happens when it is full: all is passed on and the next bytes are held; whole buffers are passed on; everything flows from then on",
        },
    ],
    build: |spec, _| {
        let then = match spec.word("then") {
            "keeps-the-rest" => Then::KeepsTheRest,
            "flows" => Then::Flows,
            _ => Then::HoldsAgain,
        };
        Arc::new(HoldUntilBytes { bytes: usize::try_from(spec.number("bytes")).unwrap_or(usize::MAX), then })
    },
};

/// Holds streams until a buffer is full.
#[derive(Clone, Copy, Debug)]
struct HoldUntilBytes {
    /// The size of the buffer.
    bytes: usize,
    /// What happens then.
    then: Then,
}

/// What happens when the buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// All of it is passed on, and the next bytes are held again.
    HoldsAgain,
    /// Whole buffers are passed on, and what is left over is held.
    KeepsTheRest,
    /// All of it is passed on, and so is everything behind it.
    Flows,
}

impl Middlebox for HoldUntilBytes {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { bytes, then } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held = Vec::new();
            let mut flows = false;
            while let Some(piece) = stream.next().await {
                held.extend(piece);
                if !flows && held.len() < bytes {
                    continue;
                }
                flows = then == Then::Flows;
                let kept = if then == Then::KeepsTheRest { held.len() % bytes.max(1) } else { 0 };
                let rest = held.split_off(held.len() - kept);
                if !stream.say(&held).await {
                    return;
                }
                held = rest;
            }
            if stream.say(&held).await {
                stream.end().await;
            }
        })
    }
}
