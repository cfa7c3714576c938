//! Collects frames in a buffer and waits for ever for the rest of one that is larger than it (no product is known for it by name; a
//! fixed buffer in a box that follows an upgrade is the usual explanation).

use super::Middlebox;
use super::frames::{Act, Way, carry};
use proxyprobe_probes::io::{BoxFuture, Io};

/// From the first large frame on, nothing passes in its direction.
#[derive(Clone, Copy, Debug)]
pub struct StallLargeFrames {
    /// Frames with a larger payload are large; so much of one still passes.
    pub above: usize,
    /// Which way; none is either, each by itself.
    pub way: Option<Way>,
}

impl Middlebox for StallLargeFrames {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { above, way } = *self;
        Box::pin(async move {
            let mut stalled = Vec::new();
            carry(client, server, None, |goes, frame| {
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
