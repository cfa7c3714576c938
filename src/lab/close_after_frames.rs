//! Ends a WebSocket after so much of it: frames or bytes (what content inspection with a quota does; no product is known by name).

use super::Middlebox;
use super::frames::{Act, carry};
use proxyprobe_probes::io::{BoxFuture, Io};

/// Ends WebSockets after so many frames of either way together.
#[derive(Clone, Copy, Debug)]
pub struct CloseAfterFrames {
    /// So many pass.
    pub frames: usize,
}

/// Ends WebSockets after so many bytes of either way together, in the middle of a frame if need be.
#[derive(Clone, Copy, Debug)]
pub struct CloseAfterBytes {
    /// So many pass, of those behind the 101.
    pub bytes: usize,
}

impl Middlebox for CloseAfterFrames {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let mut left = self.frames;
        Box::pin(async move {
            carry(client, server, None, |_, frame| {
                left = left.saturating_sub(1);
                Act { over: left == 0, ..Act::pass(&frame) }
            })
            .await;
        })
    }
}

impl Middlebox for CloseAfterBytes {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let mut left = self.bytes;
        Box::pin(async move {
            carry(client, server, None, |_, frame| {
                let mut act = Act::pass(&frame);
                act.on.truncate(left);
                left -= act.on.len();
                Act { over: left == 0, ..act }
            })
            .await;
        })
    }
}
