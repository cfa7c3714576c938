//! Ends a WebSocket after so many bytes, in the middle of a frame if need be.

use super::frames::{Act, carry};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::sync::Arc;

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "close-after-bytes",
    does: "ends WebSockets after so many bytes, those of both ways together",
    seen: "content inspection with a quota; none is known by name",
    layer: Layer::Http,
    parameters: &[Parameter {
        name: "bytes",
        kind: Kind::Number(1, 1 << 40),
        default: "8000",
        means: "how many pass, of those behind the 101",
    }],
    build: |spec, _| Arc::new(CloseAfterBytes { bytes: usize::try_from(spec.number("bytes")).unwrap_or(usize::MAX) }),
};

struct CloseAfterBytes {
    bytes: usize,
}

impl Middlebox for CloseAfterBytes {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let mut left = self.bytes;
        Box::pin(async move {
            carry(client, onward, None, |_, frame| {
                let mut act = Act::pass(&frame);
                act.on.truncate(left);
                left -= act.on.len();
                Act { over: left == 0, ..act }
            })
            .await;
        })
    }
}
