//! Lets a stream through drop by drop, as scanners do to keep the client waiting ("client comforting", "data trickling").

use super::stream::{KEPT, LEAST, Stream};
use super::{Entry, Kind, Layer, Middlebox, Onward, Parameter};
use proxyprobe_probes::io::{BoxFuture, Io};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Its row.
pub(super) const ENTRY: Entry = Entry {
    name: "trickle-stream",
    does: "lets event streams through a few bytes at a time",
    seen: "FortiGate client comforting, ProxySG data trickling, e2guardian, McAfee Web Gateway",
    layer: Layer::Http,
    parameters: &[
        Parameter { name: "bytes", kind: Kind::Number(1, 1 << 20), default: "1", means: "how many bytes at a time" },
        Parameter { name: "every", kind: Kind::Seconds, default: "0.1", means: "how far apart" },
    ],
    build: |spec, _| {
        Arc::new(TrickleStream {
            bytes: usize::try_from(spec.number("bytes")).unwrap_or(1),
            every: spec.seconds("every").max(LEAST),
        })
    },
};

/// Lets streams trickle.
#[derive(Clone, Copy, Debug)]
struct TrickleStream {
    /// So many bytes at a time.
    bytes: usize,
    /// So far apart.
    every: Duration,
}

impl Middlebox for TrickleStream {
    fn carry(&self, client: Io, onward: Onward) -> BoxFuture<'static, ()> {
        let Self { bytes, every } = *self;
        Box::pin(async move {
            let Some(mut stream) = Stream::of_events(client, onward).await else { return };
            if !stream.begin().await {
                return;
            }
            let mut held: VecDeque<u8> = VecDeque::new();
            let mut open = true;
            let mut due = Instant::now() + every;
            while open || !held.is_empty() {
                tokio::select! {
                    biased;
                    piece = stream.next(), if open && held.len() < KEPT => match piece {
                        Some(piece) => held.extend(piece),
                        None => open = false,
                    },
                    () = sleep_until(due) => {
                        due += every;
                        let drop: Vec<u8> = held.drain(..held.len().min(bytes)).collect();
                        if !stream.say(&drop).await {
                            return;
                        }
                    }
                }
            }
            stream.end().await;
        })
    }
}
