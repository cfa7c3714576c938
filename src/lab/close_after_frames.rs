//! Ends a WebSocket after so many frames.

use super::frames::{Act, carry};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "close-after-frames",
    does: "ends WebSockets after so many frames, those of both ways together",
    seen: "content inspection with a quota; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter { name: "frames", kind: Kind::Number(1, 1 << 32), default: "12", means: "how many pass" }],
    build: |spec, _| Arc::new(CloseAfterFrames { frames: spec.number("frames") }),
};

struct CloseAfterFrames {
    frames: u64,
}

impl Middlebox for CloseAfterFrames {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let mut left = self.frames;
        Box::pin(async move {
            carry(client, onward, None, |_, frame| {
                left = left.saturating_sub(1);
                Act { over: left == 0, ..Act::pass(&frame) }
            })
            .await;
        })
    }
}
