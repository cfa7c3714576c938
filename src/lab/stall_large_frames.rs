//! Collects frames in a buffer and waits for ever for the rest of one that is larger than it (no product is known for it by name; a
//! fixed buffer in a box that follows an upgrade is the usual explanation).

use super::frames::{Act, Way, carry};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "stall-large-frames",
    does: "waits for ever for the rest of a WebSocket message that is larger than its buffer",
    seen: "boxes that follow an upgrade with a fixed buffer; none is known by name",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "above", kind: Kind::Number(1, 1 << 20), default: "1000", means: "the largest message that passes" },
        Way::PARAMETER,
    ],
    build: |spec, _| Arc::new(StallLargeFrames { above: usize::try_from(spec.number("above")).unwrap_or(0), way: Way::of(spec) }),
};

/// From the first large frame on, nothing passes in its direction.
#[derive(Clone, Copy, Debug)]
struct StallLargeFrames {
    /// Frames with a larger payload are large; so much of one still passes.
    above: usize,
    /// Which way; none is either, each by itself.
    way: Option<Way>,
}

impl Middlebox for StallLargeFrames {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { above, way } = *self;
        Box::pin(async move {
            let mut stalled = Vec::new();
            carry(client, onward, None, |goes, frame| {
                if stalled.contains(&goes) {
                    return Act::default();
                }
                let size = frame.payload.len();
                if size <= above || way.is_some_and(|way| way != goes) {
                    return Act::pass(&frame);
                }
                stalled.push(goes);
                let mut on = frame.bytes();
                on.truncate(on.len() - (size - above));
                Act { on, ..Act::default() }
            })
            .await;
        })
    }
}
