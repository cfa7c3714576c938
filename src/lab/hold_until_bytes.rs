//! Holds a stream until so many bytes of it have come.

use super::Middlebox;
use super::stream::Stream;
use proxyprobe_probes::io::{BoxFuture, Io};

/// Holds streams until a buffer is full.
#[derive(Clone, Copy, Debug)]
pub struct HoldUntilBytes {
    /// The size of the buffer.
    pub bytes: usize,
    /// What happens then.
    pub then: Then,
}

/// What happens when the buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// All of it is passed on, and the next bytes are held again.
    HoldsAgain,
    /// Whole buffers are passed on, and what is left over is held.
    KeepsTheRest,
    /// All of it is passed on, and so is everything behind it.
    Flows,
}

impl Middlebox for HoldUntilBytes {
    fn carry(&self, client: Io, server: Io) -> BoxFuture<'static, ()> {
        let Self { bytes, then } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, server).await else { return };
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
